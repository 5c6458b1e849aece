import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { MockActivityEnvironment } from '@temporalio/testing'
import { describe, expect, test } from 'vitest'
import { generateReport } from '../../lib/incident/report/report.ts'
import { jsonBytes, payloadLimitBytes } from '../../lib/temporal/payload.ts'
import { createActivities, type GenerateReportInput } from '../../workflows/activities.ts'
import { inputWith } from '../incident/report/hostile-result.ts'

const { notice: _, ...made } = inputWith('text')
const small = { ...made, started_at: '2026-02-17T14:15:00.123Z' }

/** The input fits into a payload, but the report, which contains it twice, does not. */
function inputWithTrace(entries: number): GenerateReportInput {
  const problems = ['*'.repeat(5_000)]
  const trace = Array.from({ length: entries }, (_, round) => ({
    type: 'answer-rejected' as const,
    round,
    problems,
    elapsed_ms: 1,
  }))
  return { ...small, result: { ...small.result, agent_trace: trace } }
}

describe('a report that is too large for a payload', () => {
  const large = inputWithTrace(400)

  test('loses its plots, and the oldest entries of its trace in both forms, and says so', async () => {
    expect(jsonBytes(generateReport(large))).toBeGreaterThan(payloadLimitBytes)
    const generated = await createActivities().generate_report(large)
    expect(jsonBytes(generated)).toBeLessThanOrEqual(payloadLimitBytes)
    const { json, markdown } = generated.report ?? generateReport(small)
    const [note, ...kept] = json.agent_trace
    expect(note).toMatchObject({ type: 'warning', message: expect.stringContaining(`first ${400 - kept.length} `) })
    expect(kept.length).toBeGreaterThan(20)
    expect(kept).toEqual(large.result.agent_trace.slice(-kept.length))
    expect(json.charts).toMatchObject({ note: expect.stringContaining('too large'), series: [], distributions: [] })
    expect(json).toMatchObject({ diagnosis: small.result.diagnosis, validation: small.result.validation })
    expect(markdown.match(/answer rejected/g)).toHaveLength(kept.length)
  })

  test('is complete in the files', async () => {
    const reportDirectory = await mkdtemp(join(tmpdir(), 'tenrounds-report-'))
    const { report_directory = '' } = await createActivities({ reportDirectory }).generate_report(large)
    expect(basename(report_directory)).toMatch(`${large.scenario}-20260217T141500Z-`)
    const document: unknown = JSON.parse(await readFile(join(report_directory, 'report.json'), 'utf8'))
    expect(document).toHaveProperty('agent_trace.length', 400)
    expect(document).toHaveProperty('charts', generateReport(large).json.charts)
  })

  test('is left out, with its size and the limit, if the trace is not the reason, and the files have it', async () => {
    const reportDirectory = await mkdtemp(join(tmpdir(), 'tenrounds-report-'))
    const diagnosis = { ...small.result.diagnosis, summary: '*'.repeat(500_000) }
    const input = { ...small, result: { ...small.result, diagnosis } }
    const generated = await createActivities({ reportDirectory }).generate_report(input)
    expect(generated.report).toBeUndefined()
    expect(generated.report_error).toMatch(/^The result is 2\d{6} bytes of JSON, more than the limit of 1500000 /)
    const text = await readFile(join(generated.report_directory ?? '', 'report.json'), 'utf8')
    expect(JSON.parse(text)).toMatchObject({ diagnosis: { summary: diagnosis.summary } })
  })
})

test('a report that fits is returned unchanged', async () => {
  const input = inputWithTrace(3)
  expect((await createActivities().generate_report(input)).report).toEqual(generateReport(input))
})

test('a retry of generate_report writes the same bytes into the same folder, and another run has its own', async () => {
  const reportDirectory = await mkdtemp(join(tmpdir(), 'tenrounds-report-'))
  const { generate_report } = createActivities({ reportDirectory })
  const input = inputWithTrace(3)
  const { report_directory = '' } = await generate_report(input)
  const written = await readFile(join(report_directory, 'report.json'), 'utf8')
  expect(await generate_report(input)).toMatchObject({ report_directory })
  expect(await readFile(join(report_directory, 'report.json'), 'utf8')).toBe(written)
  const run = { ...input.result.run, run_id: 'another' }
  await generate_report({ ...input, result: { ...input.result, run } })
  expect(await readdir(reportDirectory)).toHaveLength(2)
})

test('if one file of a report cannot be written, the result has the folder and the reason', async () => {
  const reportDirectory = await mkdtemp(join(tmpdir(), 'tenrounds-report-'))
  const { generate_report } = createActivities({ reportDirectory })
  const { report_directory = '' } = await generate_report(small)
  const markdown = join(report_directory, 'report.md')
  await rm(markdown)
  await mkdir(join(markdown, 'in the way'), { recursive: true })
  expect(await generate_report(small)).toMatchObject({
    report_directory,
    report_error: expect.stringContaining('report.md'),
    report: generateReport(small),
  })
})

test.each([undefined, 'yesterday'])(
  'with the start %j the folder has the time at which the activity was scheduled',
  async (started_at) => {
    const reportDirectory = await mkdtemp(join(tmpdir(), 'tenrounds-report-'))
    const { generate_report } = createActivities({ reportDirectory })
    const scheduledTimestampMs = Date.UTC(2026, 1, 17, 14, 15)
    const environment = new MockActivityEnvironment({ attempt: 3, scheduledTimestampMs })
    const { started_at: _, ...input } = small
    await environment.run(generate_report, { ...input, ...(started_at && { started_at }) })
    expect(await readdir(reportDirectory)).toEqual([expect.stringContaining('-20260217T141500Z-')])
  },
)
