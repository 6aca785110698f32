import { runOnPostgres } from './use-postgres.ts'

await runOnPostgres(() => import('../../store/ca-store.test.ts'))
