/** What the institution publishes about itself (Electronic Signature Law art. 18, 电子认证服务管理办法 art. 12). */
import type { Bilingual } from './language.ts'

export interface Institution {
  readonly legalName: Bilingual
  /** 法定代表人 */
  readonly legalRepresentative?: Bilingual
  readonly address?: Bilingual
  /** Mailbox for holders and relying parties; where a compromised key is reported. */
  readonly email?: string
  readonly telephone?: string
  /** 电子认证服务许可证; absent for whoever has none, an evaluation CA above all. */
  readonly licence?: {
    readonly number: string
    readonly issuer: Bilingual
    /** Dates as YYYY-MM-DD. */
    readonly issued: string
    readonly expires: string
  }
  /** True: made for trying out, nobody may rely on it. Said on every page. */
  readonly evaluation: boolean
}
