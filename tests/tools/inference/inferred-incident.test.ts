import { beforeAll, describe, expect, test } from 'vitest'
import { loadScenario } from '../../../fixtures/load-scenario.ts'
import { type FolderIncident, openIncident } from '../../../tools/incident-folder/open-incident.ts'
import { createIncidentTools, scenarioSource } from '../../../tools/index.ts'
import type { Telemetry } from '../../../tools/types.ts'
import { validate } from '../../../tools/validation/validate.ts'
import { folderWithTwoPages } from '../../support/scenario-folder.ts'
import { call } from '../call.ts'

// The tools on a folder whose load was inferred: observed figures stay those of the files, and changes are predictions.

let incident: FolderIncident
let before: Telemetry
let after: Telemetry

const tools = () => createIncidentTools({ scenarios: scenarioSource([incident]) })

const applied = async (args: Readonly<Record<string, number>>) => {
  const [, , , fetchConfig, , , , apply] = tools()
  const { config } = await call(fetchConfig, { scenario: incident.observation.id })
  const fix_plan = { summary: 'x', actions: [{ action: 'set_engine_args' as const, args }] }
  return call(apply, { current_config: config, fix_plan })
}

const collected = async (updated_config: unknown) => {
  const [, , , , , , , , collect] = tools()
  return (await call(collect, { scenario: incident.observation.id, updated_config })).post_telemetry
}

beforeAll(async () => {
  incident = await openIncident(await folderWithTwoPages(loadScenario('prefill_interference')))
  before = incident.observation.telemetry
  after = await collected((await applied({ max_num_batched_tokens: 2048 })).updated_config)
})

test('the scenario is inferred once, and the observed figures stay those of the pages', () => {
  expect(incident.inference()).toBe(incident.inference())
  expect(before.window.duration_s).toBe(600)
  expect(before.base).toBeUndefined()
})

test('the telemetry after a change says that its figures are predictions, and has the same simulation without it', () => {
  expect(after.notes?.join(' ')).toMatch(/These figures are predictions.*Time to first token p95: simulated/)
  expect(after.base).toMatchObject({
    phase: 'pre',
    config_id: before.config_id,
    window: after.window,
    requests: { arrived: after.requests.arrived },
  })
  expect(after.paired?.seeds).toHaveLength(8)
})

test('the expected impact has the ratios with their bands, which are those of the telemetry', async () => {
  const { expected_impact, prediction, not_predicted } = await applied({ max_num_batched_tokens: 2048 })
  expect(prediction).toEqual(after.prediction)
  expect(not_predicted).toBeUndefined()
  expect(expected_impact).toHaveLength(2)
  expect(expected_impact[1]).toMatch(/^Predicted for the load of the pages, .*\(×[\d.]+ to ×[\d.]+\)/)
})

describe('a validation', () => {
  test('compares the prediction with its base, and not with the figures of the pages', () => {
    const { status, deltas, prediction, summary, limits } = validate(before, after)
    expect(status).toBe('improved')
    const served = deltas.find(({ metric }) => metric === 'requests.served')
    expect(served?.before).toBe(after.base?.requests.served)
    expect(served?.before).not.toBe(before.requests.served)
    expect(prediction).toEqual(after.prediction)
    expect(summary).toMatch(/Predicted, with the band of all draws: .*×0\.0/)
    expect(limits).toContainEqual(expect.stringContaining('inferred from the metrics pages'))
  })

  test('is improved only if the band of a figure that decided does not contain ×1', () => {
    const { prediction } = after
    if (prediction === undefined) throw new Error('There is a prediction.')
    const statusWith = (bands: Readonly<Record<string, { low: number; high: number }>>) => {
      const ratios = prediction.ratios.map((row) => ({ ...row, band: bands[row.figure] ?? { low: 0.01, high: 1.01 } }))
      return validate(before, { ...after, prediction: { ...prediction, ratios } }).status
    }
    expect(statusWith({})).toBe('unchanged')
    expect(statusWith({ stall_excess: { low: 0.1, high: 0.9 } })).toBe('improved')
    expect(statusWith({ served: { low: 1.1, high: 1.2 } })).toBe('improved')
    expect(statusWith({ served: { low: 0.8, high: 0.9 } })).toBe('unchanged')
    // The fix was judged by pauses. Other latencies say nothing about it.
    expect(statusWith({ e2e_p95_s: { low: 0.1, high: 0.9 } })).toBe('unchanged')
  })

  test('of a change that makes it worse is regressed', async () => {
    const worse = await collected((await applied({ max_num_seqs: 2 })).updated_config)
    expect(validate(before, worse).status).toBe('regressed')
  })

  test('of no change is unchanged', async () => {
    const same = await collected(incident.observation.deployment)
    expect(same.prediction).toBeUndefined()
    expect(validate(before, same).status).toBe('unchanged')
  })

  test('of one prediction against another is unknown', async () => {
    const other = await collected((await applied({ max_num_batched_tokens: 512 })).updated_config)
    expect(validate(other, after)).toMatchObject({ status: 'unknown', summary: expect.stringContaining('No verdict') })
  })

  test.each(['base', 'prediction'] as const)('rejects a prediction without its %s', (member) => {
    const { [member]: _, ...changed } = after
    expect(() => validate(before, changed)).toThrow(`post_telemetry.${member} is missing`)
  })

  test('rejects a base that was made up', () => {
    const { base } = after
    if (base === undefined) throw new Error('There is a base.')
    const requests = { ...base.requests, served: 1 }
    expect(() => validate(before, { ...after, base: { ...base, requests } })).toThrow('post_telemetry.base.requests')
    expect(() => validate(before, { ...after, base: { ...base, scenario: 'other' } })).toThrow(
      'base.scenario is "other"',
    )
  })
})
