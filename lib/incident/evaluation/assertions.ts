/**
 * Prepares the words of a diagnosis for patterns: what they affirm is in lower case, what they deny is in upper case.
 *
 *     The KV cache is full, not the batch limit; no ECC error was found.
 *     the kv cache is full, not THE BATCH LIMIT; no ECC ERROR WAS FOUND;
 *
 * So a pattern in lower case matches only what the words affirm. `_`, `-` and `/` are blanks, and every sentence ends with `;`.
 */
export function assertions(text: string): string {
  let folded = `${text.toLowerCase()} ;`
  for (const [words, replacement] of replacements) folded = folded.replace(words, replacement)
  folded = withDenials(folded)
  return folded.replace(deniedSubject, (match, before: string, predicate: string) => {
    const start = startOfSubject(before)
    // A relative clause, for example "which is ruled out", has its subject before it.
    return match === '' ? match : `${before.slice(0, start)}${before.slice(start).toUpperCase()}${predicate}`
  })
}

/** Replaced in this order. The second half says without a negation what is wrong, because it would be taken for a denial. */
const replacements: readonly (readonly [words: RegExp, replacement: string])[] = [
  [/’/g, "'"],
  [/["“”*`]/g, ''],
  [/\s[–—-]+\s/g, '; '],
  [/\bcan't\b|\bcan not\b/g, 'cannot'],
  [/\bwon't\b/g, 'will not'],
  [/n't\b/g, ' not'],
  [/[\s_/-]+/g, ' '],
  [/[.;!?]+(?=[\s)]|$)/g, ';'],
  [/\bnot (?:only|just|merely|simply) /g, ''],
  [/\bno longer\b/g, 'stopped'],
  [/\bno more than\b/g, 'at most'],
  [/\b(?:there is |has |have )?not (?:nearly )?enough\b|\bnot sufficient(?:ly)?\b/g, 'insufficient'],
  [
    /\b(?:cannot|could not|does not|do not|did not|will not) (?:\w+ )?(fit|hold|store|respond|answer|reach|return|allocate|reserve|serve|run|start|finish|complete|keep up|predict|leave|make|get|progress|accommodate|satisfy)\b/g,
    'fails to $1',
  ],
  [/\b(?:cannot|could not) be (?:\w+ )?(held|stored|placed|allocated)\b/g, 'fails to be $1'],
  [/\bnot (?:\w+ )?(responding|reachable|answering)\b/g, 'failing at $1'],
  [
    /\b(?:does not|do not|did not) (?:match|agree|correspond)\b|\bnot (?:the same|identical|equal|consistent)\b/g,
    'mismatch',
  ],
  [
    /\bnot (?:load )?(?:balanced|evenly|equally)\b|\bnot (?:spread|distributed) (?:evenly|by (?:the )?load)\b/g,
    'unbalanced',
  ],
  [
    /\b(?:stopped (?:set|limit(?:ed|s)?|configured|given|bounded)|not (?:set|limited|specified|bounded|capped))\b/g,
    'unset',
  ],
]

/** The text with what follows a denying word in upper case. */
function withDenials(text: string): string {
  let result = ''
  let rest = text
  for (let match = denial.exec(rest); match !== null; match = denial.exec(rest)) {
    const start = match.index + match[0].length
    const length = lengthOfDenial(rest.slice(start))
    result += rest.slice(0, start) + rest.slice(start, start + length).toUpperCase()
    rest = rest.slice(start + length)
  }
  return result + rest
}

/** Words that deny what follows them. */
const denial =
  /\b(?:no|not|never|without|neither|nor|nothing|none|zero|cannot|rather than|instead of|as opposed to|unrelated to|(?:rules?|ruled|ruling) out|excludes?|excluding|far from|independent of)\b(?: because(?: of)?| due to| caused by| since| as)?\b/

/** Words that end a denial inside a clause. "and" ends it only before another verb: "no sign of X and Y". */
const ending =
  / (?:but|because|so|although|though|while|whereas|which|who|therefore|since|as|until|and(?= no\b| not\b)|and(?=[^,;:()]*\b(?:is|are|was|were|has|have|can|does|do|will|leads?|takes?|makes?|keeps?|waits?|uses?|then)\b))\b/

/** The short items of a list up to the one after "or". */
const listItems = /^(?:,(?: [^\s,;:()]+){1,5})*?,?(?: [^\s,;:()]+){0,4} n?or(?: [^\s,;:()]+){1,7}/

/** The end of a list of denied things: "no ECC or power fault was seen". */
const found = /\b(?:is|are|was|were) (?:seen|found|reported|logged|visible|present|observed|involved|used|configured)\b/

/** Length of what is denied: the rest of the clause, the rest of a list that ends with "or", and a remark in parentheses. */
function lengthOfDenial(rest: string): number {
  const clause = /^[^,;:()]*/.exec(rest)?.[0] ?? ''
  const end = ending.exec(clause)
  if (end !== null) return end.index
  const list = listItems.exec(rest.slice(clause.length))?.[0] ?? ''
  const length = clause.length + (verb.test(list.replace(found, '')) ? 0 : list.length)
  return length + (/^\([^()]*\)/.exec(rest.slice(length))?.[0].length ?? 0)
}

/** Predicates that deny their subject. The words after "not" are in upper case already. */
const deniedSubject =
  /([^;:()]*?)(\b(?:(?:is|are|was|were|has|have|had|does|do|did|been) not (?:\w+ )?(?:INVOLVED|THE (?:ROOT )?(?:CAUSE|BOTTLENECK|PROBLEM|REASON|LIMIT|ISSUE|LIMITING)|TO BLAME|(?:AT|IN) PLAY|AT FAULT|A (?:FACTOR|PROBLEM|CAUSE)|LIMITING|USED|IN USE|CONFIGURED|ENABLED|RESPONSIBLE|AFFECTED|RELEVANT|FOUND|SEEN|OBSERVED|PRESENT|CONTRIBUT\w+|EXPLAIN\w*|MATTER)|plays? no (?:PART|ROLE)|(?:is|are|was|were|can be|could be|be|remain|remains|stay|stays) (?:\w+ )?(?:excluded|ruled out|zero|0|clean|sufficient|adequate|fine|healthy|normal|ok|okay|intact|sound|unaffected|uninvolved|negligible|neither \w+)\b|(?:is|are|was|were) (?:all |still )?(?:up|active)\b|works?(?= fine| well| normally| and|[,;])|(?:is|are|was|were) (?:only |just |merely )?(?:a |the )?(?:\w+ )?(?:consequences?|symptoms?|secondary|side effects?|informational|benign)\b))/gi

const verb = /\b(?:is|are|was|were|has|have|can|does|do|will|of which)\b/
const connective = /^.*\b(?:but|because|so|although|though|while|whereas|which|since|as|therefore|that|whether)\b/

/** Where the subject begins: the last part of the clause, and before it the parts of a list. */
function startOfSubject(before: string): number {
  const parts = before.split(/(?<=, )/)
  let start = before.length
  for (const part of parts.reverse()) {
    const isLast = start === before.length
    if (!isLast && (verb.test(part) || /\bnot?\b/.test(part))) break
    const skipped = connective.exec(part)?.[0].length ?? lengthOfFirstClause(part)
    start -= part.length - skipped
    if (skipped > 0) break
  }
  return start
}

/** Length of "A is B and " in "A is B and C". */
function lengthOfFirstClause(part: string): number {
  const end = part.lastIndexOf(' and ')
  return end >= 0 && verb.test(part.slice(0, end)) ? end + ' and '.length : 0
}
