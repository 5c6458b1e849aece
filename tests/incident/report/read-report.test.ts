import { expect, test } from 'vitest'
import { generateReport, ReportError, readReport, reportVersion } from '../../../lib/incident/index.ts'
import { isTenroundsError } from '../../../router/errors.ts'
import { inputWith } from './hostile-result.ts'

const { json: report } = generateReport(inputWith('plain'))
const text = JSON.stringify(report)

function errorOf(json: unknown): ReportError {
  try {
    readReport(json)
  } catch (error) {
    if (error instanceof ReportError) return error
    throw error
  }
  throw new Error('The report was read.')
}

test('a report is read from its text and from the parsed value', () => {
  expect(readReport(text)).toEqual(JSON.parse(text))
  expect(readReport(`\ufeff${JSON.stringify(report, null, 2)}\n`)).toEqual(JSON.parse(text))
  expect(readReport(JSON.parse(text))).toEqual(JSON.parse(text))
})

test.each([1, 3, 99])('a report of version %i is refused with both versions and the next step', (version) => {
  const error = errorOf({ ...report, report_version: version })
  expect(error.code).toBe('report_version')
  expect(error.message).toContain(`version ${version}, and this release reads version ${reportVersion}. Run`)
  expect(isTenroundsError(error)).toBe(true)
})

test.each([
  ['a text that is cut off', text.slice(0, text.length / 2), 'is cut off'],
  ['an empty text', '', 'is empty'],
  ['a text without JSON', 'x', 'is not JSON'],
  ['a list', '[]', 'it is []'],
  ['null', 'null', 'it is null'],
  ['nothing', undefined, 'it is undefined'],
  ['another document', '{"name":"x"}', 'it has no report_version'],
  ['a version in words', { ...report, report_version: 'two' }, 'report_version is "two"'],
])('%s is not a report', (_name, json, problem) => {
  const { code, message } = errorOf(json)
  expect(code).toBe('invalid_report')
  expect(message).toContain(problem)
  expect(message).toContain('Pass a report.json that this release wrote')
})

test.each([
  ['without a member', { ...report, headline: undefined }, 'headline'],
  ['with a wrong type', { ...report, timeline: 'none' }, '/timeline: expected array'],
  ['with a wrong value deep inside', { ...report, run: { ...report.run, stop_reason: 'x' } }, '/run/stop_reason'],
  ['with a foreign member', { ...report, more: 1 }, 'unknown property "more"'],
  ['with a time that is none', { ...report, onset: { ...report.onset, time: 'noon' } }, '/onset/time'],
])('a report %s is damaged, and the message has the path', (_name, damaged, path) => {
  const { code, message } = errorOf(JSON.stringify(damaged))
  expect(code).toBe('invalid_report')
  expect(message).toContain('The report is damaged.')
  expect(message).toContain(path)
})

test('a unit that is not a unit, for example an image in Markdown, is refused', () => {
  const deltas = report.validation.deltas.map((delta) => ({
    ...delta,
    unit: '![x](https://evil.example/p.png) @octocat',
  }))
  const { code, message } = errorOf({ ...report, validation: { ...report.validation, deltas } })
  expect(code).toBe('invalid_report')
  expect(message).toContain('/validation/deltas/0/unit')
})
