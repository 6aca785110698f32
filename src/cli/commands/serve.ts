/** `yinxin serve`: the service. On its first start it makes an evaluation CA and prints the first API key once. */
import { type Config, readConfig } from '../../config.ts'
import { serve } from '../../serve.ts'
import type { Command } from '../command.ts'
import type { CliContext } from '../context.ts'
import { firstKey } from '../first-key.ts'
import { findFreePort } from '../free-port.ts'

const untilSignal = (): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
  })

/** Port 0 asks for a free one: the address goes into certificates and links, so it is found before anything is made. */
async function withPort(env: CliContext['env']): Promise<Config> {
  const config = readConfig(env)
  return config.port === 0
    ? readConfig({ ...env, YINXIN_PORT: String(await findFreePort(config.host)) })
    : config
}

export const serveCommand: Command<CliContext> = {
  name: 'serve',
  summary: 'serve the API, the protocols and the pages',
  positionals: [],
  options: {
    host: { value: 'HOST', help: 'address to listen on (YINXIN_HOST, or 127.0.0.1)' },
    port: { value: 'PORT', help: 'port to listen on; 0: a free one (YINXIN_PORT, or 8080)' },
  },
  async run({ options }, { openHouse, env }, printer) {
    const { data, host, port } = options
    const config = await withPort({
      ...env,
      ...(host === undefined ? {} : { YINXIN_HOST: host }),
      ...(port === undefined ? {} : { YINXIN_PORT: port }),
      ...(data === undefined ? {} : { YINXIN_DATA: data }),
    })
    const stopped = untilSignal()
    const house = await openHouse(config, { serving: true, rotate: { actor: 'system', force: false } })
    // A key made before the service stands would be lost with a start that fails: it is shown once.
    const running = await serve(house).catch(async (error: unknown) => {
      await house.close()
      throw error
    })
    const key = await firstKey(house)
    printer.result(
      { address: running.address, ...(key === undefined ? {} : { apiKey: key }), dataDir: config.dataDir },
      `Yinxin 印信 serves ${running.address}  (pages /, API reference /docs, verify a file /verify)`,
      ...(house.material.name === 'evaluation'
        ? ['This CA is for evaluation only 仅供评估: nobody should rely on it.']
        : []),
      ...(key === undefined ? [] : [`First API key, shown once 首个密钥，仅显示一次: ${key}`]),
    )
    await stopped
    await running.close().finally(() => house.close())
    return 0
  },
}
