const mask = '[redacted]'

const rules: readonly (readonly [RegExp, string])[] = [
  // An Authorization header or anything that quotes one.
  [/\b(Bearer|Basic)\s+[A-Za-z0-9+/_.~=-]{6,}/gi, `$1 ${mask}`],
  // Vendor keys (`sk-…`, `sk-cp-…`, `ghp_…`, `xoxb-…`, AWS access key ids) and JSON Web Tokens.
  [/\b(?:sk|pk|rk)-[A-Za-z0-9_-]{8,}/g, mask],
  [/\b(?:gh[pousr]_|xox[abprs]-|glpat-|hf_|AKIA)[A-Za-z0-9_-]{8,}/g, mask],
  [/\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,2}/g, mask],
  // A bare `token=…`: only long values, because counts of tokens are written so, too.
  [/(\btoken\\?["']?\s{0,4}[=:]\s{0,4}\\?["']?)[A-Za-z0-9._~+/-]{12,}/gi, `$1${mask}`],
  // Credentials in a URL.
  [/(\b[a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@"']{1,200}@/gi, `$1${mask}@`],
  // `api_key=…`, `"password": "…"`, `AUTH_TOKEN: …`; the value ends at a blank, a quote or a separator.
  [
    /((?:api[_-]?key|auth[_-]?token|access[_-]?token|secret(?:[_-]?key)?|passw(?:or)?d|private[_-]?key)\\?["']?\s{0,4}[=:]\s{0,4}\\?["']?)(?!\[redacted\])[^\s"'\\,;&}]{4,}/gi,
    `$1${mask}`,
  ],
]

/** Masks keys, bearer tokens and URL credentials. Every text that leaves the process, the request itself apart, passes here. */
export function redact(text: string): string {
  let out = text
  for (const [pattern, replacement] of rules) out = out.replace(pattern, replacement)
  return out
}

/** Names under which a value is a secret whatever it looks like, e.g. `OPENAI_API_KEY`. */
const secretName = /(?:api[_-]?key|[_-]token|^token|secret|passw(?:or)?d|private[_-]?key|authorization)$/i

/**
 * A copy of a JSON-like value with every string in it redacted: by its form, by the name of its member, and, in a diff
 * row, by the name that its `path` ends with.
 */
export function redactDeep<T>(value: T): T
export function redactDeep(value: unknown): unknown {
  return copy(value, false)
}

function copy(value: unknown, isSecret: boolean): unknown {
  if (typeof value === 'string') return isSecret ? mask : redact(value)
  if (Array.isArray(value)) return value.map((item) => copy(item, isSecret))
  if (typeof value !== 'object' || value === null) return value
  const path: unknown = Reflect.get(value, 'path')
  const ofSecret = typeof path === 'string' && secretName.test(path)
  const members = Object.entries(value).map(([name, member]): [string, unknown] => [
    name,
    copy(member, isSecret || secretName.test(name) || (ofSecret && /^(?:from|value)$/.test(name))),
  ])
  return Object.fromEntries(members)
}
