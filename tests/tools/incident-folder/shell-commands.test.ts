import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openParts, readShell } from '../../../tools/incident-folder/shell-commands.ts'

const words = (text: string) => readShell(text).commands.map((command) => command.words)

test('quotes, comments, redirections and separators are those of a shell', () => {
  expect(words(`a 'b "c' "d 'e" f\\ g # h`)).toEqual([['a', 'b "c', "d 'e", 'f g']])
  expect(words('a > out.log 2>&1; b | c && d &')).toEqual([['a'], ['b'], ['c'], ['d']])
  expect(words('a \\\n  b\nc <<EOF\nvllm serve x\nEOF\nd')).toEqual([['a', 'b'], ['c'], ['d']])
  expect(words(`a '$X' "" --b=`)).toEqual([['a', '$X', '', '--b=']])
})

test('a variable without quotes is split into words, and one that is not set stays open', () => {
  expect(words('X="--a 1"\nX="$X --b"\nrun $X "$X"')).toEqual([['run', '--a', '1', '--b', '--a 1 --b']])
  const [[, first = '', second = ''] = []] = words(`run $Y "a\${Z}b"`)
  expect([openParts(first), openParts(second)]).toEqual([['$Y'], ['$\u007bZ}']])
  expect(words(`run \${A:-} \${B:+--c} \${C:-"$D"} $(date +%s)`).flat().map(openParts)).toEqual([
    [],
    ['$D'],
    ['$(date +%s)'],
  ])
})

test('a value that doubles in each line stays open', () => {
  const text = `A=xxxxxxxx\n${'A="$A$A"\n'.repeat(64)}run "$A"`
  const [command] = readShell(text).commands
  expect(command?.words.length).toBe(2)
  expect(command?.words[1]?.length).toBeLessThan(200_000)
})

test('reading any text ends', () => {
  const characters = fc.constantFrom(...'ab \n\\"\'$`{}()<>|&;#=+-:?@*[]EOF')
  fc.assert(
    fc.property(fc.string({ unit: characters, maxLength: 200 }), (text) => {
      expect(readShell(text).commands.length).toBeLessThanOrEqual(text.length)
    }),
  )
})
