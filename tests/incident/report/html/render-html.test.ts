import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { renderHtml } from '../../../../lib/incident/index.ts'
import type { ReportDocument } from '../../../../lib/incident/report/report-schema.ts'
import { documentWith } from './full-document.ts'
import { attribute, parsedPage, textOf } from './parsed-page.ts'

/** The page of a report in which every text is this one. */
const pageWith = (text: string) => parsedPage(renderHtml(documentWith(text)))
const headings = (document: ReportDocument) =>
  parsedPage(renderHtml(document))
    .elements.filter(({ tagName }) => /^h[12]$/.test(tagName))
    .map(textOf)

test('a page answers the questions of a reader in their order, with a link to each answer', () => {
  const { elements } = pageWith('plain')
  expect(headings(documentWith('plain'))).toEqual([
    'plain',
    'Key facts',
    'Broken rules',
    'Evidence',
    'Uncertain',
    'Do now',
    'What happened',
    'Plots',
    'Before and after',
    'Changes',
    'Alternatives',
    'Environment',
    'Not looked at',
    "The agent's run",
  ])
  const ids = new Set(elements.map((element) => attribute(element, 'id')))
  const links = elements.filter(({ tagName }) => tagName === 'a').map((element) => attribute(element, 'href') ?? '')
  // The link that skips the contents, 13 sections in the contents and back from each, and three in the key facts.
  expect(links).toHaveLength(1 + 2 * 13 + 3)
  expect(links.filter((link) => !ids.has(link.replace(/^#/, '')))).toEqual([])
})

test('the policy allows the style sheet of the page and nothing else', () => {
  const { elements } = pageWith('plain')
  const styles = elements.filter(({ tagName }) => tagName === 'style').map(textOf)
  expect(styles).toHaveLength(1)
  const hash = createHash('sha256')
    .update(styles[0] ?? '')
    .digest('base64')
  const policies = elements.filter((element) => attribute(element, 'http-equiv') === 'Content-Security-Policy')
  expect(policies.map((element) => attribute(element, 'content'))).toEqual([
    `default-src 'none'; style-src 'sha256-${hash}'; img-src 'none'; base-uri 'none'; form-action 'none'`,
  ])
  expect(elements.filter((element) => attribute(element, 'name') === 'referrer').map(({ attrs }) => attrs)).toEqual([
    [
      { name: 'name', value: 'referrer' },
      { name: 'content', value: 'no-referrer' },
    ],
  ])
})

/** Pieces of markup, style, escape sequences and hidden characters, in any order. */
const hostileText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...['<script>alert(1)</script>', '</title><img src=x onerror=alert(1)>', '</style><style>*{}', '-->', '<!--'],
        ...['</pre><a href="https://evil.example">', '"><svg onload=alert(1)>', "' autofocus onfocus='", '&lt;b&gt;'],
        ...['<iframe src=//evil.example>', '<base href=//evil.example>', ']]>', '</svg><form>', '&#60;script&#62;'],
        ...['</desc><script>', '{{x}}', '\u001b[2J', '\u202e', '\u200b', '\u0000', '\r', '\n', '\u2028', '\ud800'],
        ...[
          'data:text/html,<script>',
          'javascript:alert(1)',
          '<meta http-equiv=refresh content=0>',
          '<td>',
          '</table>',
        ],
      ),
      fc.string({ unit: 'grapheme', maxLength: 20 }),
      fc.string({ unit: 'binary', maxLength: 20 }),
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((pieces) => `x${pieces.join('')}`)

/** Elements and attributes of a page, without ids, texts and drawings, whose values may differ. */
const shapeOf = (text: string) =>
  pageWith(text).elements.map(({ tagName, attrs }) => `${tagName} ${attrs.map(({ name }) => name).join(' ')}`)

test('hostile text changes no element, attribute or link of a page', () => {
  const plain = shapeOf('plain')
  fc.assert(
    fc.property(hostileText, (text) => {
      expect(shapeOf(text)).toEqual(plain)
    }),
    { numRuns: 60 },
  )
})

test('hostile text is in the text of a page, and what nobody sees is shown by its number', () => {
  const heading = (text: string) => textOf(pageWith(text).elements.find(({ tagName }) => tagName === 'h1') ?? never())
  expect(heading('<script>a & "b"</script>')).toBe('<script>a & "b"</script>')
  expect(heading('a\u202eb\u001b[31mc\u200bd\u2028e\u{e0041}\ud800')).toBe(
    'a⟨U+202E⟩b⟨U+001B⟩[31mc⟨U+200B⟩d⟨U+2028⟩e⟨U+E0041⟩⟨U+D800⟩',
  )
  expect(renderHtml(documentWith('\u0000\u0007\u0085'))).not.toMatch(/[^\P{Cc}\n]/u)
})

test('a page has only elements and attributes that load, run and send nothing', () => {
  const { elements, errors } = pageWith('https://evil.example/x?y')
  expect(errors).toEqual([])
  const active = /^(?:script|link|img|image|iframe|object|embed|form|input|button|use|foreignobject|animate|set|base)$/i
  expect(elements.map(({ tagName }) => tagName).filter((name) => active.test(name))).toEqual([])
  const attributes = elements.flatMap(({ attrs }) => attrs)
  expect(attributes.filter(({ name }) => /^(?:on|style$|src|srcset|xlink|action|target)/i.test(name))).toEqual([])
  expect(attributes.filter(({ name, value }) => name === 'href' && !value.startsWith('#'))).toEqual([])
  expect(attributes.filter(({ value }) => /url\(/.test(value))).toEqual([])
})

test('every plot has a name, a description with its figures, and a table', () => {
  const { elements } = pageWith('plain')
  const plots = elements.filter((element) => attribute(element, 'role') === 'img')
  expect(plots).toHaveLength(11)
  const byId = new Map(elements.map((element) => [attribute(element, 'id'), textOf(element)]))
  for (const plot of plots) {
    const [name = '', description = ''] = attribute(plot, 'aria-labelledby')?.split(' ') ?? []
    expect(byId.get(name)).not.toBe('')
    expect(byId.get(description)).toMatch(/\d/)
  }
  const ids = elements.flatMap((element) => attribute(element, 'id') ?? [])
  expect(new Set(ids).size).toBe(ids.length)
})

test('a quote that is not grounded is marked with its reason', () => {
  const { elements } = pageWith('plain')
  const marked = elements
    .filter(({ tagName }) => tagName === 'li')
    .filter((li) => attribute(li, 'class') === 'ungrounded')
  expect(marked.map(textOf)).toEqual([expect.stringContaining('not confirmed: plain')])
})

test('a quote of a log line of the timeline is marked in the whole line', () => {
  const document = documentWith('plain')
  const [event] = document.timeline
  const [quote] = document.evidence
  if (event === undefined || quote === undefined) return never()
  const place = { source: 'dmesg', line: 272 }
  const { elements } = parsedPage(
    renderHtml({
      ...document,
      timeline: [{ ...event, ...place, text: '[ 8211.4] NVRM: Xid 79, GPU has fallen off the bus.' }],
      evidence: [{ ...quote, ...place, quote: 'Xid 79' }],
    }),
  )
  expect(elements.filter(({ tagName }) => tagName === 'mark').map(textOf)).toEqual(['Xid 79'])
  const lines = elements.filter((element) => attribute(element, 'class') === 'log').map(textOf)
  // In the evidence and in the timeline.
  expect(lines).toEqual(Array(2).fill('[ 8211.4] NVRM: Xid 79, GPU has fallen off the bus.'))
})

test('each command is one text that a click selects as a whole', () => {
  const { elements } = parsedPage(
    renderHtml({
      ...documentWith('plain'),
      fix_steps: [{ title: 'Restart', commands: ['kubectl set env deploy/x A=1', 'a && b'], note: null }],
    }),
  )
  const commands = elements.filter((element) => attribute(element, 'class') === 'commands').map(textOf)
  expect(commands).toContain('kubectl set env deploy/x A=1\na && b')
})

test('a section without content is left out, also in the table of contents', () => {
  const document = { ...documentWith('plain'), violations: [], not_looked_at: [], timeline: [], fix_plan: null }
  const names = headings(document)
  for (const name of ['Broken rules', 'Not looked at', 'What happened', 'Changes']) expect(names).not.toContain(name)
  expect(renderHtml(document)).not.toMatch(/#violations|#timeline/)
})

test('without a validated fix the page has the figures of the incident only', () => {
  const { validation, ...document } = documentWith('plain')
  const { charts } = document
  const html = renderHtml({
    ...document,
    validation: { status: 'unknown', deltas: [], summary: 'Nothing was tried.' },
    post_telemetry: null,
    charts: {
      ...charts,
      onset_s: null,
      start: null,
      series: charts.series.map((one) => ({ ...one, after: null })),
      distributions: charts.distributions.map((one) => ({ ...one, after: null })),
    },
  })
  expect(validation.status).not.toBe('unknown')
  expect(html).toContain('Nothing was tried.')
  expect(html).not.toMatch(/NaN|undefined|with the fix from the start of the window/)
})

test.each([
  ['a long text', 'x'.repeat(3_000_000)],
  ['a text of characters that are escaped', '&'.repeat(1_000_000)],
  ['a text of hidden characters', '\u{e0041}'.repeat(500_000)],
])('%s everywhere gives a page below 500 KB, and the page says what is left out', (_name, text) => {
  const html = renderHtml(documentWith(text))
  expect(Buffer.byteLength(html)).toBeLessThan(500_000)
  expect(html).toContain('Left out on this page')
})

test('long lists give a page below 500 KB, and the page says how much is left out', () => {
  const document = documentWith('some text of a usual length, as logs have it')
  const many = <T>(items: readonly T[]): T[] => Array.from({ length: 5000 }, () => items).flat()
  const { charts, course } = document
  const html = renderHtml({
    ...document,
    timeline: many(document.timeline),
    evidence: many(document.evidence),
    not_looked_at: many(document.not_looked_at),
    attempts: many(document.attempts),
    course: {
      ...course,
      rounds: many(course.rounds.map((round) => ({ ...round, calls: many(round.calls) }))).slice(0, 500),
    },
    charts: { ...charts, series: charts.series.map((one) => ({ ...one, before: many(one.before) })) },
  })
  expect(Buffer.byteLength(html)).toBeLessThan(500_000)
  expect(html).toMatch(/timeline: \d+ of 35000/)
})

test('names in the figures are shown with hidden characters by number, and are cut', () => {
  const document = documentWith('plain')
  const hostile = `x\u202e\u0007${'y'.repeat(900_000)}`
  const [first, ...others] = document.validation.deltas
  const page = renderHtml({
    ...document,
    pre_telemetry: { ...document.pre_telemetry, config_id: hostile },
    validation: {
      ...document.validation,
      deltas: first === undefined ? [] : [{ ...first, metric: hostile, reason: hostile }, ...others],
    },
  })
  expect(page).not.toMatch(/\u202e|[^\P{Cc}\n]/u)
  expect(page.length).toBeLessThan(500_000)
})

test('figures have the names that people use, as in Markdown', () => {
  const document = documentWith('plain')
  const deltas = document.validation.deltas.map((delta) => ({ ...delta, metric: 'latency.ttft_s.p95' }))
  const { elements } = parsedPage(renderHtml({ ...document, validation: { ...document.validation, deltas } }))
  const text = elements.filter(({ tagName }) => tagName === 'td' || tagName === 'th').map(textOf)
  expect(text).toContain('time to first token p95')
  expect(text.join('\n')).not.toMatch(/\b(?:latency|requests|throughput|queue|kv_cache)\.[a-z_]+/)
})

test('fewer points of a plot keep its peak', () => {
  const document = documentWith('plain')
  const peak = Array.from({ length: 10_000 }, (_, second) => [second, second === 4321 ? 77_777 : 1])
  const series = document.charts.series.map((one) => ({ ...one, before: peak, after: null }))
  const html = renderHtml({ ...document, charts: { ...document.charts, duration_s: 10_000, series } })
  expect(html).toContain('at most 77777 (')
})

test('the same document gives the same page, and is not changed', () => {
  const document = documentWith('plain')
  const before = structuredClone(document)
  expect(renderHtml(document)).toBe(renderHtml(document))
  expect(document).toEqual(before)
})

function never(): never {
  throw new Error('the page has no such element')
}
