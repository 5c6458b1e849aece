import { expect, test } from 'vitest'
import type { EngineArgumentValue } from '../../../fixtures/deployment.ts'
import { loadScenario, readLog } from '../../../fixtures/load-scenario.ts'
import type { Scenario } from '../../../fixtures/scenario.ts'
import { readSpeculativeConfig } from '../../../tools/arguments/speculative-config.ts'
import { analyzeMetrics } from '../../../tools/index.ts'
import { parseMetricsPage } from '../../../tools/prometheus/parse-metrics-page.ts'
import { vllmPage } from '../../../tools/prometheus/vllm-page.ts'
import { telemetryOf } from '../../../tools/simulation/collect-telemetry.ts'
import { acceptedDrafts } from '../../../tools/simulation/draft-acceptance.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { exampleScenario } from '../../support/example-scenario.ts'
import { call } from '../call.ts'

const eagle = (tokens: number) => JSON.stringify({ method: 'eagle3', model: 'head', num_speculative_tokens: tokens })
const withArgs = (args: { readonly [name: string]: EngineArgumentValue }, rates?: readonly number[]): Scenario =>
  exampleScenario({
    rate: 4,
    durationS: 60,
    args: { ...args },
    impairments:
      rates === undefined ? [] : [{ kind: 'draft_acceptance', when: { always: true }, rates, reason: 'for the test' }],
  })
const mean = ({ sum, count }: { readonly sum: number; readonly count: number }) => sum / count

test('drafts are accepted as often as the rates say, and later positions continue them', () => {
  const rates = [0.6, 0.3]
  const { drafts } = simulate(withArgs({ speculative_config: eagle(4) }, rates))
  const perDraft = drafts?.acceptedPerPosition.map((count) => count / drafts.drafts) ?? []
  for (const [position, expected] of [0.6, 0.3, 0.15, 0.075].entries()) {
    expect(perDraft[position]).toBeGreaterThan(expected - 0.02)
    expect(perDraft[position]).toBeLessThan(expected + 0.02)
  }
  expect(drafts?.draftTokens).toBe(4 * (drafts?.drafts ?? 0))
  expect(drafts?.acceptedTokens).toBe(drafts?.acceptedPerPosition.reduce((sum, count) => sum + count, 0))
})

test('the luck of a token does not depend on the number of drafted tokens', () => {
  const accepted = acceptedDrafts({ method: 'eagle3', tokens: 5 }, 7)
  const shorter = acceptedDrafts({ method: 'eagle3', tokens: 2 }, 7)
  for (let token = 0; token < 200; token++) expect(shorter(3, token, 2)).toBe(Math.min(2, accepted(3, token, 5)))
})

test('without speculative decoding no draft is counted, and no family is on the page', () => {
  const scenario = withArgs({})
  expect(simulate(scenario).drafts).toBeUndefined()
  expect(vllmPage(scenario)).not.toContain('spec_decode')
})

test('accepted drafts shorten an answer, and rejected ones make it longer than without speculative decoding', () => {
  const answer = (args: Record<string, string>, rates?: readonly number[]) =>
    mean(simulate(withArgs(args, rates)).observed.e2e)
  const off = answer({})
  expect(answer({ speculative_config: eagle(5) }, [0.9, 0.8, 0.7])).toBeLessThan(0.6 * off)
  expect(answer({ speculative_config: eagle(5) }, [0, 0])).toBeGreaterThan(1.1 * off)
})

test('every answer has its length, whatever is accepted', () => {
  const off = simulate(withArgs({})).observed.generationTokens
  const on = simulate(withArgs({ speculative_config: eagle(7) }, [1, 1])).observed.generationTokens
  expect(off.sum / off.count).toBe(128)
  expect(on.sum / on.count).toBe(128)
})

test('an EAGLE head needs memory that the KV cache lacks, and n-grams need none', () => {
  const tokens = (args: Record<string, string>) => simulate(withArgs(args)).memory?.kvTokens ?? 0
  const ngram = JSON.stringify({ method: 'ngram', num_speculative_tokens: 3 })
  expect(tokens({ speculative_config: ngram })).toBe(tokens({}))
  // Llama-3.1-8B has 32 layers and the head one more; its weights take 0.7 GiB of 20 GiB.
  expect(tokens({ speculative_config: eagle(3) })).toBeLessThan((0.98 * 32 * tokens({})) / 33)
})

test('n-grams are searched without asynchronous scheduling', () => {
  const isAsync = (args: Record<string, string>) => simulate(withArgs(args)).settings.asyncScheduling
  expect(isAsync({ speculative_config: JSON.stringify({ method: 'ngram', num_speculative_tokens: 3 }) })).toBe(false)
  expect(isAsync({ speculative_config: eagle(3) })).toBe(true)
})

// The messages of `vllm/config/speculative.py`.
test.each([
  ['{"method": "ngram"}', 'num_speculative_tokens must be provided with speculative model unless'],
  ['{"method": "eagle3", "model": "head"}', 'neither `speculative_token_tree` nor `num_speculative_tokens`'],
  ['{"method": "eagle3"}', 'num_speculative_tokens must be provided with speculative model unless'],
  [
    '{"method": "ngram", "num_speculative_tokens": 3, "tensor_parallel_size": 2}',
    "Please pass 'draft_tensor_parallel_size'",
  ],
  ['{"method": "eagle3", "num_speculative_tokens": 3}', 'was provided but without speculative model'],
  ['{"method": "eagle", "model": "head", "num_speculative_tokens": 0}', 'Input should be greater than 0'],
  [
    '{"method": "eagle", "model": "head", "num_speculative_tokens": 1.5}',
    'Input should be a valid integer, got a number with a',
  ],
  ['{"model": "ngram", "num_speculative_tokens": 3, "prompt_lookup_min": 4, "prompt_lookup_max": 2}', 'must be <='],
])('the engine does not start with speculative_config %s', (speculative_config, reason) => {
  const { engine } = simulate(withArgs({ speculative_config }))
  expect(engine).toMatchObject({ started: false, reason: expect.stringContaining(reason) })
  expect(readSpeculativeConfig(speculative_config)).toBeUndefined()
})

test.each([
  ['{"model": "[ngram]", "num_speculative_tokens": 3}', 'ngram'],
  ['{"model": "yuhuili/EAGLE-LLaMA3-Instruct-8B", "num_speculative_tokens": 3}', 'eagle'],
  ['{"model": "AngelSlim/Qwen3-8B_eagle3", "num_speculative_tokens": 3}', 'eagle3'],
])('the method follows from the model of %s', (text, method) => {
  expect(readSpeculativeConfig(text)).toEqual({ method, tokens: 3 })
})

test('the page and the log of the scenario show the same collapse', () => {
  const scenario = loadScenario('speculative_decoding_collapse')
  const { drafts } = simulate(scenario)
  const { samples } = parseMetricsPage(vllmPage(scenario))
  const values = (name: string) => samples.filter((sample) => sample.name === name).map(({ value }) => value)
  expect(values('vllm:spec_decode_num_drafts_total')).toEqual([drafts?.drafts])
  expect(values('vllm:spec_decode_num_draft_tokens_total')).toEqual([drafts?.draftTokens])
  expect(values('vllm:spec_decode_num_accepted_tokens_total')).toEqual([drafts?.acceptedTokens])
  expect(values('vllm:spec_decode_num_accepted_tokens_per_pos_total')).toEqual(drafts?.acceptedPerPosition)
  const lines = readLog(scenario, 'vllm').filter((line) => line.includes('SpecDecoding metrics: '))
  const lengths = lines.map((line) => Number(/Mean acceptance length: ([\d.]+)/.exec(line)?.[1]))
  const isBefore = (line: string) => / 04-14 00:/.test(line)
  expect(Math.min(...lengths.filter((_, index) => isBefore(lines[index] ?? '')))).toBeGreaterThan(2.5)
  const during = lengths.slice(-40)
  expect(Math.max(...during)).toBeLessThan(1.4)
  const accepted = lines.slice(-48).map((line) => Number(/Accepted: (\d+) tokens/.exec(line)?.[1]))
  expect(accepted.reduce((sum, count) => sum + count, 0)).toBe(drafts?.acceptedTokens)
})

test('the analysis names the share of accepted drafts, and counts each request of a step once', async () => {
  const scenario = 'speculative_decoding_collapse'
  const { samples: prometheus_samples } = parseMetricsPage(vllmPage(loadScenario(scenario)))
  const analysis = await call(analyzeMetrics, { pre_telemetry: telemetryOf(scenario), prometheus_samples })
  const { hotspot, derived_metrics } = analysis
  expect(hotspot.kind).toBe('decode')
  expect(hotspot.because.join(' ')).toContain('Speculative decoding: 6.1 % of the drafted tokens are accepted.')
  const { runningMean } = simulate(loadScenario(scenario)).occupancy
  expect(derived_metrics.mean_batch).toBeGreaterThan(0.85 * runningMean)
  expect(derived_metrics.mean_batch).toBeLessThan(1.05 * runningMean)
})
