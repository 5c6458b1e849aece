import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { productSources } from './support/product-sources.ts'

const root = join(import.meta.dirname, '..')

/** Words and phrases that make a reader stop, with the plain English to write instead. */
const rejected: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\b(?:is|are|was|were) no\b(?! longer\b| more\b)/i, 'is not a, there is no, without'],
  [/\b(?:is|are) none\b/i, 'there is no'],
  [/\bbehind\b/i, 'after'],
  [/\bmend(?:s|ed|ing)?\b/i, 'fix, repair'],
  [/\banew\b/i, 'again, new'],
  [/\b(?:told|tells?|telling|spoken|speaks?) of\b/i, 'mentions, reports'],
  [/\bstands?\b(?!alone|ard)/i, 'is, means'],
  [/\b(?:has|have|had) to be\b/i, 'must be'],
  [/\binside of\b/i, 'inside, in'],
  [/\b(?:likeliest|gravest)\b/i, 'most likely, worst'],
  [/\b(?:whoever|whichever|thereby|hence|wherein|therein|whereof|herein)\b/i, 'a shorter sentence'],
  [/\bto be had\b/i, 'available'],
  [/^\s*(?:\/\*\*|\*|\/\/)\s+What\b/, 'a noun phrase or a full sentence'],
]

/** Lines that use a rejected word rightly. */
const allowed: readonly RegExp[] = [
  // There is no other word for it.
  /\bthere (?:is|are|was|were) no\b/i,
  /\bbehind (?:an?|the|its|your|this) (?:[\w-]+ )?(?:proxy|gateway|endpoint|firewall|load balancer)\b/i,
]

const documents = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'workflows/README.md']

test.each(documents)('%s has no placeholder left', (file) => {
  expect(readFileSync(join(root, file), 'utf8')).not.toMatch(/@@|\bTODO\b|\bTBD\b/)
})

test.each([...documents, ...productSources()])('%s is written in plain English', (file) => {
  const found = readFileSync(join(root, file), 'utf8')
    .split('\n')
    .flatMap((line, index) => {
      const plain = allowed.reduce((text, use) => text.replace(use, ''), line)
      return rejected
        .filter(([pattern]) => pattern.test(plain))
        .map(([pattern, instead]) => `${file}:${index + 1} ${pattern.exec(plain)?.[0]} → ${instead}: ${line.trim()}`)
    })
  expect(found).toEqual([])
})
