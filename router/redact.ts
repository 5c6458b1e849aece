const mask = '[redacted]'

/** What secrets are called, as the end of a longer name, too: `ANTHROPIC_AUTH_TOKEN`, `clientSecret`. */
const secretName =
  '(?:api[_-]?key|(?:auth|access|refresh|bearer|session)[_-]?token|secret(?:[_-]?(?:access[_-]?)?key)?|passw(?:or)?d|passphrase|private[_-]?key|authorization|credentials?)'

const rules: readonly (readonly [RegExp, string])[] = [
  // `"password": "…"` in JSON, and in JSON inside of a JSON string: the whole value, blanks included.
  [new RegExp(String.raw`(${secretName}["']\s{0,4}[=:]\s{0,4}")(?:[^"\\]|\\.){1,4096}`, 'gi'), `$1${mask}`],
  [new RegExp(String.raw`(${secretName}["']\s{0,4}[=:]\s{0,4}')(?:[^'\\]|\\.){1,4096}`, 'gi'), `$1${mask}`],
  [new RegExp(String.raw`(${secretName}\\+["']\s{0,4}[=:]\s{0,4}\\+["'])[^"'\\]{1,4096}`, 'gi'), `$1${mask}`],
  // An Authorization header or anything that quotes one.
  [/\b(Bearer|Basic)\s+[A-Za-z0-9+/_.~=-]{6,}/gi, `$1 ${mask}`],
  // Vendor keys (`sk-…`, `sk-cp-…`, `ghp_…`, `xoxb-…`, AWS access key ids) and JSON Web Tokens.
  [/\b(?:sk|pk|rk)-[A-Za-z0-9_-]{8,}/g, mask],
  [/\b(?:gh[pousr]_|github_pat_|xox[abprs]-|glpat-|hf_|AKIA)[A-Za-z0-9_-]{8,}/g, mask],
  [/\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,2}/g, mask],
  // A bare `token=…`: only long values, because counts of tokens are written so, too.
  [/(\btoken\\?["']?\s{0,4}[=:]\s{0,4}\\?["']?)[A-Za-z0-9._~+/-]{12,}/gi, `$1${mask}`],
  // Credentials in a URL.
  [/(\b[a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@"']{1,200}@/gi, `$1${mask}@`],
  // `api_key=…`, `AUTH_TOKEN: …` without quotes; the value ends at a blank, a quote or a separator.
  [
    new RegExp(
      String.raw`(${secretName}\\?["']?\s{0,4}[=:]\s{0,4}\\?["']?)(?!\[redacted\]|(?:Bearer|Basic)\s)[^\s"'\\,;&}]{4,}`,
      'gi',
    ),
    `$1${mask}`,
  ],
]

/** What every rule needs to find: most texts hold none of it, and are asked once instead of once for each rule. */
const suspicious = new RegExp(
  `bearer|basic|[spr]k-|gh[pousr]_|github_pat_|xox|glpat-|hf_|akia|eyj|token|://|${secretName}`,
  'i',
)

/** Masks keys, bearer tokens and URL credentials. Every text that leaves the process, the request itself apart, passes here. */
export function redact(text: string): string {
  if (!suspicious.test(text)) return text
  let out = text
  for (const [pattern, replacement] of rules) out = out.replace(pattern, replacement)
  return out
}

const isSecret = new RegExp(`(?:${secretName}|(?:^|[_-])token)$`, 'i')

/** Whether a member of this name holds a secret, whatever its value looks like. */
export function isSecretName(name: string): boolean {
  return isSecret.test(name.slice(-64))
}

/**
 * A copy of a JSON-like value with every string in it redacted, and every string masked that its member's name makes a
 * secret, or, in a row of a diff, the name that its `path` ends with.
 */
export function redactDeep<T>(value: T): T
export function redactDeep(value: unknown): unknown {
  if (typeof value === 'string') return redact(value)
  if (Array.isArray(value)) return value.map((item) => redactDeep(item))
  if (typeof value !== 'object' || value === null) return value
  const path: unknown = Reflect.get(value, 'path')
  const isRowOfSecret = typeof path === 'string' && isSecretName(path)
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      const isSecretMember = isSecretName(name) || (isRowOfSecret && (name === 'from' || name === 'value'))
      return [name, typeof member === 'string' && member !== '' && isSecretMember ? mask : redactDeep(member)]
    }),
  )
}

export { mask as redacted }
