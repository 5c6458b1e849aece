import { redact } from './redact.ts'

/** Result of {@link clip}. */
export interface Clipped {
  /** The text, at most as long as the limit. */
  readonly text: string
  /** Whether a part was left out. */
  readonly clipped: boolean
}

/**
 * Shortens a text to at most `maxBytes` of UTF-8. It keeps the beginning and the end, and never splits a character.
 *
 * @param marker makes the text for the gap from the numbers of bytes left out and in total. It counts towards the limit.
 */
export function clip(text: string, maxBytes: number, marker: (left: number, total: number) => string): Clipped {
  // A UTF-16 code unit takes at most three bytes, so most texts need no counting.
  if (text.length * 3 <= maxBytes) return { text, clipped: false }
  const total = Buffer.byteLength(text)
  if (total <= maxBytes) return { text, clipped: false }
  const room = maxBytes - Buffer.byteLength(marker(total, total))
  // If the marker alone is too long, only the beginning is kept.
  if (room <= 0) return { text: firstBytes(text, maxBytes), clipped: true }
  const head = firstBytes(text, Math.ceil((room * 2) / 3))
  const headBytes = Buffer.byteLength(head)
  const tail = lastBytes(text, room - headBytes)
  const left = total - headBytes - Buffer.byteLength(tail)
  return { text: head + marker(left, total) + tail, clipped: true }
}

/** Characters that are read after the limit of an excerpt, so that a secret across its end is masked as a whole. */
export const margin = 512

/** Credentials of a URL that is cut off before its `@`. */
const unfinishedUrl = /:\/\/[^\s:/@]{0,256}:(?!\d{1,5}$)[^\s@]{0,600}$/

/** The beginning of a text with secrets masked, for error messages, traces and events. @param maxBytes longest result. */
export function excerpt(text: string, maxBytes: number): string {
  if (text.length <= maxBytes + margin) return clip(redact(text), maxBytes, ellipsis).text
  const words = wholeWords(text.slice(0, maxBytes + margin))
  const head = words.includes('//') ? words.replace(unfinishedUrl, '://') : words
  // The copy is made before the ellipsis is added, because with it each character takes two bytes.
  return `${copyOf(firstBytes(redact(head), Math.max(0, maxBytes - 4)))} …`
}

/** A text in memory of its own. V8 makes a part of a text refer to the whole, which would live as long as its excerpt. */
function copyOf(text: string): string {
  return Buffer.from(text).toString()
}

/** Longest message for the model, in bytes. */
export const maxFeedbackBytes = 1024

/** Prepares a message for the model: masks secrets and clips it at 1 KiB. */
export function limitFeedback(message: string): string {
  const masked = message.length > 65_536 ? excerpt(message, maxFeedbackBytes) : redact(message)
  return clip(masked, maxFeedbackBytes, (left) => `\n(… ${left} bytes left out …)\n`).text
}

const ellipsis = () => ' … '

/** The text up to its last separator, because the rest may be the beginning of a secret. */
function wholeWords(text: string): string {
  let end = text.length
  while (end > 0 && !/[\s"'`,;]/.test(text[end - 1] ?? '')) end--
  return text.slice(0, end)
}

/** Whether every character is one byte. Then no character can be split. */
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
