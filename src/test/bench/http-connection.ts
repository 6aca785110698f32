// One HTTP/1.1 connection that sends ready-made requests: as little work as possible beside the server measured.
import { connect, type Socket } from 'node:net'

/** An answer; the body is a view into what was read. */
export type Answer = { readonly status: number; readonly body: Uint8Array }

/** Sends one request at a time. */
export type Connection = {
  /** @throws Error when the connection ends before the answer is whole */
  readonly send: (request: Uint8Array) => Promise<Answer>
  readonly close: () => void
}

type Head = {
  readonly status: number
  readonly bodyStart: number
  readonly length: number | null
  readonly closes: boolean
}

const HEAD_END = Uint8Array.of(13, 10, 13, 10)

/** Head of an answer, or undefined while it is not whole. @throws Error for a body without a length that stays open */
export function parseHead(received: Buffer): Head | undefined {
  const end = received.indexOf(HEAD_END)
  if (end < 0) return undefined
  const text = received.toString('latin1', 0, end).toLowerCase()
  const status = Number(text.slice(9, 12))
  const [, length] = /\r\ncontent-length: *(\d+)/.exec(text) ?? []
  // HTTP/1.0 closes unless it says otherwise; a body without a length ends with its connection.
  const closes =
    /\r\nconnection: *close/.test(text) || (text.startsWith('http/1.0') && !/keep-alive/.test(text))
  if (length === undefined && !closes) throw new Error('the answer has no Content-Length')
  return {
    status,
    bodyStart: end + HEAD_END.length,
    length: length === undefined ? null : Number(length),
    closes,
  }
}

/** Connects when it first sends, and again after the server has closed. */
export function openConnection(host: string, port: number): Connection {
  let socket: Socket | undefined
  let received: Buffer = Buffer.alloc(0)
  let waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined

  const settle = (isOver: boolean): void => {
    if (!waiting) return
    const head = parseHead(received)
    if (!head) return
    const end = head.length === null ? received.length : head.bodyStart + head.length
    if (received.length < end || (head.length === null && !isOver)) return
    const { resolve } = waiting
    waiting = undefined
    const body = received.subarray(head.bodyStart, end)
    received = Buffer.alloc(0)
    if (head.closes) drop()
    resolve({ status: head.status, body })
  }
  const fail = (error: Error): void => {
    const { reject } = waiting ?? {}
    waiting = undefined
    drop()
    reject?.(error)
  }
  const guarded = (act: () => void): void => {
    try {
      act()
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)))
    }
  }
  function drop(): void {
    socket?.removeAllListeners()
    socket?.on('error', () => undefined)
    socket?.destroy()
    socket = undefined
    received = Buffer.alloc(0)
  }
  function open(): Socket {
    const made = connect({ host, port, noDelay: true })
    made.on('data', (chunk: Buffer) =>
      guarded(() => {
        received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
        settle(false)
      }),
    )
    made.on('error', fail)
    made.on('close', () => {
      guarded(() => settle(true))
      if (waiting) fail(new Error('the connection ended before the answer was whole'))
      drop()
    })
    return made
  }
  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        socket ??= open()
        socket.write(request)
      }),
    close: drop,
  }
}
