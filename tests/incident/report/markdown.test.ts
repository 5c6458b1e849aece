import { expect, test } from 'vitest'
import { generateReport } from '../../../lib/incident/report/report.ts'
import { inputWith } from './hostile-result.ts'

const markdownOf = (text: string) => generateReport(inputWith(text)).markdown
/** A line without its inline code and its escaped characters. */
const withoutCode = (line: string) => line.replace(/(?<![\\`])(`+)(?!`).*?(?<!`)\1(?!`)/g, '').replace(/\\./g, '')
const active = (text: string) => markdownOf(text).split('\n').map(withoutCode)

test('a report has its sections, the figures before and after, and marks quotes that were not found', () => {
  const markdown = markdownOf('plain')
  expect(markdown.match(/^#.*$/gm)).toEqual([
    '# Incident report: `kv_cache_pressure`',
    '## Incident',
    '## Before and after (simulation)',
    '## Diagnosis',
    '### Evidence',
    '### Ruled out',
    '### Uncertainties',
    '## Not looked at',
    '## Fix',
    '### Expected impact',
    '### Risks',
    '## Timeline',
  ])
  expect(markdown).toContain('| requests.served | 1 request | 2 requests | +100 % | better |')
  expect(markdown).toContain('- `plain` (plain, **not found in its results**)')
  expect(markdown).toContain('- `plain` (fetch\\_config)')
})

test.each([
  ['headings', '# Solved', /^#+ Solved/],
  ['headings on their own line', 'x\n## Solved\ny', /^#+ Solved/],
  ['underlined headings', 'Solved\n======', /^=+$/],
  ['quotes', '> trust me', /^> trust/],
  ['lists', '- item', /^(?:- )?- item/],
  ['lists with a plus', '+ item', /^(?:- )?\+ item/],
  ['numbered lists', '1. item', /^(?:- )?1\. item/],
  ['rules', '---', /^(?:- )?---$/],
  ['fences', '```\nx\n```', /^(?:- )?```/],
  ['tildes', '~~~ x', /^(?:- )?~~~/],
  ['links', '[click](https://evil.example)', /\]\(/],
  ['references', '[click][1]', /\]\[/],
  ['images', '![x](https://evil.example/p.png)', /!\[/],
  ['autolinks', '<https://evil.example>', /<http/],
  ['HTML', '<img src=x onerror=alert(1)>', /<img/],
  ['comments', '<!-- hidden', /<!--/],
  ['emphasis', 'a **bold** and __more__', /\*\*bold|__more/],
  ['strikethrough', '~~unchanged~~', /~~/],
])('hostile text adds no %s', (_name, text, markup) => {
  expect(active(text).filter((line) => markup.test(line))).toEqual([])
})

test.each(['a | b', 'a \\| b', '||||', 'line one\nline two', 'a\r\n\r\nb', '`a`', '``` a', 'a ``', '\u2028next'])(
  '%j does not change the rows or cells of any table',
  (text) => {
    // A pipe ends a cell even within code. Only a backslash prevents that.
    const cells = (markdown: string) =>
      markdown.split('\n').map((line) => (line.startsWith('|') ? line.replace(/\\./g, '').split('|').length : 0))
    expect(cells(markdownOf(text))).toEqual(cells(markdownOf('plain')))
  },
)

test.each([
  ['`', '`` ` ``'],
  ['a`b', '``a`b``'],
  ['``` fence', '```` ``` fence ````'],
  ['*stars* and <tags>', '`*stars* and <tags>`'],
  ['dmesg | grep Xid', '`dmesg | grep Xid`'],
])('the quote %j is shown unchanged', (quote, shown) => {
  const line = markdownOf(quote)
    .split('\n')
    .find((text) => text.endsWith(' (fetch\\_config)'))
  expect(line).toBe(`- ${shown} (fetch\\_config)`)
})

test('escaped text stays readable: no character is lost', () => {
  const text = 'p95 [s] rose 10 * 2 = 20_000 | see <log> #7 ~ `x` \\ !'
  const unescaped = markdownOf(text).replace(/\\([!-/:-@[-`{-~])/g, '$1')
  expect(unescaped).toContain(`**Failed:** ${text}`)
})

test('control characters, which could control a terminal, do not reach the Markdown', () => {
  expect(markdownOf('\u001b[2J\u001b]0;owned\u0007 \u0000 \u009b31m text')).not.toMatch(/[^\P{Cc}\n]/u)
})

test('sections without a fix, figures or trace entries say so or are left out', () => {
  const input = inputWith('plain')
  const { markdown } = generateReport({
    ...input,
    result: {
      ...input.result,
      fix_plan: null,
      fix_result: null,
      validation: { status: 'unknown', deltas: [], summary: 'Nothing was tried.' },
      agent_trace: [],
    },
  })
  expect(markdown).toContain('## Fix\n\nNo fix was proposed.')
  expect(markdown).toContain('**Validation: unknown.** Nothing was tried.')
  expect(markdown).not.toMatch(/## (?:Before and after|Timeline)|undefined|null|NaN/)
})

test('a quote of many pieces of code gives a report', () => {
  expect(markdownOf('` '.repeat(150_000)).length).toBeGreaterThan(300_000)
})

test('the root cause is said once', () => {
  const input = inputWith('The cache is full.')
  const { diagnosis } = input.result
  const result = {
    ...input.result,
    diagnosis: { ...diagnosis, category: 'kv_cache', summary: `${diagnosis.root_cause} Add memory.` },
  }
  const { markdown } = generateReport({ ...input, result })
  const section = markdown.slice(markdown.indexOf('## Diagnosis'), markdown.indexOf('### Evidence'))
  expect(section.split('The cache is full.')).toHaveLength(2)
  expect(section).toContain('\n\nAdd memory.\n')
})

test('a run that was cancelled before its first reply has no diagnosis', () => {
  const input = inputWith('plain')
  const run = { ...input.result.run, stop_reason: 'cancelled' as const, rounds: 0 }
  const { markdown } = generateReport({ ...input, result: { ...input.result, run } })
  expect(markdown).toContain('## Diagnosis\n\nNo diagnosis: the run was cancelled before the first reply.')
})

test('a validation without any measured figure has no table', () => {
  const input = inputWith('plain')
  const nothing = { metric: 'requests.served', unit: 'requests', before: null, after: null, relative: null }
  const validation = {
    status: 'unknown' as const,
    summary: 'No verdict.',
    deltas: [{ ...nothing, verdict: 'unknown' as const }],
  }
  const { markdown } = generateReport({ ...input, result: { ...input.result, validation } })
  expect(markdown).toContain('## Before and after (simulation)\n\nNothing was measured.\n')
})

test.each(['[ 8211.4]  NVRM:   Xid 79', 'name="python",\tGPU', '"p95":36.710035', 'a | b * c'])(
  'the quote %j is in the report byte for byte',
  (quote) => {
    expect(markdownOf(quote)).toContain(`- \`${quote}\` (`)
  },
)

test('each line of a quote with several lines is byte for byte in the report', () => {
  expect(markdownOf('one  line\nother\tline')).toContain('- `one  line` ⏎ `other\tline` (')
})
