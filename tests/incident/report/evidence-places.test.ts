import { expect, test } from 'vitest'
import { evidencePlaces } from '../../../lib/incident/report/evidence-places.ts'
import { builtInScenarios } from '../../../tools/scenario-source.ts'
import { inputWith } from './hostile-result.ts'

const { result } = inputWith('plain')
const citing = (evidence: typeof result.diagnosis.evidence) => ({
  ...result,
  diagnosis: { ...result.diagnosis, evidence },
})

test('the place of a long quote in a long log is found before the test is stopped', () => {
  const lines = Array.from({ length: 50_000 }, (_, index) => `INFO 02-17 14:00:00 [a.py:1] request ${index} was served`)
  const incident = { ...builtInScenarios.load('kv_cache_pressure'), log: () => lines }
  const other = Array.from({ length: 10_000 }, (_, index) => `a line ${index} that no log has`)
  const quotes = [['request 41999 was served', ...other].join('\n'), other.join('\n')]
  const evidence = quotes.map((quote) => ({ tool: 'fetch_vllm_logs', quote, grounded: true }))
  // With every line of the quote and of the log, this takes half a minute.
  expect(evidencePlaces(incident, citing(evidence)).map(({ place }) => place.line)).toEqual([42_000, null])
}, 15_000)

test('a quote that is not grounded has a reason, also in a result without one', () => {
  const quote = { tool: 'fetch_config', quote: 'enforce_eager', grounded: false }
  const reason = 'this quote is a label of fetch_config, not a fact.'
  const places = evidencePlaces(undefined, citing([quote, { ...quote, reason }, { ...quote, grounded: true }]))
  expect(places.map(({ place }) => place.reason)).toEqual([
    'no result of this tool has it as a log line, a figure or a setting.',
    reason,
    null,
  ])
})
