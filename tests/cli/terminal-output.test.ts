import { expect, test } from 'vitest'
import { TerminalOutput, withoutControls } from '../../lib/cli/terminal-output.ts'

function record(isTTY: boolean) {
  const written: string[] = []
  return { written, output: new TerminalOutput({ isTTY, write: (text) => written.push(text) }) }
}

test.each([
  ['a colour', '\u001b[31mred\u001b[0m', 'red'],
  ['an erased screen', 'a\u001b[2J\u001b[Hb', 'ab'],
  ['a window title', 'a\u001b]0;owned\u0007b', 'ab'],
  ['a clipboard', 'a\u001b]52;c;aGk=\u001b\\b', 'ab'],
  ['a device control string', 'a\u001bPq#0\u001b\\b', 'ab'],
  ['a reset', 'a\u001bcb', 'ab'],
  ['a character set', 'a\u001b(0b', 'ab'],
  ['an unterminated window title', 'a\u001b]0;visible', 'a0;visible'],
  ['an escape at the end', 'a\u001b', 'a'],
  ['an 8-bit sequence', 'a\u009b31mb', 'a 31mb'],
  ['a carriage return and backspaces', 'safe\rbad\b\b', 'safe bad '],
  ['a text direction', 'a\u202eb\u2066c\u2069', 'abc'],
  ['line breaks and tabs, which stay', 'a\r\n\tb\n', 'a\n\tb\n'],
  ['letters of other languages, which stay', 'größer שלום 😀', 'größer שלום 😀'],
])('%s', (_name, text, expected) => {
  expect(withoutControls(text)).toBe(expected)
})

test('a text of many beginnings of sequences is cleaned in linear time', () => {
  const started = performance.now()
  for (const piece of ['\u001b]', '\u001b[0', '\u001bP', '\u001b ']) withoutControls(piece.repeat(200_000))
  expect(performance.now() - started).toBeLessThan(2_000)
})

test('only a terminal gets colours, and styled text is cleaned as well', () => {
  const terminal = record(true)
  const file = record(false)
  for (const { output } of [terminal, file])
    output.write({ style: 'yellow', text: 'slow\u001b[2J' }, '\u001b[1A down\n')
  expect(file.written).toEqual(['slow down\n'])
  expect(withoutControls(terminal.written.join(''))).toBe('slow down\n')
  expect(terminal.written.join('')).not.toMatch(/\[2J|\[1A/)
})
