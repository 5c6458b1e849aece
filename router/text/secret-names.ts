const neverText =
  'api[ _-]?keys?|secret(?:[_-]?(?:access[_-]?)?key)?|passw(?:or)?d|passphrase|private[ _-]?key|authorization|credentials?|cookies?'

/** What secrets are called, most often as the end of a longer name: `OPENAI_API_KEY`, `clientSecret`, `HF_TOKEN`. */
export const secretWord = `${neverText}|token`

/** Asked first of the names of all members: of most it is all that is asked. */
const endsInSecret = new RegExp(`(?:${secretWord})$`, 'i')
const longestWord = 'secret_access_key'.length
const certain = new RegExp(`(?:${neverText}|(?:auth|access|refresh|bearer|session)[ _-]?token|[_-]token)$`)
const token = /token$/
const tokenAlone = /(?:^|[^a-z0-9])token$/

/** Which tokens a language model reads, writes and counts, and which ask for the next page. */
const ofText = 'first|last|next|per|input|output|eos|bos|pad|unk'
const alsoOfText =
  'accepted|audio|begin|cached|call_end|call_start|cls|completion|continuation|decode|draft|each|image|mask|page|placeholder|prefill|prompt|sep|special|stop|unexpected|video'
const tokenOfText = new RegExp(`(?:^|[^a-z])(?:(?:${ofText})[ _-]?|(?:${alsoOfText})[_-]?|unexpected )token$`)

/** How surely the value of a name is secret: behind `token` alone stands a piece of text as often as a credential. */
export type Secrecy = 'none' | 'likely' | 'certain'

export function secrecyOf(name: string): Secrecy {
  const words = inWords(name)
  if (tokenOfText.test(words)) return 'none'
  if (certain.test(words)) return 'certain'
  return token.test(words) ? 'likely' : 'none'
}

/** Whether a member of this name holds a secret, whatever its value looks like. */
export function isSecretName(name: string): boolean {
  if (!endsInSecret.test(name.slice(-longestWord))) return false
  const words = inWords(name)
  return (certain.test(words) || tokenAlone.test(words)) && !tokenOfText.test(words)
}

/** Numbers behind such a name count something, or are the ids of a tokenizer. */
export function isTokenName(name: string): boolean {
  return token.test(inWords(name))
}

/** The end of a name, `nextPageToken` as `next_page_token`. */
function inWords(name: string): string {
  return name
    .slice(-64)
    .replace(/[a-z0-9](?=[A-Z])/g, '$&_')
    .toLowerCase()
}
