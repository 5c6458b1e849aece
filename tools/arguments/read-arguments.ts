import type { DeploymentConfig, EngineArgumentValue } from '../../fixtures/deployment.ts'
import { findArgument, nearestArgument, pythonName } from './argument-name.ts'
import { historyOf, newestVersion } from './argument-table.ts'
import { checkArgument } from './check-argument.ts'

/** The kinds of {@link ArgumentFinding}. */
export const findingKinds = ['not_simulated', 'not_an_argument', 'wrong_value', 'out_of_range'] as const

/** An argument of a configuration that the simulation does not follow. */
export interface ArgumentFinding {
  /** The name as the configuration spells it. */
  readonly argument: string
  /**
   * - `not_simulated`: vLLM has it, and the simulation ignores its effect.
   * - `not_an_argument`: this version of vLLM has no argument of this name. It is ignored.
   * - `wrong_value`: vLLM does not start with this value.
   * - `out_of_range`: vLLM reads the value, but no engine can run with it.
   */
  readonly kind: (typeof findingKinds)[number]
  /** The problem, and the next step where one is known. */
  readonly message: string
}

/** The engine arguments of a configuration, read as its version of vLLM reads them. */
export interface ReadArguments {
  /** Values that vLLM accepts, by the name in Python. Defaults are absent. */
  readonly values: ReadonlyMap<string, Exclude<EngineArgumentValue, null>>
  /** The other arguments, in the order of the configuration. */
  readonly findings: readonly ArgumentFinding[]
  /** vLLM's messages about the wrong values, in the order of the configuration. */
  readonly refusals: readonly string[]
}

/** Reads the engine arguments of a configuration. Nothing is thrown: what cannot be followed is a finding. */
export function readArguments({ engine_args, vllm_version }: DeploymentConfig): ReadArguments {
  const values = new Map<string, Exclude<EngineArgumentValue, null>>()
  const findings: ArgumentFinding[] = []
  const refusals: string[] = []
  for (const [argument, value] of Object.entries(engine_args)) {
    const checked = checkArgument(argument, value, vllm_version)
    if ('value' in checked && checked.value !== null) values.set(checked.name, checked.value)
    if (checked.kind === 'accepted') continue
    findings.push({ argument, kind: checked.kind, message: checked.message })
    if (checked.kind === 'wrong_value') refusals.push(checked.reason)
  }
  return { values, findings, refusals }
}

/** Arguments that no recorded version of vLLM has. It is for a deployment whose version is not known. */
export function unknownArguments({ engine_args }: Pick<DeploymentConfig, 'engine_args'>): readonly ArgumentFinding[] {
  const newest = newestVersion()
  return Object.keys(engine_args).flatMap((argument) => {
    const isKnown = historyOf(pythonName(argument)).length > 0 || findArgument(argument, newest) !== undefined
    if (isKnown) return []
    const near = nearestArgument(argument, newest)
    const hint = near === undefined ? '' : ` Did you mean "${near}"?`
    const message = `unknown engine argument "${argument}": no recorded version of vLLM has it.${hint}`
    return [{ argument, kind: 'not_an_argument', message }]
  })
}
