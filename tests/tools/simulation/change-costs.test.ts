import { expect, test } from 'vitest'
import { loadScenario } from '../../../fixtures/load-scenario.ts'
import { applyPlan } from '../../../tools/fix/apply-plan.ts'
import { loggedStartSeconds } from '../../../tools/logs/engine-start.ts'
import { builtInScenarios } from '../../../tools/scenario-source.ts'
import { changeCosts, restartCost } from '../../../tools/simulation/change-costs.ts'
import type { FixAction } from '../../../tools/types.ts'

function changed(id: string, action: FixAction) {
  const scenario = loadScenario(id)
  const { updated_config } = applyPlan(structuredClone(scenario.deployment), { summary: 'x', actions: [action] })
  return { scenario, config: updated_config }
}

const restart: FixAction = { action: 'restart_engine' }

test('the last start in the log replaces the estimate of a start', () => {
  const { scenario, config } = changed('prefill_interference', restart)
  // 14:57:09 to 14:59:32
  expect(loggedStartSeconds(builtInScenarios.load('prefill_interference'))).toBe(143)
  expect(changeCosts(scenario, config, 143)[0]).toContain('down for about 2 min (its last start in the log took 143 s)')
  expect(changeCosts(scenario, config)[0]).toContain('down for about 1 min (an estimate for 15 GiB of weights)')
})

test('a log without a complete start has no duration', () => {
  expect(loggedStartSeconds(builtInScenarios.load('kv_cache_crash_loop'))).toBeUndefined()
})

test('missed requests are those of the rate at the end of the window', () => {
  const { scenario, config } = changed('prefill_interference', restart)
  // 0.82 requests/s at the end, and 0.73 over the whole window.
  expect(restartCost(scenario, config, 1200)).toMatchObject({ minutes: 20, requests: 1000, isDown: false })
})

test('an engine that is down or stuck loses neither requests nor its cache by a start', () => {
  const args: FixAction = { action: 'set_engine_args', args: { max_model_len: 16384 } }
  const { scenario, config } = changed('kv_cache_crash_loop', args)
  expect(changeCosts(scenario, config)).toEqual([
    'Not in the figures: the start of the engine takes about 1 min (an estimate for 15 GiB of weights); until then requests fail as before.',
  ])
})

test('a policy of the gateway and an unchanged configuration restart nothing', () => {
  const { scenario, config } = changed('data_parallel_imbalance', { action: 'set_routing', policy: 'least_loaded' })
  expect(restartCost(scenario, config)).toBeUndefined()
  expect(restartCost(scenario, scenario.deployment)).toBeUndefined()
})
