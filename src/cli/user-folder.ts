/** Where relative paths of a command are meant from: npm starts a script in the folder of the package. */
import { join } from 'node:path'

type Environment = Readonly<Record<string, string | undefined>>

const SCRIPTS = ['yinxin', 'start', 'demo']

/**
 * Goes back to the folder in which somebody typed `npm run yinxin`; the data folder stays that of the package unless it
 * is named.
 *
 * @param root folder of the package
 * @param system the process, or what stands for it
 * @returns the environment to read settings from
 */
export function enterUserFolder(
  env: Environment,
  root: string,
  system: { cwd(): string; chdir(folder: string): void },
): Environment {
  const { INIT_CWD: folder, npm_lifecycle_event: script, npm_package_json: file } = env
  // A program that another script started inherits these too, and stands where that script put it.
  const isOurs =
    SCRIPTS.includes(script ?? '') && file === join(root, 'package.json') && system.cwd() === root
  if (!folder || !isOurs || folder === root) return env
  system.chdir(folder)
  return { YINXIN_DATA: join(root, 'data'), ...env }
}
