import type { Scenario } from '../../fixtures/scenario.ts'
import { compareVersions } from '../../tools/arguments/version.ts'
import { simulate } from '../../tools/simulation/simulate.ts'

/** Process prefix of the API server. */
export const api = '(APIServer pid=1)'
/** Process prefix of the engine core in vLLM up to 0.17. */
export const core = '(EngineCore_DP0 pid=271)'

/** Process prefix of an engine core. Since 0.18 its name has a rank only with data parallelism. */
export function coreOf(scenario: Scenario, engine = 0): string {
  const { deployment } = scenario
  if (simulate(scenario).settings.dataParallelSize > 1) return `(EngineCore_DP${engine} pid=${271 + engine})`
  return compareVersions(deployment.vllm_version, '0.18.0') >= 0 ? '(EngineCore pid=271)' : core
}

/** Process prefix of a worker. With one GPU the engine core is the worker. */
export function worker(scenario: Scenario, rank: number, engine = 0): string {
  const { settings } = simulate(scenario)
  if (settings.ranks === 1) return coreOf(scenario, engine)
  const { placement, engine_args } = scenario.deployment
  if (engine_args['distributed_executor_backend'] === 'ray') {
    const local = (placement.gpus ?? []).length
    return rank < local
      ? `${core} (RayWorkerWrapper pid=${2214 + rank})`
      : `${core} (RayWorkerWrapper pid=${1987 + rank - local}, ip=10.40.0.52)`
  }
  return `(Worker_TP${rank} pid=${304 + rank})`
}
