import { mask } from './mask.ts'
import { maskNamed } from './named-secrets.ts'
import { isSecretName, isTokenName } from './secret-names.ts'
import { looksRandom, saysNothing } from './secret-values.ts'

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

/**
 * What stands before the host: `user:password@`, in which people forget to escape `/` and `@`, or a lone token. No
 * credentials are the port of `host:8000/@scope`, the digest of `image@sha256:…`, and the user of `ssh://git@host`.
 */
const inUrl =
  /:\/\/(?!git@)(?:[^\s:/@"'`?#<>[\]]{0,1024}:(?!\d{1,5}[^\w@.~!$%^*+=-])(?:(?!:\/\/)[^\s"'`<>]){1,4096}|[\w.~%+=$!*-]{1,1024})@(?!sha\d{3}:)/g

/** `curl -u user:password`; `docker run -u 1000:1000` has the same option for something else. */
const ofCurl = /([\s"',=](?:-[A-Za-z]{0,8}[uU]|--(?:proxy-)?user)[\s"',=\\]{1,8}[^\s"':\\]{1,128}:)([^\s"'\\]{1,1024})/g
const curlBefore = /curl\b[^\n]*$/

function maskUrlCredentials(text: string): string {
  // A colon is common, two slashes are not: most texts are passed over at the speed of memory.
  const out = text.includes('//') ? text.replace(inUrl, `://${mask}@`) : text
  if (!out.includes('curl')) return out
  return out.replace(ofCurl, (all: string, option: string, password: string, offset: number) =>
    curlBefore.test(out.slice(Math.max(0, offset - 300), offset)) && password !== mask ? option + mask : all,
  )
}

/** Asked first, since it takes half the time of {@link keys}: pieces that no key is without. */
const suspicious =
  /(?:[spr]k[-_]|hf_|gh[pousr]_|_pat_|xox[abprs]-|lpat-|vapi-|npm_|A[KS]IA|AIza|eyJ)(?=[A-Za-z0-9_-]{3})/

/** Keys that show by their first letters what they are; they may begin behind the `\n` of a text in JSON. */
const keys = new RegExp(
  String.raw`(?<before>\\[nrt]|\b)(?:${[
    'sk-(?:cp|ant|proj|svcacct|or|api)[0-9]{0,2}-[A-Za-z0-9_-]{8,}',
    '[spr]k_(?:live|test)_[A-Za-z0-9]{8,}',
    '(?:gh[pousr]_|github_pat_|xox[abprs]-|glpat-|nvapi-)[A-Za-z0-9_-]{8,}',
    'npm_[A-Za-z0-9]{36}',
    'A[KS]IA[A-Z0-9]{12,}',
    'AIza[A-Za-z0-9_-]{20,}',
    // JSON Web Tokens
    String.raw`eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,2}`,
    // Of these the prefix is the beginning of ordinary names, too.
    '(?<doubtful>(?:[spr]k-|hf_)[A-Za-z0-9_-]{8,})',
  ].join('|')})`,
  'g',
)

const scheme = /(?:bearer|basic)\s/i
const schemes = /(bearer|basic)(\s{1,4})([A-Za-z0-9+/_.~=-]{4,})/gi
const words = /^(?:[A-Za-z]?[a-z]{1,15}(?:[-_.=]|$)){1,8}$/
const afterWord = /(?:^|[^\\])[A-Za-z0-9_]$/

/** Keys that are known by their own form, and the credentials of an HTTP header. */
function maskForms(text: string): string {
  let out = text
  if (suspicious.test(text)) {
    out = text.replace(keys, (key: string, before: string, doubtful?: string) =>
      doubtful === undefined || looksRandom(doubtful) ? before + mask : key,
    )
  }
  if (!scheme.test(out)) return out
  return out.replace(schemes, (all: string, scheme: string, blank: string, value: string, offset: number) => {
    if (afterWord.test(out.slice(Math.max(0, offset - 2), offset))) return all
    return (/^basic$/i.test(scheme) ? isBasic(value) : isBearer(value)) ? scheme + blank + mask : all
  })
}

function isBearer(value: string): boolean {
  return value.length >= 6 && (value.length >= 24 || !words.test(value))
}

/** Basic credentials are a user and a password behind a colon, in Base64. */
function isBasic(value: string): boolean {
  return looksRandom(value) || /^[\x20-\x7e]*:[\x20-\x7e]*$/.test(Buffer.from(value, 'base64').toString('latin1'))
}

/** A private key in PEM, whatever its lines are joined by; one that was cut off, as far as it goes. */
const pem =
  /-----BEGIN [A-Z ]{0,30}PRIVATE KEY[A-Z ]{0,10}-----(?:[^-]|-(?!----)){0,32768}(?:-----END [A-Z ]{0,50}-----)?/g

function maskPrivateKeys(text: string): string {
  return text.includes('PRIVATE KEY') ? text.replace(pem, mask) : text
}
