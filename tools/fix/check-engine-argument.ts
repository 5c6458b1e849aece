import type { DeploymentConfig, EngineArgumentValue } from '../../fixtures/deployment.ts'
import { removedArguments, simulatedArguments } from '../arguments/argument-effects.ts'
import { type CheckedValue, checkArgument } from '../arguments/check-argument.ts'
import { FixPlanError } from '../errors.ts'

/** An engine argument as a configuration stores it. */
export interface CheckedArgument {
  /** Name in Python's spelling. */
  readonly name: string
  /** The value with its own type; `null` restores the default. */
  readonly value: EngineArgumentValue
  /** Effect of a higher value, of `true`, or of a new text. Absent: no effect is documented. */
  readonly up?: string
  /** Effect of a lower value or of `false`. */
  readonly down?: string
}

/**
 * Checks that a version of vLLM accepts an engine argument and that the simulation models it.
 *
 * An argument without an effect on speed or memory is accepted even though the simulation ignores it. `null` restores
 * the default, also of an argument that is not simulated.
 *
 * @param at path of the arguments in the tool's input, for the message.
 * @throws {FixPlanError} if the version has no such argument, it is not simulated, or it has a wrong value. The message
 * says what to do instead.
 */
export function checkEngineArgument(
  name: string,
  value: EngineArgumentValue,
  version: string,
  at: string,
): CheckedArgument {
  const checked = checkArgument(name, value, version)
  if (checked.kind === 'accepted') {
    const effects = Object.hasOwn(simulatedArguments, checked.name) ? simulatedArguments[checked.name] : undefined
    return { name: checked.name, value: checked.value, ...effects }
  }
  throw new FixPlanError(`${at}/${name}: ${checked.message}${adviceFor(checked)}`)
}

/** The next step for an argument that vLLM has. */
function adviceFor(checked: CheckedValue): string {
  if (checked.kind !== 'not_simulated') return ''
  // An argument that later versions do not have is nothing to recommend.
  return Object.hasOwn(removedArguments, checked.name)
    ? ' Remove it from the actions.'
    : ' Remove it from the actions; recommend it in the rationale of the plan instead.'
}

/**
 * Checks the arguments of a configuration. Those that the deployment runs with already need not be simulated, because no
 * plan can change that: `fetch_config` reports them.
 *
 * @param own the arguments of the deployment during the incident.
 * @throws {FixPlanError} as {@link checkEngineArgument}.
 */
export function checkOwnArguments(
  args: DeploymentConfig['engine_args'],
  own: DeploymentConfig['engine_args'],
  version: string,
  at: string,
): void {
  for (const [name, value] of Object.entries(args)) {
    const isOwn = Object.hasOwn(own, name) && own[name] === value
    if (isOwn && checkArgument(name, value, version).kind === 'not_simulated') continue
    checkEngineArgument(name, value, version, at)
  }
}
