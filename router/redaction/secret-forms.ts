import { mask } from './mask.ts'
import { looksRandom } from './secret-values.ts'

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
export function maskForms(text: string): string {
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

export function maskPrivateKeys(text: string): string {
  return text.includes('PRIVATE KEY') ? text.replace(pem, mask) : text
}
