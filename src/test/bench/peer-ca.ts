// CAs of the peers, made with openssl: cfssl and openssl's own responder and time-stamp command work over them.
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findTool, run } from '../judges.ts'
import type { Setting } from './benchmark.ts'
import { findFreePort, type Server, startServer } from './processes.ts'

async function openssl(cwd: string, args: readonly string[]): Promise<void> {
  const { status, stderr } = await run('openssl', args, { cwd })
  if (status !== 0) throw new Error(`openssl ${args[0] ?? ''}: ${stderr}`)
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

async function makeRoot(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await openssl(folder, ['req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '30', '-subj', '/CN=TEST ONLY peer CA']) // prettier-ignore
}

/** A certificate below the root with these extensions. */
async function certify(folder: string, name: string, extensions: string): Promise<void> {
  await writeFile(join(folder, `${name}.ext`), extensions)
  await openssl(folder, ['req', '-new', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=TEST ONLY ${name}`]) // prettier-ignore
  await openssl(folder, ['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30', '-extfile', `${name}.ext`, '-out', `${name}.pem`]) // prettier-ignore
}

const isListening = (port: number) => async (): Promise<boolean> =>
  (await fetch(`http://127.0.0.1:${port}/`)).status > 0

/** `cfssl serve` with a local P-256 CA and no database; undefined where it is not installed. */
export async function startCfssl({ folder }: Setting): Promise<Server | undefined> {
  if (findTool('cfssl') === undefined) return undefined
  const home = join(folder, 'cfssl')
  await makeRoot(home)
  const usages = ['digital signature', 'client auth']
  const config = { signing: { default: { expiry: '8760h', usages } } }
  await writeFile(join(home, 'config.json'), JSON.stringify(config))
  const port = await findFreePort()
  const files = ['-ca', 'ca.pem', '-ca-key', 'ca.key', '-config', 'config.json']
  return startServer({
    command: 'cfssl',
    args: ['serve', '-address', '127.0.0.1', '-port', String(port), ...files],
    port,
    cwd: home,
    logFile: join(folder, 'cfssl.log'),
    isReady: isListening(port),
  })
}

/** openssl's OCSP responder with the CA that it answers for. */
export type OcspPeer = {
  readonly server: Server
  readonly issuerDer: Uint8Array
  readonly serials: readonly string[]
}

const derOfPem = (pem: string): Uint8Array =>
  new Uint8Array(Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64'))

const YEAR_AHEAD = `${String((new Date().getUTCFullYear() + 1) % 100).padStart(2, '0')}0101000000Z`

/** `openssl ocsp -port` over an index of so many valid certificates. */
export async function startOpensslOcsp(
  { folder }: Setting,
  certificates: number,
): Promise<OcspPeer | undefined> {
  if (findTool('openssl') === undefined) return undefined
  const home = join(folder, 'openssl-ocsp')
  await makeRoot(home)
  await certify(home, 'ocsp', 'extendedKeyUsage=OCSPSigning\n')
  const serials = Array.from({ length: certificates }, () => `01${randomBytes(15).toString('hex')}`)
  const lines = serials.map(
    (serial) => `V\t${YEAR_AHEAD}\t\t${serial.toUpperCase()}\tunknown\t/CN=${serial}\n`,
  )
  await writeFile(join(home, 'index.txt'), lines.join(''))
  const port = await findFreePort()
  const signer = ['-rsigner', 'ocsp.pem', '-rkey', 'ocsp.key', '-CA', 'ca.pem', '-nmin', '60']
  const server = await startServer({
    command: 'openssl',
    args: ['ocsp', '-index', 'index.txt', '-port', String(port), ...signer, '-ignore_err'],
    port,
    cwd: home,
    logFile: join(folder, 'openssl-ocsp.log'),
    isReady: isListening(port),
  })
  return { server, issuerDer: derOfPem(await readFile(join(home, 'ca.pem'), 'utf8')), serials }
}

const TSA_CONFIG = `[tsa]
default_tsa = bench
[bench]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
ess_cert_id_alg = sha256
`

/** Makes one reply with `openssl ts`, a process each; undefined where it is not installed. */
export async function openOpensslTsa({
  folder,
}: Setting): Promise<((queryDer: Uint8Array) => Promise<void>) | undefined> {
  if (findTool('openssl') === undefined) return undefined
  const home = join(folder, 'openssl-tsa')
  await makeRoot(home)
  await certify(home, 'tsa', 'extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n')
  await writeFile(join(home, 'tsa.cnf'), TSA_CONFIG)
  await writeFile(join(home, 'serial'), '01\n')
  const query = join(home, 'query.tsq')
  const args = ['ts', '-reply', '-config', 'tsa.cnf', '-section', 'bench', '-signer', 'tsa.pem', '-inkey', 'tsa.key', '-chain', 'ca.pem', '-queryfile', query, '-out', 'reply.tsr'] // prettier-ignore
  return async (queryDer) => {
    await writeFile(query, queryDer)
    await openssl(home, args)
  }
}
