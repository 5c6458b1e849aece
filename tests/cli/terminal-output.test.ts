import { expect, test } from 'vitest'
import { TerminalOutput, withoutControls } from '../../lib/cli/terminal-output.ts'

function record(isTTY: boolean) {
  const written: string[] = []
  return { written, output: new TerminalOutput({ isTTY, write: (text) => written.push(text) }) }
}

test.each([
  ['a colour', '\u001b[31mred\u001b[0m', '⟨U+001B⟩[31mred⟨U+001B⟩[0m'],
  ['a window title', 'a\u001b]0;owned\u0007b', 'a⟨U+001B⟩]0;owned⟨U+0007⟩b'],
  ['an escape at the end', 'a\u001b', 'a⟨U+001B⟩'],
  ['an 8-bit sequence', 'a\u009b31mb', 'a⟨U+009B⟩31mb'],
  ['a carriage return and backspaces', 'safe\rbad\b', 'safe⟨U+000D⟩bad⟨U+0008⟩'],
  ['a text direction', 'a\u202eb\u2066c\u2069', 'a⟨U+202E⟩b⟨U+2066⟩c⟨U+2069⟩'],
  ['characters without width', 'a\u200bb\ufeffc\u00ad', 'a⟨U+200B⟩b⟨U+FEFF⟩c⟨U+00AD⟩'],
  ['line breaks and tabs, which stay', 'a\r\n\tb\n', 'a\n\tb\n'],
  ['letters of other languages, which stay', 'größer שלום 😀', 'größer שלום 😀'],
])('a terminal shows %s', (_name, text, expected) => {
  expect(withoutControls(text)).toBe(expected)
})

test('a text of many beginnings of sequences is read in linear time', () => {
  const started = performance.now()
  for (const piece of ['\u001b]', '\u001b[0', '\u001bP', '\u001b ']) withoutControls(piece.repeat(200_000))
  expect(performance.now() - started).toBeLessThan(2_000)
})

test('only a terminal gets colours, and styled text is shown with its numbers as well', () => {
  const terminal = record(true)
  const file = record(false)
  for (const { output } of [terminal, file])
    output.write({ style: 'yellow', text: 'slow\u001b[2J' }, '\u001b[1A down\n')
  expect(file.written).toEqual(['slow⟨U+001B⟩[2J⟨U+001B⟩[1A down\n'])
  expect(terminal.written.join('')).toContain('slow⟨U+001B⟩[2J\u001b[39m')
  for (const sequence of ['\u001b[2J', '\u001b[1A']) expect(terminal.written.join('')).not.toContain(sequence)
})
