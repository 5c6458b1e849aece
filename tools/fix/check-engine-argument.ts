import type { DeploymentConfig, EngineArgumentValue } from '../../fixtures/deployment.ts'
import { parseJson } from '../../router/json/json.ts'
import { effectsOutsideEngine, removedArguments, simulatedArguments } from '../arguments/argument-effects.ts'
import { argumentsOf } from '../arguments/argument-table.ts'
import { type CheckedValue, checkArgument } from '../arguments/check-argument.ts'
import { FixPlanError } from '../errors.ts'

/** An engine argument as a configuration stores it. */
export interface CheckedArgument {
  /** Name in Python's spelling. */
  readonly name: string
  /** The value with its own type; `null` restores the default. */
  readonly value: EngineArgumentValue
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
    return { name: checked.name, value: checked.value }
  }
  throw new FixPlanError(`${at}/${name}: ${checked.message}${adviceFor(checked)}`)
}

/** A value of an argument; undefined if the configuration does not set it. */
type SetValue = EngineArgumentValue | undefined

/**
 * The documented effect of a change of an engine argument, by its direction. A value that is not set compares as the
 * default. If vLLM derives the default from something else, the effects of both directions are named.
 *
 * @param name in Python's spelling.
 * @param configured value that the configuration sets for another argument.
 */
export function effectOfChange(
  name: string,
  { before, after }: { readonly before: SetValue; readonly after: SetValue },
  version: string,
  configured: (name: string) => SetValue,
): string {
  const known = Object.hasOwn(simulatedArguments, name) ? simulatedArguments[name] : undefined
  const absent = () => {
    const acts = known?.absent
    if (typeof acts !== 'object') return defaultOf(name, version) ?? acts
    return configured(acts.follows) ?? defaultOf(acts.follows, version)
  }
  const [from, to] = [before ?? absent(), after ?? absent()]
  if (from === to) return `It has this value already${before === undefined || before === null ? ', by default' : ''}.`
  if (known === undefined) {
    const effect = Object.hasOwn(effectsOutsideEngine, name) ? effectsOutsideEngine[name] : undefined
    return effect ?? 'No effect on latency is documented.'
  }
  const { up, down, removed, noLimit } = known
  const size = (value: SetValue) => (value === noLimit ? Number.POSITIVE_INFINITY : Number(value))
  const isNumber = [from, to].some((value) => typeof value === 'number')
  if (!isNumber) return to === true || (to !== false && to !== undefined && to !== absent()) ? up : down
  if (removed !== undefined && to === undefined) return removed
  if (removed !== undefined && from === undefined) return up
  const isKnown = [from, to].every((value) => typeof value === 'number')
  if (!isKnown) return `vLLM derives the default. If the value is now higher: ${up} If it is lower: ${down}`
  return size(to) < size(from) ? down : up
}

/** Default of an engine argument; undefined if vLLM derives it from others. */
function defaultOf(name: string, version: string): EngineArgumentValue | undefined {
  const text = argumentsOf(version).get(name)?.default
  const value = text === undefined ? undefined : parseJson(text)
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string' ? value : undefined
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
