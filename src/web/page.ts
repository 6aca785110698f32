/** What every page shares: its dependencies, its language, its headers, and the route that serves it. */
import { type TObject, Type } from 'typebox'
import { type Reply, type RequestContext, type RouteDefinition, route } from '../http/route.ts'
import type { ErrorCode } from '../lib/error-codes.ts'
import { type Html, renderHtml } from './html.ts'
import type { Institution } from './institution.ts'
import { type Language, languageTag } from './language.ts'
import { layout } from './layout.ts'
import { type PageView, pageView } from './view.ts'

export interface PageBody {
  readonly title: string
  readonly main: Html
  readonly status?: number
  readonly cacheControl?: string
}

/**
 * No inline script or style, no foreign host, no framing, forms only to ourselves. Even if a name were to
 * get past the escaping, it could not run, load or send anything.
 */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Headers of every page. */
const pageHeaders = (language: Language, cacheControl: string): Record<string, string> => ({
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'Content-Language': languageTag(language),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  'Cache-Control': cacheControl,
  Vary: 'Accept-Language',
})

/** The answer that carries a page. */
export function pageReply(view: PageView, body: PageBody): Reply {
  const text = renderHtml(layout(view, body.title, body.main))
  return {
    status: body.status ?? 200,
    bytes: [new TextEncoder().encode(text)],
    contentType: 'text/html; charset=utf-8',
    headers: pageHeaders(view.language, body.cacheControl ?? 'no-cache'),
  }
}

/** Query of every page: the language, and whatever a link from elsewhere adds. */
export const PageQuery = Type.Object(
  {
    lang: Type.Optional(
      Type.String({ maxLength: 100, description: 'zh or en; else Accept-Language decides' }),
    ),
  },
  { additionalProperties: true },
)

export interface PageDefinition {
  readonly path: string
  readonly operationId: string
  readonly summary: string
  readonly params?: TObject
  readonly errors?: readonly ErrorCode[]
  readonly render: (view: PageView, context: RequestContext<never, never>) => Promise<PageBody> | PageBody
}

const pathOf = (template: string, params: unknown): string =>
  template.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent((params as Record<string, string>)[name] ?? ''),
  )

/** A public page at a path. */
export function pageRoute(institution: Institution, definition: PageDefinition): RouteDefinition {
  const made = route({
    method: 'GET',
    path: definition.path,
    operationId: definition.operationId,
    tag: 'Pages',
    summary: definition.summary,
    permission: 'public',
    query: PageQuery,
    responses: { 200: { description: 'The page', contentType: 'text/html' } },
    errors: definition.errors ?? [],
    handler: async (context) => {
      const path = pathOf(definition.path, context.params)
      const view = pageView(institution, path, context.query.lang, context.header('accept-language'))
      return pageReply(
        view,
        await definition.render(view, context as unknown as RequestContext<never, never>),
      )
    },
  })
  return definition.params ? { ...made, params: definition.params } : made
}
