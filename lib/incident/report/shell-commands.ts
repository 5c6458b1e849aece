import type { EngineArgumentValue } from '../../../fixtures/deployment.ts'
import { mask } from '../../../router/text/named-secrets.ts'
import { hasHiddenCharacter } from '../../../router/text/on-one-line.ts'
import { redactDeep } from '../../../router/text/redact.ts'
import { findArgument, pythonName } from '../../../tools/arguments/argument-name.ts'
import { type EngineArgument, newestVersion } from '../../../tools/arguments/argument-table.ts'
import { unknown } from '../../../tools/scenario-source.ts'
import type { FixResult } from '../../../tools/types.ts'

// Commands for a POSIX shell. Values come from models and files, so each is one quoted word.

/** A deployment configuration that nobody changes. */
export type Deployment = FixResult['updated_config']

/**
 * The command that starts the engine of a deployment, with all its arguments.
 *
 * @param server arguments of the HTTP server, which a deployment does not have.
 */
export function serveCommand(config: Deployment, server: Deployment['engine_args'] = {}): string {
  const { model, engine_args } = config
  const served =
    model === unknown ? blank('model') : model.startsWith('-') ? `--model=${shellWord(model)}` : shellWord(model)
  const own = Object.entries(server).filter(([name]) => !Object.hasOwn(engine_args, name))
  const flags = [...Object.entries(engine_args), ...own].flatMap(([name, value]) => flagOf(name, value, config) ?? [])
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

/** Words that no shell changes, without quotes. */
const plain = /^[A-Za-z0-9_./:,@%+-][A-Za-z0-9_./:,@%+=-]*$/

/**
 * A text as one word of a POSIX shell. A pasted command then passes exactly this text as an argument and runs nothing of it.
 *
 * Characters that people do not see, such as line breaks, are written as octal codes: a terminal obeys a pasted control
 * character even within quotes. No argument can contain U+0000, and a shell drops line breaks at the end of such a text, so
 * both are left out.
 */
export function shellWord(text: string): string {
  if (plain.test(text)) return text
  const passed = text.replaceAll('\0', '')
  if (!hasHiddenCharacter(passed) && !/[\t\n\u2028\u2029]/.test(passed)) return `'${passed.replaceAll("'", "'\\''")}'`
  // Some shells read a format that begins with a dash as an option.
  const format = [...passed.replace(/\n+$/, '')].map(formatted).join('').replace(/^-/, '\\055')
  return `"$(printf '${format}')"`
}

/** A character in the format of `printf` within single quotes. */
function formatted(character: string): string {
  if (/[ -~]/.test(character) && !/['!\\%]/.test(character)) return character
  return [...Buffer.from(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
}

/** A part that the reader fills in. It is quoted, so that a shell that gets it by mistake reads no file of this name. */
export function blank(name: string): string {
  return `'<${name}>'`
}

/** The value of a name as one word. The reader fills in the value of a secret, because a report has none. */
export function valueWord(name: string, value: string): string {
  return value !== mask && redactDeep({ [name]: value })[name] === value ? shellWord(value) : blank(`value of ${name}`)
}

/** An operand of a command. One that looks like an option comes after `--`. */
export function operand(text: string): string {
  return text.startsWith('-') ? `-- ${shellWord(text)}` : shellWord(text)
}

/** Whether a name can be set with `export`. */
export function isVariableName(name: string): boolean {
  return /^[A-Za-z_]\w*$/.test(name)
}
