import { FixPlanError } from '../errors.ts'
import type { FixAction } from '../types.ts'

/** @throws {FixPlanError} when there is no action, or two that contradict each other. */
export function checkConflicts(actions: readonly FixAction[]): void {
  if (actions.length === 0) {
    throw new FixPlanError(
      'fix_plan/actions: a plan needs an action; use no_change with a reason to leave everything as it is.',
    )
  }
  checkOverrides(actions)
  const seen = new Map<string, { readonly value: unknown; readonly index: number }>()
  actions.forEach((action, index) => {
    if (action.action === 'no_change' && actions.length > 1) {
      throw new FixPlanError(
        `fix_plan/actions/${index}: no_change stands alone, but the plan has ${actions.length} actions.`,
      )
    }
    for (const [target, value] of settings(action)) {
      const earlier = seen.get(target)
      if (earlier !== undefined && earlier.value !== value) {
        throw new FixPlanError(
          `fix_plan/actions/${index}: sets ${target} to ${JSON.stringify(value)}, but fix_plan/actions/${earlier.index} ` +
            `sets it to ${JSON.stringify(earlier.value)}.`,
        )
      }
      seen.set(target, { value, index })
    }
  })
}

/** vLLM lets the first argument of a pair override the second, so that a plan which sets both says two things. */
const overrides = [
  ['kv_cache_memory_bytes', 'gpu_memory_utilization'],
  ['num_gpu_blocks_override', 'gpu_memory_utilization'],
  ['num_gpu_blocks_override', 'kv_cache_memory_bytes'],
] as const

function checkOverrides(actions: readonly FixAction[]): void {
  const set = new Map<string, number>()
  actions.forEach((action, index) => {
    if (action.action !== 'set_engine_args') return
    for (const [name, value] of Object.entries(action.args)) if (value !== null) set.set(name, index)
  })
  for (const [strong, weak] of overrides) {
    const index = set.get(weak)
    if (index === undefined || !set.has(strong)) continue
    throw new FixPlanError(
      `fix_plan/actions/${index}/args/${weak}: it has no effect beside ${strong}, which overrides it; set one of the two.`,
    )
  }
}

/** What an action sets, and to what. */
function settings(action: FixAction): [target: string, value: unknown][] {
  switch (action.action) {
    case 'set_engine_args':
      return Object.entries(action.args).map(([name, value]) => [`engine_args.${name}`, value])
    case 'set_env':
    case 'align_nccl_env':
      return Object.entries(action.env).map(([name, value]) => [`env.${name}`, value])
    case 'set_resources':
      return Object.entries(action.resources).map(([name, value]) => [`resources.${name}`, value])
    case 'change_image':
      return [['image', action.image]]
    case 'drain_node':
      return [['placement.node', action.node]]
    case 'restart_engine':
    case 'reset_gpu':
    case 'no_change':
      return []
  }
}
