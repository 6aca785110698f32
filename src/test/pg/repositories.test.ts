import { runOnPostgres } from './use-postgres.ts'

await runOnPostgres(() => import('../../store/repositories.test.ts'))
