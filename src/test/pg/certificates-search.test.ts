import { runOnPostgres } from './use-postgres.ts'

await runOnPostgres(() => import('../../store/certificates-search.test.ts'))
