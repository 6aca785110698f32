/**
 * Outbound HTTP for validation data (AIA, CRL, OCSP): the only place that opens a connection to another host.
 *
 * Limits hold before anything is read: scheme, port, resolved address, time, size. No redirect is followed and
 * no cookie or credential is sent. The address is checked at connection time, so that a name which resolves
 * differently on a second look gains nothing (DNS rebinding).
 */
import { lookup as dnsLookup } from 'node:dns'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { CodedError } from '../../ca/errors.ts'
import { isPublicAddress } from './address-guard.ts'

export interface EvidenceRequest {
  readonly url: string
  /** DER of an OCSP request; makes it a POST. */
  readonly ocspRequest?: Uint8Array
}

export interface FetchLimits {
  readonly timeoutMs: number
  readonly maxBytes: number
  /** Addresses allowed although they are not public: for an operator's own CAs, and for tests on loopback. */
  readonly allowAddress?: (address: string) => boolean
}

const DEFAULT_FETCH_LIMITS: FetchLimits = { timeoutMs: 5000, maxBytes: 32 * 1024 * 1024 }

const failed = (url: URL, rule: string, cause?: unknown): CodedError =>
  new CodedError(
    'EVIDENCE_UNAVAILABLE',
    `${url.protocol}//${url.host}: ${rule}`,
    cause === undefined ? {} : { cause },
  )

function guardedLookup(url: URL, allowed: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error, addresses) => {
      const usable = error ? [] : addresses.filter(({ address }) => allowed(address))
      const [first] = usable
      if (error ?? !first) callback(error ?? failed(url, 'address is not a public one'), '', 0)
      else if (options.all) callback(null, usable)
      else callback(null, first.address, first.family)
    })
  }
}

function parseUrl(text: string, allowed: (address: string) => boolean): URL {
  const url = URL.parse(text)
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.username || url.password)
    throw new CodedError(
      'EVIDENCE_UNAVAILABLE',
      'address of validation data is not a plain http or https one',
    )
  const host = url.hostname.replace(/^\[|\]$/g, '')
  // node:net does not call `lookup` for a literal address, so it is judged here.
  if (isIP(host) !== 0 && !allowed(host)) throw failed(url, 'address is not a public one')
  return url
}

/**
 * Fetches one piece of validation data.
 *
 * @throws {CodedError} EVIDENCE_UNAVAILABLE, naming the host and the rule
 */
export async function fetchEvidence(
  wanted: EvidenceRequest,
  limits: FetchLimits = DEFAULT_FETCH_LIMITS,
): Promise<Uint8Array> {
  const allowed = (address: string): boolean =>
    isPublicAddress(address) || (limits.allowAddress?.(address) ?? false)
  const url = parseUrl(wanted.url, allowed)
  const signal = AbortSignal.timeout(limits.timeoutMs)
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const body = wanted.ocspRequest
    const request = send(url, {
      method: body ? 'POST' : 'GET',
      headers: body ? { 'Content-Type': 'application/ocsp-request', 'Content-Length': body.length } : {},
      lookup: guardedLookup(url, allowed),
      signal,
      agent: false,
    })
    request.on('response', resolve)
    request.on('error', (cause) => reject(failed(url, 'no answer', cause)))
    request.end(body)
  })
  if (response.statusCode !== 200) {
    response.destroy()
    throw failed(url, `answer has status ${response.statusCode ?? 0}`)
  }
  return readLimited(response, url, limits.maxBytes)
}

async function readLimited(response: IncomingMessage, url: URL, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of response) {
      const part = chunk as Uint8Array
      length += part.length
      if (length > maxBytes) throw failed(url, `answer is larger than ${maxBytes} bytes`)
      parts.push(part)
    }
  } catch (cause) {
    response.destroy()
    throw cause instanceof CodedError ? cause : failed(url, 'answer broke off', cause)
  }
  const out = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
