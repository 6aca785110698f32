import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto'

/**
 * RC4. Nothing new should use it; files of the years 1994–2008 are encrypted with it, and OpenSSL 3 no longer has it.
 */
export function rc4(key: Uint8Array, data: Uint8Array): Uint8Array {
  const state = Uint8Array.from({ length: 256 }, (_, i) => i)
  for (let i = 0, j = 0; i < 256; i++) {
    j = (j + (state[i] as number) + (key[i % key.length] as number)) & 0xff
    swap(state, i, j)
  }
  const out = new Uint8Array(data.length)
  for (let n = 0, i = 0, j = 0; n < data.length; n++) {
    i = (i + 1) & 0xff
    j = (j + (state[i] as number)) & 0xff
    swap(state, i, j)
    out[n] = (data[n] as number) ^ (state[((state[i] as number) + (state[j] as number)) & 0xff] as number)
  }
  return out
}

function swap(state: Uint8Array, i: number, j: number): void {
  const kept = state[i] as number
  state[i] = state[j] as number
  state[j] = kept
}

/** AES-CBC without padding. */
export function aesCbc(
  direction: 'encrypt' | 'decrypt',
  key: Uint8Array,
  iv: Uint8Array,
  data: Uint8Array,
): Uint8Array {
  const name = `aes-${key.length * 8}-cbc`
  const cipher = direction === 'encrypt' ? createCipheriv(name, key, iv) : createDecipheriv(name, key, iv)
  cipher.setAutoPadding(false)
  return toBytes(Buffer.concat([cipher.update(data), cipher.final()]))
}

/** Decrypts IV + AES-CBC ciphertext with PKCS #7 padding; broken padding is left in place, as other readers do. */
export function decryptAes(key: Uint8Array, data: Uint8Array): Uint8Array {
  const length = (data.length - 16) & ~15
  if (length <= 0) return new Uint8Array()
  const plain = aesCbc('decrypt', key, data.subarray(0, 16), data.subarray(16, 16 + length))
  const pad = plain.at(-1) as number
  return pad >= 1 && pad <= 16 ? plain.subarray(0, plain.length - pad) : plain
}

/**
 * Encrypts with PKCS #7 padding, IV in front. The IV is a keyed digest of the object number and the plaintext, so
 * that it cannot be guessed or repeated for other data, and the same input gives the same bytes.
 */
export function encryptAes(key: Uint8Array, label: Uint8Array, data: Uint8Array): Uint8Array {
  const iv = createHmac('sha256', key).update(label).update(data).digest().subarray(0, 16)
  const cipher = createCipheriv(`aes-${key.length * 8}-cbc`, key, iv)
  return toBytes(Buffer.concat([iv, cipher.update(data), cipher.final()]))
}

/** A digest over parts. */
export function digest(name: 'md5' | 'sha256' | 'sha384' | 'sha512', ...parts: Uint8Array[]): Uint8Array {
  const hash = createHash(name)
  for (const part of parts) hash.update(part)
  return toBytes(hash.digest())
}

/** The same bytes as a plain Uint8Array. */
export function toBytes(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
}
