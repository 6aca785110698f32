import test from 'ava'
import { clientErrorAnswer } from './client-error.ts'

test('each parser error has its status, and the length is that of the body', (t) => {
  for (const [code, status] of [
    ['HPE_HEADER_OVERFLOW', 431],
    ['ERR_HTTP_REQUEST_TIMEOUT', 408],
    ['HPE_INVALID_METHOD', 400],
    [undefined, 400],
  ] as const) {
    const [head = '', body = ''] = clientErrorAnswer(code, 'https://ca.example').split('\r\n\r\n')
    t.true(head.startsWith(`HTTP/1.1 ${status} `))
    t.true(head.includes(`Content-Length: ${Buffer.byteLength(body)}`))
    t.like(JSON.parse(body), {
      status,
      code: 'REQUEST_INVALID',
      type: 'https://ca.example/problems/REQUEST_INVALID',
    })
  }
})
