import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { productSources } from './support/product-sources.ts'

const root = join(import.meta.dirname, '..')

const declaration = /^export (?:async |abstract )?(?:function\*?|const|class|interface|type) (\w+)/
const member = /^ {2}(?:readonly |get |static )*([a-zA-Z_]\w*)\??(?:[(:<]|: )/

/**
 * The exported declarations of a file, and the members of its exported interfaces and classes, that have no doc comment.
 * The sources are formatted by Biome, so indentation tells a member from the code around it.
 */
function undocumented(file: string): readonly string[] {
  const lines = readFileSync(join(root, file), 'utf8').split('\n')
  const missing: string[] = []
  let owner: string | undefined
  for (const [index, line] of lines.entries()) {
    const isDocumented = /\*\/\s*$/.test(lines[index - 1] ?? '')
    const name = declaration.exec(line)?.[1]
    if (name !== undefined) {
      // The second and later signatures of an overloaded function share the comment of the first.
      const isOverload = lines.slice(0, index).some((earlier) => declaration.exec(earlier)?.[1] === name)
      if (!isDocumented && !isOverload) missing.push(`${file}:${index + 1} ${name}`)
      owner = /^export (?:abstract )?(?:interface|class) .*\{$/.test(line) ? name : undefined
    } else if (/^\}/.test(line)) owner = undefined
    else if (owner !== undefined && !isDocumented) {
      const found = member.exec(line)?.[1]
      if (found !== undefined && found !== 'constructor') missing.push(`${file}:${index + 1} ${owner}.${found}`)
    }
  }
  return missing
}

test.each(productSources())('every export of %s and every member of it has a doc comment', (file) => {
  expect(undocumented(file)).toEqual([])
})

test('a fifth of the lines of the product are comments', () => {
  const lines = productSources()
    .flatMap((file) => readFileSync(join(root, file), 'utf8').split('\n'))
    .filter((line) => line.trim() !== '')
  const comments = lines.filter((line) => /^\s*(?:\/\/|\/\*|\*)/.test(line))
  expect(comments.length / lines.length).toBeGreaterThanOrEqual(0.2)
})
