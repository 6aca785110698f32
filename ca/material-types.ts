/** The public result of a ceremony as plain JSON, apart from what reads it: it crosses the door of the core. */

/** One CA. */
export interface IssuerMaterial {
  readonly issuerId: string
  readonly role: 'root' | 'issuing'
  /** Base64 of the DER. */
  readonly certificate: string
  /** Null where the key is kept elsewhere. */
  readonly keyId: string | null
  readonly shards: number
}

/** One OCSP responder or TSA. */
export interface ServiceMaterial {
  readonly issuerId: string
  readonly certificate: string
  readonly keyId: string
}

/** Everything public that a ceremony made. */
export interface CaMaterial {
  readonly version: 1
  readonly name: string
  /** SHA-256 of the ceremony file, hexadecimal. */
  readonly ceremonySha256: string
  readonly baseUrl: string
  readonly policyArc: string
  readonly instanceByte: number
  /** Root first. */
  readonly issuers: readonly IssuerMaterial[]
  readonly ocsp: readonly ServiceMaterial[]
  readonly tsa: ServiceMaterial
  readonly logKeyId: string
}
