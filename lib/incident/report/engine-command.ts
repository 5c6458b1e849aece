import type { EngineArgumentValue } from '../../../fixtures/deployment.ts'
import { findArgument, pythonName } from '../../../tools/arguments/argument-name.ts'
import { type EngineArgument, newestVersion } from '../../../tools/arguments/argument-table.ts'
import { unknown } from '../../../tools/scenario-source.ts'
import type { FixResult } from '../../../tools/types.ts'
import { blank, shellWord, valueWord } from './shell-words.ts'

/** A deployment configuration that nobody changes. */
export type Deployment = FixResult['updated_config']

/** The command that starts the engine of a deployment, with all its arguments. */
export function serveCommand(config: Deployment): string {
  const { model } = config
  const served =
    model === unknown ? blank('model') : model.startsWith('-') ? `--model=${shellWord(model)}` : shellWord(model)
  const flags = Object.entries(config.engine_args).flatMap(([name, value]) => flagOf(name, value, config) ?? [])
  return ['vllm serve', served, ...flags].join(' ')
}

/** An argument that two configurations have different values of. */
export interface ChangedArgument {
  /** Name in Python's spelling. */
  readonly name: string
  /** The flag with its value before; `undefined`: the default of vLLM. */
  readonly before: string | undefined
  /** The flag with its value after; `undefined`: the default of vLLM. */
  readonly after: string | undefined
}

/** The engine arguments that differ, in the order of the configurations. */
export function changedArguments(before: Deployment, after: Deployment): readonly ChangedArgument[] {
  const [from, to] = [flagsOf(before), flagsOf(after)]
  return [...new Set([...from.keys(), ...to.keys()])].flatMap((name) => {
    const changed = { name, before: from.get(name), after: to.get(name) }
    return changed.before === changed.after ? [] : [changed]
  })
}

function flagsOf(config: Deployment): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(config.engine_args).flatMap(([spelling, value]) => {
      const flag = flagOf(spelling, value, config)
      return flag === undefined ? [] : [[argumentOf(spelling, config)?.name ?? pythonName(spelling), flag] as const]
    }),
  )
}

/** An argument as `vllm serve` takes it; `undefined` for a value that needs no flag. */
function flagOf(spelling: string, value: EngineArgumentValue, config: Deployment): string | undefined {
  const argument = argumentOf(spelling, config)
  const name = kebab(argument?.name ?? pythonName(spelling))
  if (value === null || (argument?.type === 'flag' && value === false)) return undefined
  if (value === true) return shellWord(`--${name}`)
  if (value === false) return shellWord(`--no-${name}`)
  const values = argument?.isList === true ? String(value).split(/\s+/) : [String(value)]
  const words = values.map((one) => valueWord(argument?.name ?? pythonName(spelling), one))
  // A value that looks like a flag is read as one, unless it follows an equals sign.
  const isFlagLike = words.length === 1 && /^-(?!\d)/.test(values[0] ?? '')
  return [shellWord(`--${name}`), ...words].join(isFlagLike ? '=' : ' ')
}

function argumentOf(spelling: string, { vllm_version }: Deployment): EngineArgument | undefined {
  return findArgument(spelling, vllm_version === unknown ? newestVersion() : vllm_version)?.argument
}

function kebab(name: string): string {
  return name.replaceAll('_', '-')
}
