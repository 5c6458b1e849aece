import { parseAllDocuments } from 'yaml'
import type { EngineArgumentValue } from '../../fixtures/deployment.ts'
import { isObject } from '../../router/json/json.ts'
import { findArgument, pythonName } from '../arguments/argument-name.ts'

// Reads how the engine was started: a shell command, the arguments as YAML or JSON, or a Kubernetes manifest.

/** How the engine was started, as far as a file says it. */
export interface Launch {
  /** The served model, as given to vLLM. */
  readonly model?: string
  /** Container image. */
  readonly image?: string
  /** Engine arguments by their name in Python. */
  readonly engineArgs: Readonly<Record<string, EngineArgumentValue>>
  /** Environment variables. */
  readonly env: Readonly<Record<string, string>>
}

/** Names of arguments are read as those of this version when the version is not known. */
const newestVersion = '0.32.0'

/** Reads a shell command such as `VLLM_LOGGING_LEVEL=DEBUG vllm serve <model> --max-num-seqs 64 -tp 2`. */
export function launchOfCommand(text: string, version = newestVersion): Launch | undefined {
  const lines = text.split('\n').filter((line) => !/^\s*#/.test(line))
  const words = shellWords(lines.join('\n').replace(/\\\r?\n/g, ' '))
  const start = words.findIndex(
    (word) => /^(?:.*\/)?vllm$/.test(word) || /vllm\.entrypoints\.\S*api_server$/.test(word),
  )
  if (start === -1) return undefined
  const env: Record<string, string> = {}
  for (const word of words.slice(0, start)) {
    const [, name, value] = /^([A-Z_][A-Z0-9_]*)=(.*)$/s.exec(word) ?? []
    if (name !== undefined && value !== undefined) env[name] = value
  }
  const image = words.slice(0, start).find((word) => /^[\w.\-/]*vllm[\w.\-/]*:[\w.-]+$/.test(word))
  const end = words.findIndex((word, index) => index > start && /^(?:\||\|\||&&?|;|\d?>{1,2}.*)$/.test(word))
  const own = words
    .slice(start + 1, end === -1 ? undefined : end)
    .filter((word, index) => word !== 'serve' || index > 0)
  return { ...launchOfWords(own, version), env, ...(image === undefined ? {} : { image }) }
}

/** Reads the arguments as a YAML or JSON object or list, or the containers of a Kubernetes manifest. */
export function launchOfDocument(text: string, version = newestVersion): Launch | undefined {
  for (const document of parseAllDocuments(text, { logLevel: 'silent' })) {
    if (document.errors.length > 0) continue
    const value: unknown = document.toJS({ maxAliasCount: 100 })
    const launch = isManifest(value) ? launchOfManifest(value, version) : launchOfValue(value, version)
    if (launch !== undefined) return launch
  }
  return undefined
}

function isManifest(value: unknown): value is object {
  return isObject(value) && typeof value['kind'] === 'string' && value['apiVersion'] !== undefined
}

function launchOfValue(value: unknown, version: string): Launch | undefined {
  if (Array.isArray(value)) return launchOfWords(value.map(String), version)
  if (!isObject(value)) return undefined
  const known = Object.keys(value).filter((name) => isModel(name) || findArgument(name, version) !== undefined)
  if (known.length === 0) return undefined
  const engineArgs: Record<string, EngineArgumentValue> = {}
  let model: string | undefined
  for (const [name, member] of Object.entries(value)) {
    if (isModel(name)) model = String(member)
    else if (!isServerArgument(name)) engineArgs[pythonName(name)] = plainValue(member)
  }
  return { engineArgs, env: {}, ...(model === undefined ? {} : { model }) }
}

/** The first container of a manifest that runs vLLM, at any depth. */
function launchOfManifest(manifest: object, version: string): Launch | undefined {
  for (const container of objectsIn(manifest)) {
    const image = container['image']
    const words = [container['command'], container['args']].flatMap((part) =>
      Array.isArray(part) ? part.map(String) : [],
    )
    if (typeof image !== 'string' || !(image.includes('vllm') || words.some((word) => word.includes('vllm')))) continue
    const env: Record<string, string> = {}
    for (const variable of Array.isArray(container['env']) ? container['env'] : []) {
      if (!isObject(variable) || typeof variable['name'] !== 'string' || variable['value'] === undefined) continue
      env[variable['name']] = String(variable['value'])
    }
    // `sh -c "vllm serve …"` has the command in one word.
    const command = words.find((word) => /\bvllm (?:serve|\S)/.test(word) && word.includes(' '))
    const launch = command === undefined ? undefined : launchOfCommand(command, version)
    const own = words.filter((word) => !/(?:^|\/)(?:vllm|python3?|-m)$|^serve$|api_server$/.test(word))
    return { ...(launch ?? launchOfWords(own, version)), image, env: { ...launch?.env, ...env } }
  }
  return undefined
}

function* objectsIn(value: unknown, depth = 0): Generator<Readonly<Record<string, unknown>>> {
  if (depth > 20) return
  if (Array.isArray(value)) for (const item of value) yield* objectsIn(item, depth + 1)
  else if (isObject(value)) {
    yield value
    for (const member of Object.values(value)) yield* objectsIn(member, depth + 1)
  }
}

/** Flags with their values. The first word without a flag is the model, as in `vllm serve <model>`. */
function launchOfWords(words: readonly string[], version: string): Launch {
  const engineArgs: Record<string, EngineArgumentValue> = {}
  let model: string | undefined
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? ''
    if (!/^--?[a-zA-Z]/.test(word)) {
      model ??= word
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
    if (isModel(flag)) model = value
    else if (!isServerArgument(flag))
      engineArgs[found?.argument.name ?? pythonName(flag)] =
        value === undefined ? found?.negated !== true : plainValue(value)
  }
  return { engineArgs, env: {}, ...(model === undefined ? {} : { model }) }
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

function isServerArgument(name: string): boolean {
  return serverArguments.has(pythonName(name))
}

/** Reads the arguments that vLLM writes into its log at the start. Arguments of the HTTP server are among them. */
export function launchOfLog(lines: readonly string[]): Launch | undefined {
  const line = lines.findLast((one) => one.includes('non-default args: {'))
  if (line === undefined) return undefined
  // A Python dictionary of plain values is a flow mapping of YAML.
  const found = launchOfDocument(line.slice(line.indexOf('args: {') + 'args: '.length))
  if (found === undefined) return undefined
  const known = Object.entries(found.engineArgs).filter(([name]) => findArgument(name, newestVersion) !== undefined)
  return {
    ...found,
    engineArgs: Object.fromEntries(known.map(([name, value]) => [name, value === 'None' ? null : value])),
  }
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

/** Words of a POSIX shell command. Variables are not replaced, because their values are not known. */
function shellWords(text: string): string[] {
  const words: string[] = []
  for (const [, word = ''] of text.matchAll(/((?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+)/gs)) {
    words.push(
      word.replace(/"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/gs, (_, double?: string, single?: string, escaped?: string) =>
        double !== undefined ? double.replace(/\\(["\\$`])/g, '$1') : (single ?? escaped ?? ''),
      ),
    )
  }
  return words
}
