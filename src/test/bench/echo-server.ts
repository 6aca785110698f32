// The least an HTTP server can do: reads a request and answers with so many octets. Limit of what runs over node:http.
import { createServer } from 'node:http'

const [port = '0', size = '0'] = process.argv.slice(2)
const body = new Uint8Array(Number(size)).fill(32)

createServer((request, response) => {
  request.resume()
  request.on('end', () => {
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': body.length })
    response.end(body)
  })
}).listen(Number(port), '127.0.0.1')
