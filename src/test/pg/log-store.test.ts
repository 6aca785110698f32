import { runOnPostgres } from './use-postgres.ts'

await runOnPostgres(() => import('../../store/log-store.test.ts'))
