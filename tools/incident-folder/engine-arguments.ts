import { parseAllDocuments } from 'yaml'
import type { DeploymentConfig, EngineArgumentValue } from '../../fixtures/deployment.ts'
import { isObject } from '../../router/json/json.ts'
import { findArgument, pythonName } from '../arguments/argument-name.ts'
import { newestVersion } from '../arguments/argument-table.ts'
import { openParts } from './shell-commands.ts'

// Reads the arguments of vLLM's command line, and those in a document or a log.

/** How the engine was started, as far as a file says it. */
export interface Launch {
  /** The served model, as given to vLLM. */
  readonly model?: string
  /** Container image. */
  readonly image?: string
  /** Engine arguments by their name in Python. */
  readonly engineArgs: Readonly<Record<string, EngineArgumentValue>>
  /** Arguments of the HTTP server, which the engine does not have, by their name in Python. A key has no value here. */
  readonly server: Readonly<Record<string, EngineArgumentValue>>
  /** Environment variables. */
  readonly env: Readonly<Record<string, string>>
  /** Limits of the container. Absent members are not stated. */
  readonly resources: Readonly<DeploymentConfig['resources']>
  /** Node that runs the engine. */
  readonly node?: string
  /** Product of the GPUs. */
  readonly gpuModel?: string
  /** GPUs by the index that the driver gives them on their node. */
  readonly gpus?: readonly number[]
  /** Restarts of the container. */
  readonly engineRestarts?: number
  /** File of further arguments: `--config`. */
  readonly configFile?: string
  /** Paths of members of the deployment that the file names without a value, such as `engine_args.max_num_seqs`. */
  readonly open: readonly string[]
  /** Assumptions and values that are not known, one sentence each. */
  readonly notes: readonly string[]
}

/** A launch of which nothing is known. */
export const emptyLaunch: Launch = { engineArgs: {}, server: {}, env: {}, resources: {}, open: [], notes: [] }

/** Reads the arguments as a YAML or JSON object, or as a list of words. */
export function launchOfValue(value: unknown, version = newestVersion()): Launch | undefined {
  if (Array.isArray(value)) {
    const isWords = value.length > 0 && value.every((word) => typeof word === 'string' || typeof word === 'number')
    const launch = isWords ? launchOfWords(value.map(String), version) : undefined
    return launch !== undefined && Object.keys(launch.engineArgs).length > 0 ? launch : undefined
  }
  if (!isObject(value)) return undefined
  const known = Object.entries(value).filter(
    ([name, member]) => (isModel(name) && typeof member === 'string') || findArgument(name, version) !== undefined,
  )
  if (known.length === 0) return undefined
  const engineArgs: Record<string, EngineArgumentValue> = {}
  const server: Record<string, EngineArgumentValue> = {}
  let model: string | undefined
  for (const [name, member] of Object.entries(value)) {
    if (!isModel(name)) {
      if (isServerArgument(name)) server[pythonName(name)] = serverValue(name, member)
      else engineArgs[pythonName(name)] = plainValue(member)
    } else if (typeof member === 'string') model = member
  }
  return { ...emptyLaunch, engineArgs, server, ...(model === undefined ? {} : { model }) }
}

/** Reads the first document of YAML or JSON text that has arguments. */
export function launchOfArgumentsText(text: string, version = newestVersion()): Launch | undefined {
  for (const document of documentsIn(text)) {
    const launch = launchOfValue(document, version)
    if (launch !== undefined) return launch
  }
  return undefined
}

/** The values of all YAML documents of a text that can be read. */
export function documentsIn(text: string): readonly unknown[] {
  return parseAllDocuments(text, { logLevel: 'silent' }).flatMap((document) => {
    if (document.errors.length > 0) return []
    try {
      return [document.toJS({ maxAliasCount: 100 }) as unknown]
    } catch {
      return []
    }
  })
}

/** Flags with their values. The first word without a flag is the model, as in `vllm serve <model>`. */
export function launchOfWords(words: readonly string[], version = newestVersion()): Launch {
  const engineArgs: Record<string, EngineArgumentValue> = {}
  const server: Record<string, EngineArgumentValue> = {}
  const open: string[] = []
  const notes: string[] = []
  let model: string | undefined
  let configFile: string | undefined
  const setModel = (word: string) => {
    const [expression] = openParts(word)
    if (expression === undefined) model = word
    else {
      open.push('model')
      notes.push(`The model is ${expression}, which the file does not set.`)
    }
  }
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? ''
    if (!/^--?[a-zA-Z]/.test(word)) {
      const [expression] = openParts(word)
      const isModelWord = model === undefined && !open.includes('model') && !/^\$[@*{]?[@*]?$/.test(expression ?? '')
      if (isModelWord) setModel(word)
      else if (expression !== undefined) {
        open.push('engine_args')
        notes.push(`Further arguments are in ${expression}, which the file does not set.`)
      }
      continue
    }
    const [, flag = word, inline] = /^([^=]+)=(.*)$/s.exec(word) ?? []
    const found = findArgument(flag, version)
    const isSwitch = found?.argument.type === 'boolean' || found?.argument.type === 'flag'
    const next = words[index + 1]
    // A negative number is a value.
    const hasValue = inline === undefined && next !== undefined && !/^--?[a-zA-Z]/.test(next)
    const value = inline ?? (hasValue && !isSwitch ? next : undefined)
    if (value !== undefined && inline === undefined) index++
    const name = found?.argument.name ?? pythonName(flag)
    const [expression] = openParts(value ?? '')
    if (isModel(flag)) setModel(value ?? '')
    else if (name === 'config') configFile = value
    else if (isServerArgument(flag)) {
      if (expression === undefined) server[name] = value === undefined ? true : serverValue(name, value)
    } else if (expression === undefined)
      engineArgs[name] = value === undefined ? found?.negated !== true : plainValue(value)
    else {
      open.push(`engine_args.${name}`)
      notes.push(`${name} is ${expression}, which the file does not set.`)
    }
  }
  return {
    ...emptyLaunch,
    engineArgs,
    server,
    open,
    notes,
    ...(model === undefined || model === '' ? {} : { model }),
    ...(configFile === undefined ? {} : { configFile }),
  }
}

/** Arguments of the HTTP server, which the engine does not have. A key must not reach the configuration. */
const serverArguments = new Set([
  'host',
  'port',
  'api_key',
  'root_path',
  'uvicorn_log_level',
  'ssl_keyfile',
  'ssl_certfile',
])

/** The value of an argument of the server. Of a key only the name is kept. */
function serverValue(name: string, value: unknown): EngineArgumentValue {
  return pythonName(name) === 'api_key' ? 'a secret' : plainValue(value)
}

function isServerArgument(name: string): boolean {
  return serverArguments.has(pythonName(name))
}

/** Reads the arguments that vLLM writes into its log at the start. Arguments of the HTTP server are among them. */
export function launchOfLog(lines: readonly string[]): Launch | undefined {
  const text = loggedArguments(lines)
  const found = text === undefined ? undefined : launchOfArgumentsText(text)
  if (found === undefined) return undefined
  const known = Object.entries(found.engineArgs).filter(([name]) => findArgument(name, newestVersion()) !== undefined)
  return {
    ...found,
    engineArgs: Object.fromEntries(known.map(([name, value]) => [name, value === 'None' ? null : value])),
  }
}

/**
 * Reads the arguments of the HTTP server, such as its host and port, that vLLM writes into its log at the start.
 *
 * @returns their values by name; empty if the log states none.
 */
export function serverArgumentsOfLog(lines: readonly string[]): Readonly<Record<string, EngineArgumentValue>> {
  const values = documentsIn(loggedArguments(lines) ?? '').find(isObject) ?? {}
  const own = Object.entries(values).filter(
    ([name, value]) =>
      (isServerArgument(name) || (!isModel(name) && findArgument(name, newestVersion()) === undefined)) &&
      value !== 'None' &&
      value !== null,
  )
  return Object.fromEntries(own.map(([name, value]) => [name, plainValue(value)]))
}

/** The dictionary of the last start in a log. A Python dictionary of plain values is a flow mapping of YAML. */
function loggedArguments(lines: readonly string[]): string | undefined {
  const line = lines.findLast((one) => one.includes('non-default args: {'))
  return line?.slice(line.indexOf('args: {') + 'args: '.length)
}

function isModel(name: string): boolean {
  return ['model', 'model_tag'].includes(pythonName(name))
}

/** A number or boolean written as text has its type; an object is JSON text, as on the command line. */
function plainValue(value: unknown): EngineArgumentValue {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return value
  if (typeof value !== 'string') return JSON.stringify(value)
  if (/^(?:true|false)$/i.test(value)) return value.toLowerCase() === 'true'
  return /^-?\d+(?:\.\d+)?(?:e[-+]?\d+)?$/i.test(value) ? Number(value) : value
}
