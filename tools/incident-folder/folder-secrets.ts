import { isSecretName, mask, namedSecrets } from '../../router/text/named-secrets.ts'
import { redact, redactDeep, redactSecrets } from '../../router/text/redact.ts'

// Masks the secrets of a folder before the tools, and with them the model, can see its files.

/** Start and end of a private key in PEM (RFC 7468). In a log each of its lines is a line of its own. */
const keyStart = /-----BEGIN [A-Z ]{0,30}PRIVATE KEY/
const keyEnd = /-----END [A-Z ]{0,30}PRIVATE KEY/
/** The encoding of a key, after any prefix. */
const keyText = /(?<=^|\s)[A-Za-z0-9+/=]{4,}\s*$/
/** Lines of a key, its headers among them. Any other line ends a key that was cut off. */
const keyLine = /(?:^|\s)[A-Za-z0-9+/=]{4,}\s*$|^\s*$|(?:Proc-Type|DEK-Info): /

/** Masks secrets by their form, and the values of secret names in documents wherever they are repeated. */
export class FolderSecrets {
  /** Known secrets, each with its longest part that every encoding keeps. */
  readonly #known = new Map<string, string>()

  /** Remembers the values of secret names in a document, such as `HF_TOKEN` in a manifest. */
  learn(text: string): void {
    for (const value of namedSecrets(text)) this.#remember(value)
  }

  /** Remembers the values of secret names among environment variables. */
  learnFrom(env: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(env)) if (isSecretName(name)) this.#remember(value)
  }

  /** Masks a text of one line. */
  text(text: string): string {
    return redact(this.#withoutKnown(text))
  }

  /** Masks lines. Each is masked by itself, so that an open quote in one does not hide the next ones. */
  lines(lines: readonly string[]): readonly string[] {
    let isKey = false
    return lines.map((line) => {
      if (keyStart.test(line)) {
        isKey = !keyEnd.test(line)
        return this.text(line)
      }
      if (!isKey) return this.text(line)
      isKey = !keyEnd.test(line) && keyLine.test(line)
      return this.text(line).replace(keyText, mask)
    })
  }

  /** Masks all strings of a value, also those that only the name of their member makes secret. */
  deep<T>(value: T): T
  /** The same for a value of any type. */
  deep(value: unknown): unknown {
    return this.#deep(redactDeep(value))
  }

  #deep(value: unknown): unknown {
    if (typeof value === 'string') return this.#withoutKnown(value)
    if (Array.isArray(value)) return value.map((item) => this.#deep(item))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, this.#deep(member)]))
  }

  #remember(value: string): void {
    // The scheme of an authorization is not part of the secret.
    const secret = value.trim().replace(/^(?:bearer|basic) /i, '')
    if (secret.length < shortestValue || isWord.test(secret)) return
    const parts = secret.match(/[A-Za-z0-9]+/g) ?? []
    this.#known.set(
      secret,
      parts.reduce((longest, part) => (part.length > longest.length ? part : longest), ''),
    )
  }

  #withoutKnown(text: string): string {
    // The comparison in all encodings is slow, and few texts have a part of a secret.
    const found = [...this.#known].filter(([, part]) => text.includes(part)).map(([secret]) => secret)
    return found.length === 0 ? text : redactSecrets(text, found)
  }
}

/** Shorter values, and plain words, are also parts of other texts. */
const shortestValue = 8
const isWord = /^(?:[a-z]+|[A-Z]+|true|false|\d+)$/
