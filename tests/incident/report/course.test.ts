import { expect, test } from 'vitest'
import { courseOf } from '../../../lib/incident/report/course.ts'
import { shortenTrace, type TraceEntry } from '../../../lib/loop/trace.ts'
import { inputWith } from './hostile-result.ts'

const usage = { input_tokens: 10, output_tokens: 2, cached_input_tokens: 0, reasoning_tokens: 0 }

function reply(round: number, elapsed_ms: number, calls: readonly string[]): TraceEntry {
  const ids = calls.map((name, index) => ({ id: `${round}-${index}`, name }))
  return {
    ...{ type: 'reply', round, finish_reason: 'stop', text: '', calls: ids, usage, duration_ms: 100, elapsed_ms },
  }
}

function end(round: number, tool: string, elapsed_ms: number, failure?: string): TraceEntry {
  const common = { type: 'tool-end', round, id: `${round}-0`, tool, input: '{}', clipped: false } as const
  return failure === undefined
    ? { ...common, status: 'ok', result: '{}', duration_ms: 40, elapsed_ms }
    : { ...common, status: 'error', error_kind: 'invalid_input', result: failure, duration_ms: 0, elapsed_ms }
}

const trace: readonly TraceEntry[] = [
  { type: 'retry', round: 1, attempt: 1, code: 'rate_limit', wait_ms: 50, elapsed_ms: 40 },
  reply(1, 200, ['fetch_config', 'fetch_config']),
  end(1, 'fetch_config', 250),
  end(1, 'fetch_config', 260, 'wrong input'),
  reply(2, 500, []),
  { type: 'answer-rejected', round: 2, problems: ['a', 'b'], elapsed_ms: 510 },
  { type: 'warning', source: 'onEvent', message: 'broken', elapsed_ms: 520 },
  { type: 'limit', round: 3, limit: 'rounds', detail: '3 of 3', elapsed_ms: 530 },
  reply(3, 700, []),
]

function course(entries: readonly TraceEntry[]) {
  const { result } = inputWith('plain')
  return courseOf({ ...result, agent_trace: entries, run: { ...result.run, stop_reason: 'answered' } })
}

test('each round has its times, tokens, calls and outcome', () => {
  const { rounds, ...sums } = course(trace)
  expect(rounds.map(({ round, start_ms, end_ms, outcome }) => [round, start_ms, end_ms, outcome])).toEqual([
    [1, 100, 260, '2 tool calls'],
    [2, 400, 500, 'rejected answer, 2 problems'],
    [3, 600, 700, 'answer accepted'],
  ])
  expect(rounds[0]).toMatchObject({ model_ms: 100, input_tokens: 10, output_tokens: 2 })
  expect(rounds[0]?.calls).toEqual([
    { tool: 'fetch_config', status: 'ok', detail: null, start_ms: 210, end_ms: 250 },
    { tool: 'fetch_config', status: 'error', detail: 'invalid_input: wrong input', start_ms: 260, end_ms: 260 },
  ])
  expect(sums).toMatchObject({
    tool_calls: [{ tool: 'fetch_config', calls: 2, errors: 1, duration_ms: 40 }],
    retries: 1,
    repairs: 0,
    rejected_answers: [['a', 'b']],
    limits: ['rounds: 3 of 3'],
    warnings: ['onEvent: broken'],
  })
})

test('a trace that lost its start gives the rounds that are left, and says so', () => {
  const size = (entry: TraceEntry) => JSON.stringify(entry).length
  const note = (dropped: number) => ({ source: 'activity' as const, message: `The first ${dropped} are left out.` })
  const shortened = shortenTrace(trace, 400, size, note)
  const { rounds, warnings } = course(shortened)
  expect(rounds.map(({ round }) => round)).toEqual([2, 3])
  expect(warnings[0]).toMatch(/^activity: The first \d+ are left out\.$/)
})

test('an empty trace has no rounds', () => {
  expect(course([])).toMatchObject({ rounds: [], tool_calls: [], retries: 0 })
})
