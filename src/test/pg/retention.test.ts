import { runOnPostgres } from './use-postgres.ts'

await runOnPostgres(() => import('../../store/retention.test.ts'))
