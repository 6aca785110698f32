/** `yinxin backup` and `yinxin restore`: everything but the passphrase, which is kept apart. */
import { cp, mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CodedError } from '../../../ca/errors.ts'
import { readConfig } from '../../config.ts'
import { makeFolders, placesOf, readIfPresent } from '../../house.ts'
import { checkRestore } from '../../services/restore.ts'
import type { Command } from '../command.ts'
import { type CliContext, withHouse } from '../context.ts'
import { counted } from '../counted.ts'

const isEmpty = async (folder: string): Promise<boolean> =>
  (await readdir(folder).catch(() => [])).length === 0

export const backupCommand: Command<CliContext> = {
  name: 'backup',
  summary: 'copy database, keys, documents, CA and checkpoint into a new folder while the service runs',
  positionals: [{ name: 'FOLDER', help: 'new folder' }],
  options: {},
  run: (input, context, printer) =>
    withHouse(input, context, async ({ store, config, services }, caller) => {
      const [folder = ''] = input.positionals
      if (!(await isEmpty(folder)))
        throw new CodedError(
          'STORE_BACKUP_FAILED',
          'FOLDER holds something: a backup is never written over another',
        )
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const places = placesOf(config)
      // The checkpoint first: the database copied after it can only be newer, and then restores.
      await cp(places.checkpoint, join(folder, 'checkpoint'))
      await cp(places.verifierKey, join(folder, 'verifier-key'))
      // The CA before database and keys: what a rotation adds in between is missing nowhere.
      await cp(places.material, join(folder, 'ca.json'))
      const facts = await store.backup(join(folder, 'yinxin.sqlite'), (done, total) =>
        printer.progress('bytes', done, total),
      )
      for (const name of ['keys', 'documents'] as const)
        await cp(places[name], join(folder, name), { recursive: true })
      await store.ca.record([
        {
          type: 'backup.done',
          at: services.now(),
          actor: caller.actor,
          tenant: null,
          data: { bytes: facts.bytes, treeSize: facts.treeSize, records: facts.records },
        },
      ])
      printer.result(
        { folder, ...facts },
        `Backed up ${counted(facts.records, 'record')} (${facts.bytes} bytes) to ${folder}.`,
        'The passphrase is not in it: keep it apart from this folder.',
      )
      return 0
    }),
}

export const restoreCommand: Command<CliContext> = {
  name: 'restore',
  summary: 'put a backup into an empty data folder; refused when it is older than the published log',
  positionals: [{ name: 'FOLDER', help: 'a folder made by backup' }],
  options: {
    checkpoint: { value: 'FILE', help: 'newest checkpoint known outside; that of the backup when left out' },
  },
  async run(input, { env }, printer) {
    const [folder = ''] = input.positionals
    const { data, checkpoint = join(folder, 'checkpoint') } = input.options
    const config = readConfig(env, data === undefined ? {} : { dataDir: data })
    const places = placesOf(config)
    if (
      (await readIfPresent(places.material)) !== undefined ||
      (await stat(places.database).catch(() => undefined))
    )
      throw new CodedError('STORE_BACKUP_FAILED', 'the data folder is not empty')
    const facts = await checkRestore(
      join(folder, 'yinxin.sqlite'),
      new Uint8Array(await readFile(checkpoint)),
    )
    await makeFolders(config)
    await cp(join(folder, 'yinxin.sqlite'), places.database)
    for (const name of ['keys', 'documents'] as const)
      await cp(join(folder, name), places[name], { recursive: true })
    await cp(checkpoint, places.checkpoint)
    const verifierKey = join(folder, 'verifier-key')
    if ((await readIfPresent(verifierKey)) !== undefined) await cp(verifierKey, places.verifierKey)
    await cp(join(folder, 'ca.json'), places.material)
    printer.result(
      { dataDir: config.dataDir, ...facts },
      `Restored ${counted(facts.records, 'record')} into ${config.dataDir}.`,
      `Put the passphrase into ${config.passphraseFile}, or name its file in YINXIN_PASSPHRASE_FILE.`,
    )
    return 0
  },
}
