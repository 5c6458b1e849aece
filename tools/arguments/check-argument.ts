import type { EngineArgumentValue } from '../../fixtures/deployment.ts'
import {
  argumentsWithoutEffect,
  effectsNotSimulated,
  removedArguments,
  simulatedArguments,
  weightTypes,
} from './argument-effects.ts'
import { findArgument, nearestArgument, pythonName } from './argument-name.ts'
import { type EngineArgument, historyOf, newestVersion } from './argument-table.ts'
import { ignoredValue, rangeText, readArgumentValue } from './argument-value.ts'
import { readsRemoteKv } from './kv-connector.ts'
import { simulatedMethods } from './speculative-config.ts'
import { compareVersions, minorOf } from './version.ts'

/** The answer to one engine argument. */
export type CheckedValue =
  /** vLLM accepts it, and the simulation models it or needs not. `value` has its own type. */
  | { readonly kind: 'accepted'; readonly name: string; readonly value: EngineArgumentValue }
  /** vLLM accepts it, and it affects speed or memory in a way that the simulation does not model. */
  | {
      readonly kind: 'not_simulated'
      readonly name: string
      readonly value: Exclude<EngineArgumentValue, null>
      readonly message: string
    }
  /** The version has no argument of this name. */
  | { readonly kind: 'not_an_argument'; readonly message: string }
  /** vLLM refuses the value with `reason`. */
  | { readonly kind: 'wrong_value'; readonly name: string; readonly message: string; readonly reason: string }
  /** vLLM reads the value, but no engine can run with it. */
  | {
      readonly kind: 'out_of_range'
      readonly name: string
      readonly value: EngineArgumentValue
      readonly message: string
    }

/**
 * Checks an engine argument of a version: whether vLLM has it, accepts its value, and whether the simulation models it.
 *
 * @param value `null` means the default, which every argument accepts.
 */
export function checkArgument(name: string, value: EngineArgumentValue, version: string): CheckedValue {
  const found = findArgument(name, version)
  if (found === undefined) return { kind: 'not_an_argument', message: notAnArgument(name, version) }
  const { argument, negated } = found
  if (value === null) return { kind: 'accepted', name: argument.name, value }
  if (negated && value !== true) {
    const message = `expected true, got ${JSON.stringify(value)}; use ${argument.name} instead.`
    return { kind: 'wrong_value', name: argument.name, message, reason: ignoredValue(argument, value) }
  }
  const own = ownRange(argument.name, value)
  const read = readArgumentValue(argument, negated ? false : value)
  if ('problem' in read) {
    return { kind: 'wrong_value', name: argument.name, message: `${own ?? read.problem}.`, reason: read.reason }
  }
  if (read.value === null) return { kind: 'accepted', name: argument.name, value: null }
  const ofRead = ownRange(argument.name, read.value)
  if (ofRead !== undefined) {
    return { kind: 'out_of_range', name: argument.name, value: read.value, message: `${ofRead}.` }
  }
  const obsolete = removalOf(argument.name)
  if (obsolete !== undefined) {
    const message = `vLLM ${version} still has "${argument.name}", but later versions do not: ${obsolete}.`
    return { kind: 'not_simulated', name: argument.name, value: read.value, message }
  }
  return isModelled(argument, read.value)
    ? { kind: 'accepted', name: argument.name, value: read.value }
    : {
        kind: 'not_simulated',
        name: argument.name,
        value: read.value,
        message: notSimulated(argument.name, read.value),
      }
}

/** The problem of a number outside the range that the simulation needs; undefined if it is inside. */
function ownRange(name: string, value: EngineArgumentValue): string | undefined {
  const range = simulated(name)?.range
  if (typeof value !== 'number' || range === undefined) return undefined
  const isInside =
    value >= (range.ge ?? value) && value <= (range.le ?? value) && (range.gt ?? Number.NEGATIVE_INFINITY) < value
  return isInside ? undefined : `expected ${rangeText(range)}, got ${value}`
}

/** Whether the simulation shows the effect of a value. The default of an argument needs no model. */
function isModelled(argument: EngineArgument, value: EngineArgumentValue): boolean {
  const { name } = argument
  if (name === 'kv_transfer_config' && !readsRemoteKv(String(value))) return false
  const known = simulated(name)
  if (known?.isModelled !== undefined) return known.isModelled(String(value))
  if (known !== undefined) return known.values?.includes(String(value)) ?? true
  return argumentsWithoutEffect.has(name) || JSON.stringify(value) === (argument.default ?? 'null')
}

function simulated(name: string) {
  return Object.hasOwn(simulatedArguments, name) ? simulatedArguments[name] : undefined
}

/** Why newer versions do not have an argument. */
function removalOf(name: string): string | undefined {
  return Object.hasOwn(removedArguments, name) ? removedArguments[name] : undefined
}

/** The documented effect is quoted, so that the model can recommend the argument. */
function notSimulated(name: string, value: EngineArgumentValue): string {
  const known = simulated(name)
  if (known?.values !== undefined) {
    return `the simulation does not model "${name}" ${JSON.stringify(value)}, only ${known.values.join(', ')}.`
  }
  if (known?.isModelled !== undefined) {
    return `the simulation does not model "${name}" ${JSON.stringify(value)}, only the methods ${simulatedMethods.join(', ')}.`
  }
  const effect = Object.hasOwn(effectsNotSimulated, name) ? ` (${effectsNotSimulated[name]?.replace(/\.$/, '')})` : ''
  const part = weightTypes.has(name) ? ' beyond the size of the weights' : ''
  return `vLLM has "${name}"${effect}, but the simulation does not model it${part}, so its effect would not be visible.`
}

function notAnArgument(name: string, version: string): string {
  const plain = pythonName(name)
  const obsolete = removalOf(plain)
  const removed = obsolete === undefined ? '' : ` ${obsolete}.`
  const history = historyOf(plain)
  const [first] = history
  if (first !== undefined) {
    const added = history.find((range) => compareVersions(version, range.first) < 0)
    const removedIn = history.findLast(({ last }) => last !== undefined && compareVersions(last, version) < 0)?.last
    const when =
      added === undefined ? `${removedIn} was the last version that had it` : `it was added in ${added.first}`
    return `vLLM ${version} has no "${plain}"; ${when}.${removed}`
  }
  if (removed !== '') return `vLLM V1 has no engine argument "${plain}".${removed}`
  // vLLM's command line also takes a member of a JSON object on its own.
  const [whole = '', ...path] = plain.split('.')
  if (path.length > 0 && findArgument(whole, version)?.argument.type.startsWith('json')) {
    return `unknown engine argument "${name}": set "${whole}" to a JSON object as text, with the member "${path.join('.')}".`
  }
  const near = nearestArgument(name, version)
  const hint = near === undefined ? 'Use the Python spelling of vLLM, e.g. max_num_seqs.' : `Did you mean "${near}"?`
  const newest = newestVersion()
  const owner =
    compareVersions(minorOf(version), newest) > 0 ? `vLLM ${newest}, the newest recorded version,` : `vLLM ${version}`
  return `unknown engine argument "${name}": ${owner} has none of this name. ${hint}`
}
