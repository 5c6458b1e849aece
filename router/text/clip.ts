import { redact } from './redact.ts'

export interface Clipped {
  readonly text: string
  readonly clipped: boolean
}

/**
 * Shortens a text to at most `maxBytes` of UTF-8, keeping head and tail and never splitting a character.
 *
 * `marker` is told how many bytes were left out and of how many; its own bytes are part of the limit.
 */
export function clip(text: string, maxBytes: number, marker: (left: number, total: number) => string): Clipped {
  // A UTF-16 unit takes one to three bytes, so most texts are decided without counting.
  if (text.length * 3 <= maxBytes) return { text, clipped: false }
  const total = Buffer.byteLength(text)
  if (total <= maxBytes) return { text, clipped: false }
  const room = maxBytes - Buffer.byteLength(marker(total, total))
  // A limit below the marker's own length leaves room for the head alone.
  if (room <= 0) return { text: firstBytes(text, maxBytes), clipped: true }
  const head = firstBytes(text, Math.ceil((room * 2) / 3))
  const headBytes = Buffer.byteLength(head)
  const tail = lastBytes(text, room - headBytes)
  const left = total - headBytes - Buffer.byteLength(tail)
  return { text: head + marker(left, total) + tail, clipped: true }
}

/** How much more than is shown is looked at: a secret that reaches over the end is cut off as a whole. */
export const margin = 512

/** The beginning of credentials in a URL that was cut off before its `@`. */
const unfinishedUrl = /:\/\/[^\s:/@]{0,256}:(?!\d{1,5}$)[^\s@]{0,600}$/

/** A short, redacted piece of a text for an error message, a trace or an event. */
export function excerpt(text: string, maxBytes: number): string {
  if (text.length <= maxBytes + margin) return clip(redact(text), maxBytes, ellipsis).text
  const words = wholeWords(text.slice(0, maxBytes + margin))
  const head = words.includes('//') ? words.replace(unfinishedUrl, '://') : words
  return `${firstBytes(redact(head), Math.max(0, maxBytes - 4))} …`
}

const ellipsis = () => ' … '

/** The text up to its last separator: what follows may be the beginning of a secret. */
function wholeWords(text: string): string {
  let end = text.length
  while (end > 0 && !/[\s"'`,;]/.test(text[end - 1] ?? '')) end--
  return text.slice(0, end)
}

/** Whether each character is one byte, as those of most texts are: there is nothing to split then. */
function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length
}

function firstBytes(text: string, count: number): string {
  const head = text.slice(0, count)
  if (isAscii(head)) return head
  const bytes = Buffer.from(head)
  let end = Math.min(count, bytes.length)
  while (end > 0 && isContinuation(bytes[end])) end--
  return bytes.toString('utf8', 0, end)
}

function lastBytes(text: string, count: number): string {
  if (count <= 0) return ''
  const tail = text.slice(-count)
  if (isAscii(tail)) return tail
  const bytes = Buffer.from(tail)
  let start = Math.max(0, bytes.length - count)
  while (start < bytes.length && isContinuation(bytes[start])) start++
  return bytes.toString('utf8', start)
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80
}
