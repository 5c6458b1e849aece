import { hash } from 'node:crypto'

/** A short hash of a text: 16 hexadecimal digits. It notices another text, and does not protect from a chosen one. */
export function digest(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 16)
}
