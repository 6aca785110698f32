/** Style, script and icon: read once, named by their hash, cached for ever. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Type } from 'typebox'
import { CodedError } from '../../ca/errors.ts'
import { type RouteDefinition, route } from '../http/route.ts'

export interface Asset {
  /** Address under which it is served; changes with its content. */
  readonly href: string
  readonly fileName: string
  readonly contentType: string
  readonly etag: string
  readonly bytes: Uint8Array
}

const FOLDER = join(import.meta.dirname, 'assets')

/** One asset from one or more files: what stands in several for its reader goes out as one. */
function readAsset(name: string, extension: string, contentType: string, files = [name]): Asset {
  const texts = files.map((file) => readFileSync(join(FOLDER, `${file}.${extension}`), 'utf8'))
  const bytes = new TextEncoder().encode(texts.join(''))
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 16)
  const fileName = `${name}.${hash}.${extension}`
  return { href: `/assets/${fileName}`, fileName, contentType, etag: `"${hash}"`, bytes }
}

export const STYLE = readAsset('site', 'css', 'text/css; charset=utf-8', ['frame', 'parts'])
export const SCRIPT = readAsset('site', 'js', 'text/javascript; charset=utf-8')
export const ICON = readAsset('seal', 'svg', 'image/svg+xml')

const ASSETS: ReadonlyMap<string, Asset> = new Map(
  [STYLE, SCRIPT, ICON].map((asset) => [asset.fileName, asset]),
)

/** Serves the assets of this version; a name of another version is not found, so a cache never mixes two. */
export const assetRoute = (): RouteDefinition =>
  route({
    method: 'GET',
    path: '/assets/{file}',
    operationId: 'asset',
    tag: 'Pages',
    summary: 'Style, script and icon of the pages',
    permission: 'public',
    params: Type.Object({ file: Type.String({ maxLength: 100 }) }),
    responses: {
      200: { description: 'The file', contentType: 'application/octet-stream' },
      304: { description: 'Not modified' },
    },
    errors: ['NOT_FOUND'],
    handler: async ({ params, header }) => {
      const asset = ASSETS.get(params.file)
      if (!asset) throw new CodedError('NOT_FOUND', 'no such file')
      const headers = { ETag: asset.etag, 'Cache-Control': 'public, max-age=31536000, immutable' }
      if (header('if-none-match') === asset.etag) return { status: 304, headers }
      return { status: 200, bytes: [asset.bytes], contentType: asset.contentType, headers }
    },
  })
