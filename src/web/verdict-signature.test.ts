import test from 'ava'
import { renderHtml } from './html.ts'
import { sayIn } from './language.ts'
import { PASSED } from './testing/reports.ts'
import { signatureHtml } from './verdict-signature.ts'

test('a file whose signed content was altered is never said to have no changes', (t) => {
  const page = (language: 'zh' | 'en', more: object): string =>
    renderHtml(signatureHtml({ ...PASSED, changes: [], ...more }, 1, sayIn(language)))
  t.regex(page('en', {}), /Changed afterwards<\/dt>\s*<dd>nothing/)
  const altered = { indication: 'TOTAL-FAILED', subIndication: 'HASH_FAILURE' }
  t.regex(page('en', altered), /the signed content itself was changed/)
  t.notRegex(page('en', altered), /<dd>nothing/)
  t.regex(page('zh', altered), /签名所覆盖的内容本身已被改动/)
})
