/** Longer texts are not misspelled names. */
const maxNameLength = 64
/** Fewest letters that are accepted as the beginning of a name. */
const minPrefixLength = 3

/**
 * The candidate that `name` was probably meant to be, for "did you mean"; undefined if none is close.
 *
 * A candidate is close if at most one letter in three differs, if it is the only one that begins with `name`, or if only
 * the namespace before it differs (`functions.ping`).
 */
export function closest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > maxNameLength) return undefined
  const known = [...candidates]
  const whole = fold(name)
  const last = fold(lastSegment(name))
  return (
    nearest(whole, known) ??
    (last === whole ? undefined : nearest(last, known)) ??
    onlyOne(known, (candidate) => last !== '' && fold(lastSegment(candidate)) === last) ??
    onlyOne(known, (candidate) => whole.length >= minPrefixLength && fold(candidate).startsWith(whole))
  )
}

/** Names of options in other libraries, by which they are often called here. */
const otherNames: ReadonlyMap<string, string> = new Map([
  ['system', 'instructions'],
  ['systemPrompt', 'instructions'],
  ['messages', 'history'],
  ['maxTokens', 'maxOutputTokens'],
  ['max_tokens', 'maxOutputTokens'],
  ['baseURL', 'url'],
  ['baseUrl', 'url'],
  ['apiKey', 'token'],
  ['needsApproval', 'approve'],
])

/** The end of a message about an unknown name: "Did you mean …?" with the closest known name, otherwise all known names. */
export function suggestName(name: string, known: readonly string[], otherwise: string): string {
  const similar = closest(name, known) ?? known.find((one) => one === otherNames.get(name))
  return similar === undefined ? `${otherwise} ${known.join(', ')}.` : `Did you mean "${similar}"?`
}

function nearest(name: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = Math.floor(name.length / 3) + 1
  for (const candidate of candidates) {
    const folded = fold(candidate)
    if (name === '' || Math.abs(folded.length - name.length) >= bestDistance) continue
    const distance = editDistance(name, folded)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

function onlyOne(candidates: readonly string[], fits: (candidate: string) => boolean): string | undefined {
  const [first, ...others] = candidates.filter(fits)
  return others.length === 0 ? first : undefined
}

/** Models change case, `-` and `_` most often, so these do not count. */
function fold(name: string): string {
  return name.toLowerCase().replace(/[-_ ]/g, '')
}

/** The name without its namespace: `ping` of `functions.ping`, `tools:ping` and `mcp__x__ping`. */
function lastSegment(name: string): string {
  return name.slice(
    Math.max(name.lastIndexOf('.'), name.lastIndexOf(':'), name.lastIndexOf('/'), endOfPrefix(name)) + 1,
  )
}

function endOfPrefix(name: string): number {
  const underscores = name.lastIndexOf('__')
  return underscores === -1 ? -1 : underscores + 1
}

/** The Levenshtein distance, computed row by row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
