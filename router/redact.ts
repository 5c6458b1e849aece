import { mask } from './redaction/mask.ts'
import { maskNamed } from './redaction/named-secrets.ts'
import { maskForms, maskPrivateKeys } from './redaction/secret-forms.ts'
import { isSecretName, isTokenName } from './redaction/secret-names.ts'
import { saysNothing } from './redaction/secret-values.ts'
import { maskUrlCredentials } from './redaction/url-credentials.ts'

/** The least that is masked is `://u@`: many texts of a value are shorter. */
const leastSecret = 5

/** Masks keys, passwords, tokens and URL credentials. Every text that leaves the process, the request itself apart, passes here. */
export function redact(text: string): string {
  if (text.length < leastSecret) return text
  return maskUrlCredentials(maskForms(maskNamed(maskPrivateKeys(text))))
}

/**
 * A copy of a JSON-like value with every string in it redacted, and every string and number masked that a name makes a
 * secret: that of its member or of one around it, that of its row (`{"name":"HF_TOKEN","value":"…"}`, or the `path` of a
 * row of a diff), or that of the option before it in a list of arguments.
 */
export function redactDeep<T>(value: T): T
export function redactDeep(value: unknown): unknown {
  return copyOf(value, undefined)
}

/** A name that is shorter holds no key: most are, and need not be looked through. */
const leastKey = 12

/** @param secretBy the name that makes the value a secret. */
function copyOf(value: unknown, secretBy: string | undefined): unknown {
  if (typeof value === 'string') return secretBy === undefined || saysNothing(value) ? redact(value) : mask
  if (typeof value === 'number') return secretBy === undefined || isTokenName(secretBy) ? value : mask
  if (Array.isArray(value)) return value.map((item, index) => copyOf(item, secretBy ?? optionBefore(value, index)))
  if (typeof value !== 'object' || value === null) return value
  const row = secretBy ?? nameOfRow(value)
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      const isOfRow = row !== undefined && (name === 'from' || name === 'value')
      const by = secretBy ?? (isSecretName(name) ? name : isOfRow ? row : undefined)
      return [name.length < leastKey ? name : redact(name), copyOf(member, by)]
    }),
  )
}

function nameOfRow(row: object): string | undefined {
  for (const field of ['path', 'name', 'key']) {
    const name: unknown = Reflect.get(row, field)
    if (typeof name === 'string' && isSecretName(name)) return name
  }
  return undefined
}

function optionBefore(list: readonly unknown[], index: number): string | undefined {
  const option: unknown = list[index - 1]
  if (typeof option !== 'string' || !option.startsWith('--') || !isSecretName(option)) return undefined
  return String(list[index]).startsWith('-') ? undefined : option
}

export { isSecretName, mask as redacted }
