/** Configuration changes are records: what a start finds different from the last one is written down, by hash. */
import { createHash } from 'node:crypto'
import type { Config } from '../config.ts'
import type { BaseDeps } from './deps.ts'

const SETTING = 'configuration.seen'

const hashOf = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex')

/** Hashes of what governs the service: its settings, and each certificate profile as loaded. */
function facts(config: Config, profiles: BaseDeps['ca']['profiles']): Record<string, string> {
  // Where a process keeps its things, and what it knows the database by, says nothing about what it does.
  const {
    dataDir: _place,
    documentsDir: _documents,
    database: _secret,
    databaseReplica: _replica,
    ...settings
  } = config
  const named = profiles.map(({ name, sha256 }): [string, string] => [`profile ${name}`, sha256])
  return { settings: hashOf(settings), ...Object.fromEntries(named) }
}

type ConfigurationDeps = Pick<BaseDeps, 'ca' | 'config' | 'store' | 'now'>

/** Writes `config.changed` with the names and hashes of what changed since the last start, once. */
export async function recordConfiguration({ ca, config, store, now }: ConfigurationDeps): Promise<void> {
  const current = facts(config, ca.profiles)
  const seen = ((await store.settings.read(SETTING)) ?? {}) as Record<string, string>
  const changed = Object.fromEntries(
    Object.entries(current).filter(([name, sha256]) => seen[name] !== sha256),
  )
  const removed = Object.keys(seen).filter((name) => !(name in current))
  if (Object.keys(changed).length + removed.length === 0) return
  const at = now()
  await store.settings.write(SETTING, current, at, [
    { type: 'config.changed', at, actor: 'system', tenant: null, data: { changed, removed } },
  ])
}
