import { isSecretName, isTokenName, mask, maskNamedSecrets, mayNameSecret } from './named-secrets.ts'

/**
 * Masks secrets in a text: tokens of well-known shape, private keys, values whose name says that they are secret, and
 * credentials in URLs. Every text that leaves the process goes through here, except the request to the model itself.
 *
 * It recognises secrets by their form only. Use {@link redactSecrets} for secrets that are known.
 */
export function redact(text: string): string {
  if (text.length < shortestSecret) return text
  let shown = text.includes('PRIVATE KEY') ? text.replace(privateKey, mask) : text
  if (mayNameSecret(shown)) shown = maskNamedSecrets(shown)
  if (tokenPrefix.test(shown)) shown = shown.replace(token, `$1${mask}`)
  return shown.includes('//') ? shown.replace(urlCredentials, `://${mask}@`) : shown
}

/** `://u@`, the shortest text that is masked. */
const shortestSecret = 5

/** At least 8 characters with a digit, or 20: the prefixes of these tokens are also the beginning of ordinary words. */
function randomText(character: string): string {
  return `(?=${character}{0,64}\\d|${character}{20})${character}{8,}`
}

/**
 * Shapes of tokens, by who issues them. Issuers publish them so that leaked tokens can be found; minimal lengths are below
 * the documented ones because texts are cut. Compare the rules of gitleaks (github.com/gitleaks/gitleaks).
 */
const tokenShapes: Readonly<Record<string, string>> = {
  'MiniMax, OpenAI, Anthropic, OpenRouter, Langfuse': `[spr]k-${randomText('[A-Za-z0-9_-]')}`,
  'the same, with the kind of key': 'sk-(?:cp|api|ant|proj|svcacct|or)[0-9]{0,2}-[A-Za-z0-9_-]{8,}',
  'Stripe (docs.stripe.com/keys)': '[spr]k_(?:live|test)_[A-Za-z0-9]{8,}',
  'Hugging Face (huggingface.co/docs/hub/security-tokens)': `hf_${randomText('[A-Za-z0-9]')}`,
  'GitHub (github.blog, 2021-04-05)': '(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{8,}',
  'GitLab (docs.gitlab.com/security/tokens)': 'glpat-[A-Za-z0-9_-]{8,}',
  'Slack (docs.slack.dev/authentication/tokens)': 'xox[abeprs]-[A-Za-z0-9-]{8,}',
  'npm (github.blog, 2021-09-23)': 'npm_[A-Za-z0-9]{36}',
  'NVIDIA NGC': 'nvapi-[A-Za-z0-9_-]{8,}',
  'AWS (IAM user guide, unique identifiers)': 'A[KS]IA[A-Z0-9]{12,}',
  'Google Cloud': 'AIza[A-Za-z0-9_-]{20,}',
  'JSON Web Token (RFC 7519)': String.raw`eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,2}`,
  'HTTP bearer token (RFC 6750)': `[Bb]earer[ \t]{1,4}${randomText('[A-Za-z0-9._~+/-]')}=*`,
}
/** A token may follow the `\n` of a JSON string. */
const token = new RegExp(String.raw`(\\[nrt]|\b)(?:${Object.values(tokenShapes).join('|')})`, 'g')
/** Fixed parts of all shapes. Most texts have none of them, and finding that out takes half the time of {@link token}. */
const tokenPrefix =
  /(?:[spr]k[-_]|hf_|gh[pousr]_|_pat_|xox[abeprs]-|lpat-|vapi-|npm_|A[KS]IA|AIza|eyJ|earer\s)(?=[\w-])/

/** A private key in PEM (RFC 7468), with line breaks of any kind; of one that was cut off, all that is there. */
const privateKey =
  /-----BEGIN [A-Z ]{0,30}PRIVATE KEY[A-Z ]{0,10}-----(?:[^-]|-(?!----)){0,32768}(?:-----END [A-Z ]{0,50}-----)?/g

/**
 * Credentials before the host of a URL: `user:password@`, in which people forget to escape `/` and `@`, or a lone token.
 * The port of `host:8000/@scope`, the digest of `image@sha256:…` and the user of `ssh://git@host` are not credentials.
 */
const urlCredentials =
  /:\/\/(?!git@)(?:[^\s:/@"'`?#<>[\]]{0,1024}:(?!\d{1,5}[^\w@.~!$%^*+=-])(?:(?!:\/\/)[^\s"'`<>]){1,4096}|[\w.~%+=$!*-]{1,1024})@(?!sha\d{3}:)/g

/**
 * A copy of a JSON-like value with every string redacted. Strings and numbers are masked as a whole where a name makes
 * them secret: the name of their member or of one around it, of their row (`{"name":"HF_TOKEN","value":"…"}`, or the
 * `path` of a diff), or of the option before them in a list of arguments.
 */
export function redactDeep<T>(value: T): T
export function redactDeep(value: unknown): unknown {
  return copyOf(value, undefined)
}

/** Shorter names contain no token, so they are not searched. */
const shortestNameWithToken = 12

/** @param secretName the name that makes the value a secret. */
function copyOf(value: unknown, secretName: string | undefined): unknown {
  if (typeof value === 'string') return secretName === undefined || value === '' ? redact(value) : mask
  if (typeof value === 'number') return secretName === undefined || isTokenName(secretName) ? value : mask
  if (Array.isArray(value)) return value.map((item, index) => copyOf(item, secretName ?? optionBefore(value, index)))
  if (typeof value !== 'object' || value === null) return value
  const row = secretName ?? nameOfRow(value)
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      const ofRow = name === 'from' || name === 'value' ? row : undefined
      const secret = secretName ?? (isSecretName(name) ? name : ofRow)
      return [name.length < shortestNameWithToken ? name : redact(name), copyOf(member, secret)]
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

/** Shorter secrets are words such as `test`: masking them would tear texts apart. */
const shortestKnownSecret = 8
/** Backslashes before a character: JSON within JSON doubles them. */
const maxBackslashes = 8

/**
 * Masks known secrets wherever they are in a text: as they are, in JSON within JSON, or URL-encoded. At the end of a text
 * the first 8 characters of a secret are enough, because error bodies are cut off.
 *
 * @param secrets a secret with fewer than 8 characters is ignored.
 */
export function redactSecrets(text: string, secrets: readonly string[]): string {
  return secrets.filter(({ length }) => length >= shortestKnownSecret).reduce(redactSecret, text)
}

function redactSecret(text: string, secret: string): string {
  let shown = ''
  let done = 0
  for (let start = 0; start < text.length; start++) {
    const end = endOfSecret(text, start, secret)
    if (end === undefined) continue
    shown += text.slice(done, start) + mask
    done = end
    start = end - 1
  }
  return shown + text.slice(done)
}

/** Follows all ways to read the text at once, because a secret may itself contain a `%` or a backslash. */
function endOfSecret(text: string, start: number, secret: string): number | undefined {
  let ends = [start]
  for (let index = 0; index < secret.length; index++) {
    if (index >= shortestKnownSecret && ends.includes(text.length)) return text.length
    const next = ends.flatMap((end) => afterCharacter(text, end, secret.charAt(index)))
    if (next.length === 0) return undefined
    ends = [...new Set(next)]
  }
  return ends.reduce((last, end) => Math.max(last, end))
}

/** Positions after a character that is written as it is, after backslashes, as `\u002b`, or as `%2B`. */
function afterCharacter(text: string, start: number, character: string): readonly number[] {
  const ends: number[] = []
  const hex = character.charCodeAt(0).toString(16).padStart(2, '0')
  if (isSame(text.slice(start, start + 3), `%${hex}`)) ends.push(start + 3)
  for (let at = start; at - start <= maxBackslashes; at++) {
    if (isSame(text.charAt(at), character)) ends.push(at + 1)
    if (at > start && isSame(text.slice(at, at + 5), `u00${hex}`)) ends.push(at + 5)
    if (text.charAt(at) !== '\\') break
  }
  return ends
}

/** Servers may change the case of a token that they quote. */
function isSame(one: string, other: string): boolean {
  return one === other || one.toLowerCase() === other.toLowerCase()
}
