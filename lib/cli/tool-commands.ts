/** `tenrounds tools` and `tenrounds call`: the ten incident tools, without a model. */
import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { errorMessage } from '../../router/errors.ts'
import { isObject, parseJson, unparsable } from '../../router/json/json.ts'
import { parseLenientJson, stripCodeFence } from '../../router/json/lenient-json.ts'
import { runTool } from '../../router/run-tool.ts'
import { excerpt } from '../../router/text/clip.ts'
import { suggestName } from '../../router/text/closest.ts'
import { numberHidden, onOneLine } from '../../router/text/on-one-line.ts'
import { systemProblem } from '../../router/text/system-error.ts'
import type { Tool } from '../../router/tool.ts'
import type { Repair, RepairKind, ToolError, ToolResult } from '../../router/tool-call.ts'
import { createIncidentTools, incidentTools } from '../../tools/index.ts'
import { builtInScenarios, scenarioSource } from '../../tools/scenario-source.ts'
import { collectTelemetry } from '../incident/run-incident.ts'
import { type CommandIo, exitCode, hint, stoppedCode, UsageError, writeLine } from './command-io.ts'
import { addCommand, type CommandContext } from './command-line.ts'
import { incidentOf } from './incident-argument.ts'
import { hanging, longest, wrap } from './text-layout.ts'

interface CallOptions {
  /** Id of a built-in scenario, or path of an incident folder. @defaultValue each call names a built-in scenario */
  readonly incident?: string
}

/** Registers `tools` and `call`. */
export function registerToolCommands(program: Command, context: CommandContext): void {
  addCommand(program, 'tools [name]', 'list the tools of the incident agent, or show one', {
    examples: [
      ['tools', 'names and purposes'],
      ['tools fetch_config', 'purpose and input of one tool'],
      ['tools --json', 'all tools with the JSON Schemas of their input and output'],
    ],
    ok: 'the tools were printed',
  }).action((name: string | undefined) => context.run((io) => toolsCommand(io, name)))
  addCommand(program, 'call <tool> [json]', 'run one tool as the agent does: validation, repairs, errors', {
    examples: [
      [`call fetch_config '{"scenario":"kv_cache_pressure"}'`, 'a built-in incident'],
      ['call fetch_vllm_logs @input.json', 'the input from a file; "-" reads stdin'],
      ['call analyze_metrics --incident ./incident-4711 -', 'a folder; {"$input":"pre_telemetry"} is its telemetry'],
      [`call fetch_config '{"scenario":"x"}' --json`, 'a document with status, value or error, and repairs'],
    ],
    notes: [
      'Without --json, stdout is the text that the model gets, which is cut at 16 KiB. With --json, "value" is complete.',
    ],
    ok: 'the tool returned a value',
    failed: 'the tool returned an error, which says what is wrong with the call',
  })
    .option('--incident <scenario|folder>', 'the incident that the call works on')
    .action((name: string, json: string = '{}', options: CallOptions) =>
      context.run((io) => callCommand(io, name, json, options)),
    )
}

/** `tenrounds tools`: a line per tool, or everything about one. */
function toolsCommand(io: CommandIo, name: string | undefined): number {
  if (name !== undefined) return showTool(io, toolNamed(incidentTools, name))
  if (io.json) io.stdout.json(incidentTools.map(definitionOf))
  else if (io.quiet) io.stdout.write(incidentTools.map((tool) => `${tool.name}\n`).join(''))
  else {
    const width = longest(incidentTools.map((tool) => tool.name))
    for (const tool of incidentTools) {
      const text = `${tool.title}. Input: ${inputNames(tool)}.`
      io.stdout.write(`${hanging(`${tool.name.padEnd(width)}  `, text, io.stdout.listColumns).join('\n')}\n`)
    }
  }
  return exitCode.ok
}

/** Purpose and input of one tool. Its whole schemas are in the JSON document. */
function showTool(io: CommandIo, tool: Tool): number {
  if (io.json) {
    io.stdout.json(definitionOf(tool))
    return exitCode.ok
  }
  const { columns } = io.stdout
  const properties = propertiesOf(tool)
  const width = longest(properties.map(({ name }) => name))
  const lines = [
    `${tool.name}: ${tool.title}`,
    '',
    ...wrap(tool.description, columns),
    '',
    'Input:',
    ...properties.flatMap(({ name, type, isRequired, description }) =>
      hanging(`  ${name.padEnd(width)}  `, `${type}${isRequired ? ', required' : ''}. ${description}`.trim(), columns),
    ),
  ]
  io.stdout.write(`${lines.join('\n')}\n`)
  hint(io, `\nThe JSON Schemas: tenrounds tools ${tool.name} --json`)
  return exitCode.ok
}

/** A tool with the field names of MCP. */
function definitionOf({ name, title, description, inputSchema, outputSchema, annotations }: Tool) {
  return { name, title, description, inputSchema, outputSchema, annotations }
}

/** The members of the input, as a person reads them. */
function propertiesOf({ inputSchema }: Tool) {
  const { properties = {}, required = [] } = inputSchema
  return Object.entries(properties).map(([name, schema]) => {
    const { type, enum: values, description = '' } = isObject(schema) ? schema : {}
    const types = Array.isArray(values)
      ? values.map((value) => JSON.stringify(value)).join(' or ')
      : String(type ?? 'any')
    return { name, type: types, isRequired: required.includes(name), description: String(description) }
  })
}

/** The members of the input; an optional one has a question mark. */
function inputNames(tool: Tool): string {
  const names = propertiesOf(tool).map(({ name, isRequired }) => `${name}${isRequired ? '' : '?'}`)
  return names.length === 0 ? 'none' : names.join(', ')
}

/** @throws {UsageError} with a similar name if there is no such tool. */
function toolNamed<T extends Tool>(tools: readonly T[], name: string): T {
  const tool = tools.find((known) => known.name === name)
  if (tool !== undefined) return tool
  const names = tools.map((known) => known.name)
  throw new UsageError(`Unknown tool "${name}". ${suggestName(name, names, 'The tools are')} Run "tenrounds tools".`)
}

/** `tenrounds call`: one tool call, with the steps that a call of the model goes through. */
async function callCommand(io: CommandIo, name: string, json: string, { incident }: CallOptions): Promise<number> {
  toolNamed(incidentTools, name)
  const input = await jsonArgument(io, json)
  const chosen = incident === undefined ? undefined : await chosenIncident(incident)
  const tools: readonly Tool[] =
    chosen === undefined ? incidentTools : createIncidentTools({ scenarios: chosen.scenarios })
  // The telemetry is simulated, so it is made only for a call that refers to it.
  const inputs =
    chosen !== undefined && input.includes('$input')
      ? { pre_telemetry: await collectTelemetry(chosen.scenario, chosen.scenarios) }
      : {}
  const { signal } = io
  // The text is read as the arguments of a model's call are.
  const result = await runTool(toolNamed(tools, name), input, { signal, inputs })
  if (io.json) io.stdout.json(documentOf(result))
  else {
    for (const repair of result.repairs) hint(io, repairText(repair))
    if (result.status === 'error') writeLine(io.stderr, `tenrounds: ${failureText(name, result.error)}`)
    else io.stdout.write(`${readable(result.content)}\n`)
  }
  if (signal.aborted) return stoppedCode(signal)
  return result.status === 'ok' ? exitCode.ok : exitCode.failed
}

/** The incident that calls without an id mean. */
async function chosenIncident(name: string) {
  const { scenario, scenarios = scenarioSource([builtInScenarios.load(scenario)]) } = await incidentOf(name)
  return { scenario, scenarios }
}

/** The document of `--json`. */
function documentOf(result: ToolResult) {
  const { name, status, repairs, durationMs, clipped } = result
  const outcome = result.status === 'ok' ? { value: result.value } : { error: result.error }
  return {
    tool: name,
    status,
    ...outcome,
    content: result.content,
    clipped,
    repairs,
    duration_ms: Math.round(durationMs),
  }
}

/** An error in words. Only these two kinds have messages that do not say what failed. */
function failureText(tool: string, { kind, message }: ToolError): string {
  if (kind === 'tool_failed') return `${tool} failed: ${message}`
  return kind === 'unresolved_reference' ? `The input refers to a value that does not exist.\n${message}` : message
}

/** Kinds of repairs in words. Any other kind: the value was converted. */
const repairWords: Partial<Record<RepairKind, string>> = {
  empty_arguments: 'it was empty',
  double_encoded: 'it was JSON inside a JSON string',
  json_repaired: 'it was not valid JSON',
  null_dropped: 'an optional value was null and is left out',
}

/** One line about a repair of the call. */
function repairText({ kind, path, before, after }: Repair): string {
  // Without its quotes, a text looks like the number in it.
  const change = before === after ? `${before}, now of the right type` : `${before} → ${after}`
  const what = repairWords[kind] ?? 'a value had the wrong type'
  return `The input was repaired: ${what}.${path === '' ? '' : ` ${path}:`} ${onOneLine(numberHidden(change))}`
}

/** The text for the model; JSON gets line breaks. */
function readable(content: string): string {
  const value = parseJson(content)
  return value === unparsable ? content : JSON.stringify(value, null, 2)
}

/**
 * Reads a JSON argument.
 *
 * @param argument JSON text, `@` and the path of a file, or `-` for stdin.
 * @returns its text, which is JSON, or can be repaired to JSON as in a run.
 * @throws {UsageError} with the line and column if it is not JSON, and if it cannot be read.
 */
async function jsonArgument(io: CommandIo, argument: string): Promise<string> {
  const [from, text] = await textOf(io, argument)
  if (parseJson(text, { anyDepth: true }) !== unparsable) return text
  if (parseLenientJson(stripCodeFence(text)).kind !== 'unparsable') return text
  if (text.trim() === '') throw new UsageError(`${from} is empty. Pass a JSON object, for example '{}'.`)
  const at = errorPosition(text)
  const line = text.slice(0, at).split('\n')
  const where =
    at >= text.length ? 'it ends too early' : `unexpected ${JSON.stringify(onOneLine(excerpt(text.slice(at), 20)))}`
  throw new UsageError(
    `${from} is not JSON: ${where} at line ${line.length}, column ${(line.at(-1)?.length ?? 0) + 1}. ${nextStep(text, at)}`,
  )
}

/** The change that the first wrong character needs. */
function nextStep(text: string, at: number): string {
  if (at >= text.length) return 'Add the end of the text, such as a quote or a closing brace.'
  return /^[\p{L}'_]/u.test(text.slice(at))
    ? 'Write names and texts in double quotes.'
    : "Pass one JSON object, such as '{}'."
}

async function textOf({ stdin }: CommandIo, argument: string): Promise<readonly [from: string, text: string]> {
  if (argument === '-') {
    const pieces: Buffer[] = []
    for await (const piece of stdin) pieces.push(Buffer.from(piece))
    return ['The text on stdin', withoutMark(Buffer.concat(pieces).toString('utf8'))]
  }
  if (!argument.startsWith('@')) return ['The input', argument]
  const file = argument.slice(1)
  if (file === '') throw new UsageError('After @ the path of a file is missing, for example @input.json.')
  try {
    return [file, withoutMark(await readFile(file, 'utf8'))]
  } catch (error) {
    throw new UsageError(`The input cannot be read from "${file}": ${systemProblem(error)}.`)
  }
}

/** Some editors begin a file with a byte order mark, which is not JSON. */
function withoutMark(text: string): string {
  return text.replace(/^\ufeff/, '')
}

/**
 * The position of the first character that no JSON text can have there. The message of `JSON.parse` does not always have it,
 * so it is the end of the longest prefix that could still be continued.
 */
function errorPosition(text: string): number {
  let good = 0
  let bad = text.length + 1
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2)
    if (canContinue(text.slice(0, middle))) good = middle
    else bad = middle
  }
  return good
}

/** Whether a text is JSON, or fails only at its end. */
function canContinue(prefix: string): boolean {
  try {
    JSON.parse(prefix)
    return true
  } catch (error) {
    const message = errorMessage(error)
    return /end of JSON|[Uu]nterminated/.test(message) || Number(/position (\d+)/.exec(message)?.[1]) >= prefix.length
  }
}
