/** For the knex command line: `knex migrate:list --knexfile knexfile.ts`. The service itself migrates on start. */
import { join } from 'node:path'
import { buildKnexConfig } from './src/store/database.ts'

const url = process.env.YINXIN_DATABASE
const dataDir = process.env.YINXIN_DATA ?? 'data'

/** The one environment: the data folder, or PostgreSQL when its address is given. */
export const development = buildKnexConfig(
  url === undefined
    ? { client: 'sqlite3', file: join(dataDir, 'yinxin.sqlite') }
    : { client: 'pg', connection: url },
)
