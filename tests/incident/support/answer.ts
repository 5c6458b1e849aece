import type { Diagnosis } from '../../../lib/incident/index.ts'
import type { FixPlan } from '../../../tools/types.ts'
import { calls, type ScriptStep, says } from '../../support/scripted-model.ts'

export const scenario = 'kv_cache_pressure'

export const plan: FixPlan = {
  summary: 'Enlarge the KV cache.',
  actions: [{ action: 'set_engine_args', args: { gpu_memory_utilization: 0.92, kv_cache_dtype: 'fp8' } }],
}

export const diagnosis: Omit<Diagnosis, 'evidence'> = {
  root_cause: 'The KV cache is too small for this load.',
  summary: 'Requests are preempted and computed again.',
  category: 'kv_cache',
  confidence: 'high',
  ruled_out: [],
  uncertainties: [],
}

type Quote = Omit<Diagnosis['evidence'][number], 'grounded'>

/** A reply with an answer; `extra` members are added to the two that the schema has. */
export function answers(
  evidence: readonly Quote[],
  fix_plan: FixPlan = plan,
  extra: { readonly [name: string]: unknown } = {},
): ScriptStep {
  return says(JSON.stringify({ diagnosis: { ...diagnosis, evidence }, fix_plan, ...extra }))
}

export const fetchConfig = calls('fetch_config', { scenario })

/** The calls from a plan to its validation, one per round. */
export function simulates(fix_plan: FixPlan): readonly ScriptStep[] {
  return [
    calls('apply_fix_simulation', { current_config: { $result: 'fetch_config#/config' }, fix_plan }, 'apply'),
    calls('collect_post_telemetry', { scenario, updated_config: { $result: 'apply#/updated_config' } }, 'collect'),
    calls(
      'validate_improvement',
      { pre_telemetry: { $input: 'pre_telemetry' }, post_telemetry: { $result: 'collect#/post_telemetry' } },
      'validate',
    ),
  ]
}
