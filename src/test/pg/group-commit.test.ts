import { runOnPostgres } from './use-postgres.ts'

await runOnPostgres(() => import('../../store/group-commit.test.ts'))
