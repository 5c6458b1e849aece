import { expect, test } from 'vitest'
import { renderMarkdown } from '../../../lib/incident/report/markdown.ts'
import { generateReport } from '../../../lib/incident/report/report.ts'
import { inputWith } from './hostile-result.ts'

// `markdown-safety.test.ts` shows that no text can add markup.

const markdownOf = (text: string) => generateReport(inputWith(text)).markdown

test('a report has its sections, the figures before and after, and marks quotes that were not found', () => {
  const markdown = markdownOf('plain')
  expect(markdown.match(/^#.*$/gm)).toEqual([
    '# Incident `kv_cache_pressure`: degraded',
    '## What to do now',
    '## Commands',
    '## Undo',
    '## Risk and cost',
    '## Timeline',
    '## Evidence',
    '## Alternatives',
    '## Before and after (simulation)',
    '## Environment',
    '## Uncertain, and what to collect',
    '## Not looked at',
    "## The agent's run",
  ])
  expect(markdown).toContain('| served requests | 1 request | 2 requests | +100 % | better |')
  expect(markdown).toMatch(
    /^- `plain` \(.*, \*\*not confirmed: no result of this tool has it as a log line, a figure or a setting\*\*\)$/m,
  )
  expect(markdown).toContain('> **1 statement of the model could not be confirmed:**\n>\n> - plain\n')
})

test.each([
  ['`', '`` ` ``'],
  ['a`b', '``a`b``'],
  ['``` fence', '```` ``` fence ````'],
  ['*stars* and <tags>', '`*stars* and <tags>`'],
  ['dmesg | grep Xid', '`dmesg | grep Xid`'],
  ['[ 8211.4]  NVRM:   Xid 79', '`[ 8211.4]  NVRM:   Xid 79`'],
  ['name="python",\tGPU', '`name="python",\tGPU`'],
  ['"p95":36.710035', '`"p95":36.710035`'],
  ['one  line\nother\tline', '`one  line` ⏎ `other\tline`'],
])('the quote %j is in the report byte for byte', (quote, shown) => {
  expect(markdownOf(quote)).toContain(`\n- ${shown} (`)
})

test('escaped text stays readable: no character is lost', () => {
  const text = 'p95 [s] rose 10 * 2 = 20_000 | see <log> ~ \\ ! & so_on'
  const unescaped = markdownOf(text).replace(/\\([!-/:-@[-`{-~])/g, '$1')
  expect(unescaped).toContain(`**Failed:** ${text}`)
})

test('control characters, which could control a terminal, do not reach the Markdown', () => {
  expect(markdownOf('\u001b[2J\u001b]0;owned\u0007 \u0000 \u009b31m text')).not.toMatch(/[^\P{Cc}\n]/u)
})

test('sections without a fix, figures or trace entries are left out', () => {
  const input = inputWith('plain')
  const { markdown } = generateReport({
    ...input,
    result: {
      ...input.result,
      fix_plan: null,
      fix_result: null,
      validation: { status: 'unknown', deltas: [], summary: 'Nothing was tried.' },
      violations: [],
      agent_trace: [],
    },
  })
  expect(markdown).toContain('- **Fix:** none was proposed.')
  expect(markdown).toContain('- **Verdict:** **unknown**. Nothing was tried.')
  expect(markdown).not.toMatch(/## (?:Before and after|Commands|Undo|Risk)|could not be confirmed|undefined|null|NaN/)
})

test('a quote of many pieces of code gives a report', () => {
  expect(markdownOf('` '.repeat(150_000)).length).toBeGreaterThan(300_000)
})

test('the root cause and the plan are said once', () => {
  const input = inputWith('The cache is full.')
  const { diagnosis, fix_plan } = input.result
  const result = {
    ...input.result,
    violations: [],
    diagnosis: {
      ...diagnosis,
      category: 'kv_cache',
      evidence: [],
      uncertainties: [],
      ruled_out: [],
      summary: `Since noon: ${diagnosis.root_cause} Add memory. Users wait.`,
    },
    fix_plan: fix_plan && { ...fix_plan, summary: 'Add memory.' },
  }
  const { markdown } = generateReport({ ...input, result })
  expect(markdown.match(/^.*The cache is full\..*$/gm)?.filter((line) => line.includes('Root cause'))).toHaveLength(1)
  expect(markdown).toContain('## Evidence\n\nSince noon: Users wait.\n')
})

test('a run that was cancelled before its first reply has no diagnosis', () => {
  const input = inputWith('plain')
  const run = { ...input.result.run, stop_reason: 'cancelled' as const, rounds: 0 }
  const { markdown } = generateReport({ ...input, result: { ...input.result, run } })
  expect(markdown).toContain('- **Root cause:** No diagnosis: the run was cancelled before the first reply.')
})

test('a validation without any changed figure says so', () => {
  const input = inputWith('plain')
  const nothing = { metric: 'requests.served', unit: 'requests' as const, before: null, after: null, relative: null }
  const validation = {
    status: 'unknown' as const,
    summary: 'No verdict.',
    deltas: [{ ...nothing, verdict: 'unknown' as const }],
  }
  const { markdown } = generateReport({ ...input, result: { ...input.result, validation } })
  expect(markdown).toContain('No other figure changes.')
})

test('the plans that were tried are a table if there are several', () => {
  const input = inputWith('plain')
  const attempt = { round: 2, summary: 'Restart.', actions: [], text: 'It does not help.' }
  const attempts = [
    { ...attempt, status: 'regressed' as const, is_final: false },
    { ...attempt, round: null, summary: '', status: 'refused' as const, is_final: false },
    { ...attempt, summary: 'More memory.', status: 'improved' as const, is_final: true },
  ]
  const { markdown } = generateReport({ ...input, result: { ...input.result, attempts } })
  expect(markdown).toContain('| 2 | Restart. | regressed | It does not help. |')
  expect(markdown).toContain('| – | (a plan that could not be read) | refused | It does not help. |')
  expect(markdown).toContain('| 2 | More memory. | improved | this is the fix |')
  const only = generateReport({ ...input, result: { ...input.result, attempts: attempts.slice(2) } })
  expect(only.markdown).toContain('No other plan was tried in the simulation.')
})

test('a long timeline is shortened, and says so', () => {
  const { json } = generateReport(inputWith('plain'))
  const [event] = json.timeline
  if (event === undefined) throw new Error('the report has events')
  const timeline = Array.from({ length: 40 }, (_, index) => ({
    ...event,
    kind: index % 4 === 0 ? ('cause' as const) : ('request_error' as const),
    text: `event ${index}`,
    message: `event ${index}`,
  }))
  const markdown = renderMarkdown({ ...json, timeline })
  expect(markdown.match(/^\| [\d:]+ .*event \d+/gm)).toHaveLength(10)
  expect(markdown).toContain('30 more events are in report.json, under "timeline".')
})

test('an event shows its message, and one time if it ends in the same second', () => {
  const { json } = generateReport(inputWith('plain'))
  const [event] = json.timeline
  if (event === undefined) throw new Error('the report has events')
  const message = `NVRM: Xid 48 ${'x'.repeat(200)} the end`
  const timeline = [{ ...event, kind: 'cause' as const, source: 'dmesg', time: '2026-02-17T14:03:12.000Z', message }]
  const shown = (until: string) => renderMarkdown({ ...json, timeline: timeline.map((one) => ({ ...one, until })) })
  expect(shown('2026-02-17T14:03:12.900Z')).toContain('| 14:03:12 | cause | `NVRM: Xid 48 ')
  expect(shown('2026-02-17T14:03:12.900Z')).toContain('the end`')
  expect(shown('2026-02-17T14:04:12.000Z')).toContain('| 14:03:12 to 14:04:12 |')
})

test('the verdict of a simulation is in the headline and before its figures only', () => {
  const markdown = markdownOf('plain')
  expect(markdown).not.toContain('**Verdict:**')
  expect(markdown).toContain('**Confidence in the cause:**')
})

test('a change that is not judged says why', () => {
  const { json } = generateReport(inputWith('plain'))
  const delta = { metric: 'latency.queue_s.mean', unit: 's', before: 0.2, after: 0.3, relative: 0.5 } as const
  const shown = (rest: { readonly verdict: 'same' | 'unknown'; readonly reason?: string }) =>
    renderMarkdown({ ...json, validation: { ...json.validation, deltas: [{ ...delta, ...rest }] } })
  expect(shown({ verdict: 'same', reason: 'Within its objective: x.' })).toContain('| within its objective: x |')
  expect(shown({ verdict: 'same' })).toContain('| not judged: too small to matter |')
  expect(shown({ verdict: 'unknown', reason: 'Few requests.' })).toContain('| not judged: few requests |')
})

test('an event of another day than the first one has its date', () => {
  const { json } = generateReport(inputWith('plain'))
  const event = {
    ...{ until: null, kind: 'cause' as const, source: 'vllm', line: 1, text: 'plain', message: 'plain', count: 1 },
  }
  const timeline = [
    { ...event, time: '2026-02-17T23:59:59Z', until: '2026-02-18T00:01:00Z' },
    { ...event, time: '2026-02-18T00:20:09Z' },
  ]
  const markdown = renderMarkdown({ ...json, timeline })
  expect(markdown).toContain('Times of 2026-02-17 in UTC.')
  expect(markdown).toContain('| 23:59:59 to 2026-02-18 00:01:00 |')
  expect(markdown).toContain('| 2026-02-18 00:20:09 |')
})

test('the reason of a quote that is not grounded cannot add markup', () => {
  const { json } = generateReport(inputWith('plain'))
  const evidence = json.evidence.map((item) => ({ ...item, grounded: false, reason: '![x](https://evil.example) @a' }))
  expect(renderMarkdown({ ...json, evidence })).toContain('not confirmed: `![x](https://evil.example)` `@a`**')
})
