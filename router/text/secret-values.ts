import { mask } from './mask.ts'
import { isTokenName, type Secrecy } from './secret-names.ts'

/** What a key or a token is written with. */
const credential = /^[A-Za-z0-9._~+/=:-]{12,}/

/** What stands behind the name of a secret in order to say that there is none, or how it fared. */
const statusWords = 'null|nil|none|undefined|missing|required|failed|disabled|enabled|true|false'

/** What follows the name of a secret in a sentence, in a signature, or in the help of a command. */
const proseWords = [
  'absent|argument|authentication|before|cannot|changed|checked|checking|could|default|denied|does|empty|error|expired',
  'failure|file|flag|flags|found|from|given|have|header|headers|here|hidden|instead|invalid|loaded|loading|masked|must',
  'needed|option|optional|options|parameter|present|provided|refused|rejected|requires|revoked|should|that|then|there',
  'this|unknown|unset|unused|used|valid|value|values|verified|were|when|which|will|with|without|would',
  'a|an|and|are|as|at|be|by|can|for|has|in|is|it|no|not|of|off|on|only|or|set|the|to|was|yes',
  'any|bool|boolean|bytes|int|integer|number|object|str|string',
].join('|')

const longest = 100
const ending = String.raw`[.,:;!?)\]}>|]{0,8}$`
const status = new RegExp(`^(?:${statusWords})${ending}`, 'i')
const prose = new RegExp(`^(?:${proseWords})${ending}`, 'i')
const number = new RegExp(String.raw`^[+-]?\d{1,40}(?:\.\d{1,40})?(?:e[+-]?\d{1,4})?%?${ending}`, 'i')
const code = new RegExp(String.raw`^\d{6,40}${ending}`)
const special = /^<[^<>]{1,40}>$/
/** `$HF_TOKEN`, `${API_KEY}`, and what the help of a command puts for a value: `API_KEY`, `<your`. */
const placeholder = new RegExp(
  String.raw`^(?:\$\{?[A-Z][A-Z0-9_]{2,64}\}?|\[{0,2}[A-Z_]{0,64}(?:KEY|TOKEN|PASSWORD|SECRET)|<[a-z _-]{1,40}>?)${ending}`,
)

/** Whether the whole value of a secret's name says that there is no secret: a status, or a token of a tokenizer. */
export function saysNothing(value: string): boolean {
  return value === '' || (value.length <= longest && (status.test(value) || special.test(value)))
}

/** Whether a word behind a secret's name goes on with the sentence, or stands for a value. */
export function isProse(word: string): boolean {
  return saysNothing(word) || (word.length <= longest && (prose.test(word) || placeholder.test(word)))
}

/** Whether a value is a figure. Many digits may be a code; behind the name of a token they are a count all the same. */
export function isFigure(value: string, isToken: boolean): boolean {
  return value.length <= longest && number.test(value) && (isToken || !code.test(value))
}

/**
 * Whether a text looks drawn by lot: names and words have neither digits among their letters for long, nor as many
 * letters on end.
 */
export function looksRandom(text: string): boolean {
  for (const [run] of text.matchAll(/[A-Za-z0-9]{8,}/g)) {
    if (run.length >= 24 || (/\d/.test(run) && /[A-Za-z]/.test(run))) return true
  }
  return false
}

/** Whether a value behind the name of a secret is none after all. */
export function isNoSecret(value: string, word: string, secrecy: Secrecy): boolean {
  if (saysNothing(value) || value.startsWith(mask)) return true
  if (isTokenName(word) && isFigure(value, true)) return true
  return secrecy === 'likely' && !looksRandom(credential.exec(value)?.[0] ?? '')
}
