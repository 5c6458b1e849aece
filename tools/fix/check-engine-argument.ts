import type { EngineArgumentValue } from '../../fixtures/deployment.ts'
import { isObject, parseJson } from '../../router/json/json.ts'
import { closest } from '../../router/text/closest.ts'
import { FixPlanError } from '../errors.ts'
import { compareVersions } from '../simulation/engine-settings.ts'
import { type EngineArgument, engineArguments, removedArguments } from './engine-arguments.ts'

/**
 * Checks that a version of vLLM accepts an engine argument and that the simulation models it.
 *
 * The checks, in order, each with a message that says what to do instead:
 *
 * 1. The argument exists in V1, and under this name.
 * 2. The version has it.
 * 3. The value has its type and is within its range or choices. `null` restores the default and is always accepted.
 * 4. The simulation models it.
 *
 * An argument without an effect on speed or memory is accepted even though the simulation ignores it.
 *
 * @param at path of the arguments in the tool's input, for the message.
 * @returns the documentation of the argument.
 * @throws {FixPlanError} if the argument is unknown, removed, too new, not simulated, or has a wrong value.
 */
export function checkEngineArgument(
  name: string,
  value: EngineArgumentValue,
  version: string,
  at: string,
): EngineArgument {
  if (Object.hasOwn(removedArguments, name)) {
    throw new FixPlanError(`${at}/${name}: vLLM V1 has no engine argument "${name}". ${removedArguments[name]}.`)
  }
  const argument = Object.hasOwn(engineArguments, name) ? engineArguments[name] : undefined
  if (argument === undefined) {
    const near = closest(name, Object.keys(engineArguments))
    const hint = near === undefined ? 'Use the Python spelling of vLLM, e.g. max_num_seqs.' : `Did you mean "${near}"?`
    throw new FixPlanError(`${at}/${name}: unknown engine argument "${name}". ${hint}`)
  }
  if (argument.since !== undefined && compareVersions(version, argument.since) < 0) {
    throw new FixPlanError(`${at}/${name}: vLLM ${version} has no "${name}"; it was added in ${argument.since}.`)
  }
  if (value === null) return argument
  checkValue(name, value, argument, at)
  if (argument.notSimulated) throw new FixPlanError(`${at}/${name}: ${notSimulated(name, argument)}`)
  return argument
}

/** The documented effect is quoted, so that the model can recommend the argument in its rationale. */
function notSimulated(name: string, { up }: EngineArgument): string {
  const effect = up === undefined ? '' : ` (${up.replace(/\.$/, '')})`
  return (
    `vLLM has "${name}"${effect}, but the simulation does not model it, so its effect would not be visible. ` +
    'Remove it from the actions; recommend it in the rationale of the plan instead.'
  )
}

/**
 * A JSON number has no type of its own for integers, so an integer is a number without a fraction.
 *
 * @throws {FixPlanError} if the value has the wrong type, or is outside the allowed range or choices.
 */
function checkValue(name: string, value: boolean | number | string, argument: EngineArgument, at: string): void {
  const { type, minimum, maximum, choices, json } = argument
  const typed =
    type === 'integer' ? Number.isInteger(value) : type === 'number' ? Number.isFinite(value) : typeof value === type
  if (!typed) throw new FixPlanError(`${at}/${name}: expected ${type}, got ${JSON.stringify(value)}.`)
  if (
    typeof value === 'number' &&
    ((minimum !== undefined && value < minimum) || (maximum !== undefined && value > maximum))
  ) {
    const range = maximum === undefined ? `at least ${minimum}` : `${minimum} to ${maximum}`
    throw new FixPlanError(`${at}/${name}: expected ${range}, got ${value}.`)
  }
  if (json && typeof value === 'string' && !isObject(parseJson(value))) {
    throw new FixPlanError(
      `${at}/${name}: expected a JSON object as text, e.g. "{"image": 2}", got ${JSON.stringify(value)}.`,
    )
  }
  if (choices !== undefined && typeof value !== 'boolean' && !choices.includes(value)) {
    throw new FixPlanError(`${at}/${name}: expected one of ${choices.join(', ')}, got ${JSON.stringify(value)}.`)
  }
}
