import { expect, test } from 'vitest'
import { generateReport } from '../../../lib/incident/report/report.ts'
import { reportFacts } from '../../../lib/incident/report/report-facts.ts'
import { inputWith } from './hostile-result.ts'

test.each([
  ['a vendor key', 'the key sk-cp-QQQQQQQQQQQQ is wrong'],
  ['a bearer token', 'authorization: Bearer QQQQQQQQQQQQ'],
  ['a JSON Web Token', 'eyJQQQQQQQQQQQQ.QQQQQQQQ.QQQQQQ'],
  ['credentials in a URL', 'cannot reach https://user:QQQQQQ@gateway.example/v1'],
  ['a password', 'password=QQQQQQQQ'],
  ['a key in JSON', '{"api_key": "QQQQQQQQ"}'],
  ['an environment line', 'ANTHROPIC_AUTH_TOKEN=QQQQQQQQ'],
])('%s is masked in both forms of the report', (_name, text) => {
  const { json, markdown } = generateReport(inputWith(text))
  expect(linesWithSecret(JSON.stringify(json, null, 1))).toEqual([])
  expect(linesWithSecret(markdown)).toEqual([])
  expect(JSON.stringify(json)).toContain('[redacted]')
})

test('the value of an environment variable with the name of a secret is masked', () => {
  const input = inputWith('plain')
  const actions = [{ action: 'set_env' as const, env: { HF_TOKEN: 'QQQQQQQQQQQQ', OPENAI_API_KEY: 'QQQQQQQQQQQQ' } }]
  const diff = [{ op: 'add' as const, path: '/env/OPENAI_API_KEY', value: 'QQQQQQQQQQQQ' }]
  const { json, markdown } = generateReport({
    ...input,
    result: {
      ...input.result,
      fix_plan: { summary: 'x', actions },
      fix_result: { ...input.result.fix_result, updated_config: updated(input), diff, expected_impact: [] },
    },
  })
  expect(linesWithSecret(JSON.stringify(json, null, 1))).toEqual([])
  expect(linesWithSecret(markdown)).toEqual([])
})

test('masking changes neither figures nor names', () => {
  const input = inputWith('plain')
  const { json } = generateReport(input)
  expect(json).toEqual({ ...reportFacts(input), ...input.result })
  expect(json.report_version).toBe(2)
})

test('the report depends only on its input and does not change it', () => {
  const input = inputWith('Bearer 0123456789')
  const before = structuredClone(input)
  expect(generateReport(input)).toEqual(generateReport(input))
  expect(input).toEqual(before)
})

test('without a notice the report has none', () => {
  const { notice: _, ...input } = inputWith('plain')
  const { json, markdown } = generateReport({ ...input, result: { ...input.result, violations: [] } })
  expect(json.notice).toBeNull()
  expect(markdown).not.toMatch(/^>/m)
})

function updated({ result }: ReturnType<typeof inputWith>) {
  const { updated_config: config } = result.fix_result ?? {}
  if (config === undefined) throw new Error('the input holds a fix')
  return { ...config, env: { ...config.env, OPENAI_API_KEY: 'QQQQQQQQQQQQ' } }
}

function linesWithSecret(text: string): readonly string[] {
  return text.split('\n').filter((line) => line.includes('QQQQ'))
}

test('the report says how often another attempt took over the run', () => {
  const input = inputWith('plain')
  const third = { ...input, result: { ...input.result, run: { ...input.result.run, attempt: 3 } } }
  expect(generateReport(input).json.course.resumed).toBe(0)
  expect(generateReport(third).json.course.resumed).toBe(2)
})
