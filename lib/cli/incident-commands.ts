/** Commands about incidents: prepare a folder, say what was found in it, and list the built-in ones. */
import { stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { listScenarios, loadScenario } from '../../fixtures/load-scenario.ts'
import type { Scenario, TokenCounts } from '../../fixtures/scenario.ts'
import { systemErrorCode, systemProblem } from '../../router/text/system-error.ts'
import { IncidentFolderError } from '../../tools/incident-folder/incident-document.ts'
import { reasonsOf } from '../../tools/incident-folder/notes.ts'
import { type FolderIncident, openIncident } from '../../tools/incident-folder/open-incident.ts'
import type { FileKind, RecognisedFile } from '../../tools/incident-folder/recognise.ts'
import { type FolderPart, folderParts, incidentTemplate } from '../../tools/incident-folder/template.ts'
import type { Inference } from '../../tools/inference/infer-scenario.ts'
import { residualText } from '../../tools/inference/residuals.ts'
import { roundFigure } from '../../tools/validation/deltas.ts'
import { createFolder } from '../incident/report/report-files.ts'
import { type CommandIo, exitCode, UsageError } from './command-io.ts'
import { addCommand, type CommandContext } from './command-line.ts'
import { hanging, longest, reflow } from './text-layout.ts'

/** Registers `init`, `check` and `scenarios`. */
export function registerIncidentCommands(program: Command, context: CommandContext): void {
  addCommand(program, 'init <folder>', 'write a commented template into an incident folder', {
    examples: [['init incident-4711', 'create the folder with a commented incident.yaml']],
    ok: 'the template was written',
  }).action((folder: string) => context.run((io) => initCommand(io, folder)))
  addCommand(program, 'check <folder>', 'say what an incident folder has, and what is missing', {
    examples: [
      ['check incident-4711', 'what was found, what was left out, and what each missing file would add'],
      ['check incident-4711 --json', 'the same as { incident, window, files, missing, left_out, effects, ... }'],
    ],
    notes: [
      'Without a log and a metrics page the exit code is 2. stdout has the list of missing files, with --json as',
      '{ incident: null, folder, error, files, missing }.',
    ],
    ok: 'the folder can be analysed',
  }).action((folder: string) => context.run((io) => checkCommand(io, folder)))
  addCommand(program, 'scenarios', 'list the built-in incidents with the complaints of their users', {
    examples: [
      ['scenarios', 'ids and descriptions'],
      ['scenarios --quiet', 'ids only'],
      ['scenarios --json', 'a list of { id, description }'],
    ],
    ok: 'the list was printed',
  }).action(() => context.run(scenariosCommand))
}

/** Prints the id of each scenario and the complaint of its users, which does not say the cause. */
function scenariosCommand(io: CommandIo): number {
  const scenarios = listScenarios().map((id) => ({ id, description: loadScenario(id).description }))
  const width = longest(scenarios.map(({ id }) => id))
  if (io.json) io.stdout.json(scenarios)
  else if (io.quiet) io.stdout.write(scenarios.map(({ id }) => `${id}\n`).join(''))
  else {
    const lines = scenarios.flatMap(({ id, description }) =>
      hanging(`${id.padEnd(width)}  `, description, io.stdout.listColumns),
    )
    io.stdout.write(`${lines.join('\n')}\n`)
  }
  return exitCode.ok
}

/** `tenrounds init`: creates the folder if necessary, and writes a commented `incident.yaml` into it. */
export async function initCommand(io: CommandIo, folder: string): Promise<number> {
  if (folder.trim() === '')
    throw new UsageError('The path of the folder is empty. Pass a folder, for example incident-4711.')
  const isFile = await stat(folder).then(
    (found) => !found.isDirectory(),
    () => false,
  )
  if (isFile) throw new UsageError(`${folder} is a file. Pass the path of a folder; a new one is created.`)
  const file = join(folder, 'incident.yaml')
  try {
    await createFolder(resolve(folder))
    await writeFile(file, incidentTemplate(), { flag: 'wx' })
  } catch (error) {
    const problem = `${systemProblem(error)}${systemErrorCode(error) === 'EEXIST' ? ' and is not overwritten' : ''}`
    throw new UsageError(`${file} cannot be written: ${problem}.`)
  }
  if (io.json) io.stdout.json({ file })
  else if (io.quiet) io.stdout.write(`${file}\n`)
  else io.stdout.write(`Wrote ${file}. Put logs and metrics pages next to it, then run "tenrounds check ${folder}".\n`)
  return exitCode.ok
}

/** `tenrounds check`: the files that were found, what was left out, and what each missing file would add. */
export async function checkCommand(io: CommandIo, folder: string): Promise<number> {
  const incident = await openIncident(folder).catch((error: unknown) => {
    if (!(error instanceof IncidentFolderError)) throw error
    if (error.found !== undefined) showMissing(io, folder, error.message, error.found)
    throw new UsageError(`${error.message}${builtInHint(folder)}`)
  })
  if (io.json) io.stdout.json(checkDocument(incident))
  else if (io.quiet) io.stdout.write(`${incident.observation.id}\n`)
  else writeSections(io, checkText(incident))
  return exitCode.ok
}

/** A folder without logs and pages, for example a new one: the next step is to put files into it. */
function showMissing(io: CommandIo, folder: string, error: string, found: readonly RecognisedFile[]): void {
  const missing = missingParts(found)
  if (io.json) {
    const files = found.map(({ file, kind }) => ({ file, kind }))
    io.stdout.json({ incident: null, folder, error, files, missing: missing.map(missingDocument) })
  } else if (!io.quiet) writeSections(io, `${foundSection(found)}${missingSection(missing)}\n`)
}

/** A built-in incident has no folder. */
function builtInHint(name: string): string {
  if (!listScenarios().includes(name)) return ''
  return ` "${name}" is a built-in incident, which "tenrounds run ${name}" runs. check is for folders of your own files.`
}

/** Writes lines that fit the terminal. Commands are copied, so they stay whole. */
function writeSections(io: CommandIo, text: string): void {
  const commands = new Set(folderParts.map(({ command }) => command))
  io.stdout.write(`${reflow(text, io.stdout.listColumns, (line) => commands.has(line.trim()))}\n`)
}

/** The document of `check --json`. */
function checkDocument({ observation, files, leftOut, inference, notes = [] }: FolderIncident) {
  const { id, window, deployment, notStated } = observation
  const effects = inference()
  return {
    incident: id,
    window,
    deployment,
    files: files.map(({ file, kind }) => ({ file, kind })),
    missing: missingParts(files).map(missingDocument),
    left_out: reasonsOf(leftOut),
    not_stated: notStated,
    assumed: notes.filter(({ about }) => about === 'window').map(({ text }) => text),
    effects: {
      predicted: effects.kind === 'inferred',
      reasons: effects.kind === 'refused' ? effects.reasons : [],
      residuals: effects.residuals.map(residualText),
    },
  }
}

const kindNames: Readonly<Record<FileKind, string>> = {
  incident: 'facts of the incident',
  engine_log: 'engine log',
  kernel_log: 'kernel log',
  journal: 'journal',
  metrics_page: 'metrics page',
  gpu_table: 'GPU table of nvidia-smi',
  gpu_query: 'output of nvidia-smi -q',
  gpu_summary: 'output of nvidia-smi',
  engine_arguments: 'engine arguments',
  pod_description: 'output of kubectl describe',
  model_config: "the model's config.json",
  slo: 'objectives',
}

/** All forms of nvidia-smi's output say the same. */
const sameFacts: Partial<Record<FileKind, FileKind>> = { gpu_query: 'gpu_table', gpu_summary: 'gpu_table' }

/** The kinds of files that a folder does not have. */
function missingParts(files: readonly RecognisedFile[]): readonly FolderPart[] {
  const found = new Set(files.map(({ kind }) => sameFacts[kind] ?? kind))
  return folderParts.filter(({ kind }) => !found.has(kind))
}

/** An item of `missing` in the JSON document. */
function missingDocument({ kind, file, command, adds }: FolderPart) {
  return { kind, file, command: command ?? null, adds }
}

/** @param noteOf a text after the kind of a file. */
function foundSection(files: readonly RecognisedFile[], noteOf: (file: string) => string = () => ''): string {
  const width = longest(files.map(({ file }) => file))
  return section(
    'Found',
    files.map(({ file, kind }) => `${file.padEnd(width)}  ${kindNames[kind]}${noteOf(file)}`),
  )
}

function checkText({ observation, files, leftOut, pages, inference, notes = [] }: FolderIncident): string {
  const { id, window, deployment, notStated } = observation
  const missing = missingParts(files)
  const end = new Date(Date.parse(window.start) + window.duration_s * 1000).toISOString()
  const times = new Map(pages.map(({ file, timeMs, isFileTime }) => [file, { timeMs, isFileTime }]))
  const timeOf = (file: string) => {
    const time = times.get(file)
    if (time === undefined) return ''
    return ` of ${new Date(time.timeMs).toISOString()}${time.isFileTime ? ', the time of the file' : ''}`
  }
  return [
    `Incident ${id}, ${window.start} to ${end}`,
    `Model ${deployment.model}, vLLM ${deployment.vllm_version}, GPU ${deployment.placement.gpu_model}`,
    foundSection(files, timeOf),
    section('Left out', reasonsOf(leftOut)),
    section('Not stated by any file', notStated.length === 0 ? [] : [notStated.join(', ')]),
    section(
      'Assumed',
      notes.filter(({ about }) => about === 'window').map(({ text }) => text),
    ),
    missingSection(pages.length === 1 ? [secondPage, ...missing] : missing),
    section('Effects of a fix', effectLines(inference())),
  ]
    .filter((part) => part !== '')
    .join('\n')
}

const secondPage: Pick<FolderPart, 'file' | 'adds'> = {
  file: 'a second metrics page, some minutes before or after the other',
  adds: 'the rates between the two, from which the load follows',
}

function missingSection(parts: readonly Pick<FolderPart, 'file' | 'command' | 'adds'>[]): string {
  return section(
    'Missing, and what it would add',
    parts.map(({ file, command, adds }) => `${file}: ${adds}${command === undefined ? '' : `\n    ${command}`}`),
  )
}

/** The load that was inferred, and how well its simulation reproduces the pages; or why nothing is predicted. */
function effectLines(inference: Inference): readonly string[] {
  if (inference.kind === 'refused') {
    const compared = inference.residuals.map(residualText)
    return ['Not predicted:', ...inference.reasons.map((reason) => `  ${reason}`), ...compared]
  }
  const { scenario, residuals, assumptions } = inference
  return [
    'Predicted as ratios with bands, for this load:',
    ...loadLines(scenario).map((line) => `  ${line}`),
    'The simulation of the observed time against the pages:',
    ...residuals.map((residual) => `  ${residualText(residual)}`),
    'Assumed:',
    ...assumptions.map((assumption) => `  ${assumption}`),
  ]
}

function loadLines({ load, step_time }: Scenario): readonly string[] {
  // Phases of the same rate are one: the inference divides the time at each page.
  const shown = load.phases.map(({ start_s, requests_per_s }) => ({
    start_s,
    rate: `${roundFigure(requests_per_s)}/s`,
  }))
  const changes = shown.filter(({ rate }, index) => rate !== shown[index - 1]?.rate)
  const rates = changes.map(({ start_s, rate }) =>
    changes.length === 1 ? rate : `${rate} from ${roundFigure(start_s)} s`,
  )
  const lengths = (name: string, { median, sigma, min, max }: TokenCounts) =>
    `${name} of ${min} to ${max} tokens, median ${median}, sigma ${sigma}`
  const step =
    step_time === undefined
      ? []
      : [
          `${Math.abs(step_time.fixed_ms)} ms ${step_time.fixed_ms < 0 ? 'less' : 'more'} per step, and ${step_time.per_sequence_ms} ms for each request in it`,
        ]
  return [
    `requests: ${rates.join(', ')}`,
    lengths('prompts', load.prompt_tokens),
    lengths('answers', load.output_tokens),
    ...(load.shared_prefix_tokens === 0 ? [] : [`all prompts share ${load.shared_prefix_tokens} tokens`]),
    ...step,
  ]
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : [`\n${title}`, ...lines.map((line) => `  ${line}`)].join('\n')
}
