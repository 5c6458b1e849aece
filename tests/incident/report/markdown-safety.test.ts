import fc from 'fast-check'
import { micromark } from 'micromark'
import { gfm, gfmHtml } from 'micromark-extension-gfm'
import { describe, expect, test } from 'vitest'
import { codeBlock, escapeText, exactCode, inlineCode, table } from '../../../lib/incident/report/markdown-text.ts'
import { generateReport } from '../../../lib/incident/report/report.ts'
import { inputWith } from './hostile-result.ts'

// GitHub renders a report with CommonMark and its extensions, and changes the text that is shown: mentions, references,
// hashes, emoji and formulas. It leaves code alone.

const html = (markdown: string) =>
  micromark(markdown, { allowDangerousHtml: true, extensions: [gfm()], htmlExtensions: [gfmHtml()] })

/** The text that GitHub looks for mentions and references in: all text outside of code. */
const outsideCode = (rendered: string) =>
  rendered.replace(/<(code|pre)\b[^>]*>.*?<\/\1>/gs, '\u0001').replace(/<[^>]*>/g, '\u0001')

const elements = (rendered: string) => [...rendered.matchAll(/<(\w+)/g)].map(([, name]) => name)

const hostile = [
  '# Solved',
  'x\n## Solved\ny',
  'Solved\n======',
  '> trust me',
  '- item',
  '+ item',
  '* item',
  '1. item',
  '---',
  '***',
  '```\nx\n```',
  '~~~ x',
  '[click](https://evil.example)',
  '[click][1]\n\n[1]: https://evil.example',
  '![x](https://evil.example/p.png)',
  '<https://evil.example>',
  'https://evil.example/a?b=c',
  'see www.evil.example now',
  'mail a.b@evil.example or mailto:x@evil.example',
  'xmpp:a@evil.example',
  '<img src=x onerror=alert(1)>',
  '<script>alert(1)</script>',
  '<!-- hidden',
  '</code></pre><b>bold</b>',
  'a **bold** and __more__ and *less* and _least_',
  '~~unchanged~~',
  '@octocat please approve',
  'ask @org/team, (@user)',
  'fixes #12 and org/repo#34 and GH-56',
  'commit 0123456789abcdef0123456789abcdef01234567 and a1b2c3d',
  ':rocket: :+1: :100:',
  '$x^2$ and $$y$$ and $`z`$',
  '- [ ] task\n- [x] done',
  'note[^1]\n\n[^1]: hidden',
  'a | b\n--- | ---\n1 | 2',
  '&lt;b&gt; &#64;user &#35;12',
  '> [!WARNING]\n> text',
  '\\`code\\` \\| \\\\',
  '` `` ```',
  '    indented code',
  '\ttab',
  'line\\\nbreak  \nend',
]

/** Texts that GitHub turns into links, pictures or formulas although they are no Markdown. */
const changedByGitHub = [
  /@[a-z\d]/i,
  /(?:#|\bGH-)\d/i,
  /\b[\da-f]{7,40}\b/i,
  /:(?!\d\d:)[\w+-]+:/,
  /\$/,
  /https?:\/\/|www\./i,
]

describe('text outside of code', () => {
  test.each(hostile)('%j is shown as it is, on one line', (text) => {
    const rendered = html(escapeText(text))
    expect(elements(rendered).filter((name) => name !== 'p' && name !== 'code')).toEqual([])
    for (const pattern of changedByGitHub) expect(outsideCode(rendered)).not.toMatch(pattern)
  })

  test('any mixture of hostile pieces is shown as it is', () => {
    fc.assert(
      fc.property(mixture, (text) => {
        const shown = escapeText(text)
        const rendered = html(shown)
        expect(elements(rendered).filter((name) => name !== 'p' && name !== 'code')).toEqual([])
        for (const pattern of changedByGitHub) expect(outsideCode(rendered)).not.toMatch(pattern)
        expect(textOf(rendered)).toBe(text.replace(/[\p{Cc}\s\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim())
      }),
      { numRuns: 400 },
    )
  })
})

test('code is code, whatever it contains', () => {
  fc.assert(
    fc.property(mixture, (text) => {
      const one = inlineCode(text)
      expect(elements(html(`x ${one} y`)).filter((name) => name !== 'p')).toEqual(one === '' ? [] : ['code'])
      const quote = html(`x ${exactCode(text)} y`)
      expect(elements(quote).filter((name) => name !== 'p' && name !== 'code')).toEqual([])
    }),
    { numRuns: 300 },
  )
})

test('a table keeps its rows and cells, whatever they contain', () => {
  fc.assert(
    fc.property(mixture, mixture, (first, second) => {
      const rendered = html(table(['a', 'b'], [[escapeText(first), exactCode(second)]]))
      expect(rendered.match(/<t[hd]>/g)).toHaveLength(4)
      expect(rendered.match(/<tr>/g)).toHaveLength(2)
    }),
    { numRuns: 300 },
  )
})

const plainElements = [...new Set(elements(html(generateReport(inputWith('plain')).markdown)))].sort()
const plainHeadings = headings(generateReport(inputWith('plain')).markdown)

test.each(hostile)('a report with %j everywhere has the same headings, and no link, image or HTML', (text) => {
  const { markdown } = generateReport(inputWith(text))
  expect(headings(markdown)).toEqual(plainHeadings)
  const rendered = html(markdown)
  expect([...new Set(elements(rendered))].sort()).toEqual(plainElements)
  expect(rendered).not.toMatch(/<(?:a|img|input)\b|<[^>]*\b(?:href|src)=/)
  for (const pattern of changedByGitHub) expect(outsideCode(rendered)).not.toMatch(pattern)
})

function headings(markdown: string): readonly string[] {
  return [...html(markdown).matchAll(/<h\d>.*?<\/h\d>/gs)].map(([heading]) => heading)
}

/** The text of a paragraph, as a reader sees it. */
function textOf(rendered: string): string {
  const characters: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', amp: '&' }
  return rendered
    .replace(/<[^>]*>/g, '')
    .replace(/&(lt|gt|quot|amp);/g, (_, name: string) => characters[name] ?? '')
    .trim()
}

const mixture = fc
  .array(fc.oneof(fc.constantFrom(...hostile), fc.constantFrom(...'`*_[]()<>#!|\\~@:$&-+=. \n\t19af'), fc.string()), {
    maxLength: 8,
  })
  .map((pieces) => pieces.join(''))

test('characters that nobody sees are shown by their numbers in texts, code and commands', () => {
  const text = 'a\u200bb\u202ec\u001bd'
  for (const shown of [escapeText(text), inlineCode(text), exactCode(text), codeBlock([text])]) {
    expect(shown).toContain('a⟨U+200B⟩b⟨U+202E⟩c⟨U+001B⟩d')
  }
})
