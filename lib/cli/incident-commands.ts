/** Commands about incidents: prepare a folder, say what was found in it, and list the built-in ones. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { listScenarios, loadScenario } from '../../fixtures/load-scenario.ts'
import type { Scenario, TokenCounts } from '../../fixtures/scenario.ts'
import { errorMessage } from '../../router/errors.ts'
import { IncidentFolderError } from '../../tools/incident-folder/incident-document.ts'
import { reasonsOf } from '../../tools/incident-folder/notes.ts'
import { type FolderIncident, openIncident } from '../../tools/incident-folder/open-incident.ts'
import type { FileKind } from '../../tools/incident-folder/recognise.ts'
import { type FolderPart, folderParts, incidentTemplate } from '../../tools/incident-folder/template.ts'
import type { Inference } from '../../tools/inference/infer-scenario.ts'
import { residualText } from '../../tools/inference/residuals.ts'
import { roundFigure } from '../../tools/validation/deltas.ts'
import { type CommandIo, exitCode, UsageError } from './command-io.ts'
import { addCommand, type CommandContext } from './command-line.ts'
import { hanging, longest } from './text-layout.ts'

/** Registers `init`, `check` and `scenarios`. */
export function registerIncidentCommands(program: Command, context: CommandContext): void {
  addCommand(program, 'init <folder>', 'write a commented template into an incident folder', {
    examples: [['init incident-4711', 'create the folder with a commented incident.yaml']],
    ok: 'the template was written',
  }).action((folder: string) => context.run((io) => initCommand(io, folder)))
  addCommand(program, 'check <folder>', 'say what an incident folder has, and what is missing', {
    examples: [
      ['check incident-4711', 'what was found, what was left out, and what each missing file would add'],
      ['check incident-4711 --json', 'the same as { incident, window, files, left_out, not_stated, effects, ... }'],
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
    // Other programs read a list line by line, so only a terminal gets wrapped lines.
    const listWidth = io.stdout.isTTY ? io.stdout.columns : Number.POSITIVE_INFINITY
    const lines = scenarios.flatMap(({ id, description }) => hanging(`${id.padEnd(width)}  `, description, listWidth))
    io.stdout.write(`${lines.join('\n')}\n`)
  }
  return exitCode.ok
}

/** `tenrounds init`: creates the folder if necessary, and writes a commented `incident.yaml` into it. */
export async function initCommand(io: CommandIo, folder: string): Promise<number> {
  const file = join(folder, 'incident.yaml')
  try {
    await mkdir(folder, { recursive: true })
    await writeFile(file, incidentTemplate(), { flag: 'wx' })
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST'
    const problem = exists ? 'it exists already and is not overwritten' : errorMessage(error)
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
    // A new folder: the next step is to put files into it.
    if (error.isNothingFound && !io.json && !io.quiet) io.stdout.write(`${missingSection(folderParts)}\n\n`)
    throw new UsageError(error.message)
  })
  if (io.json) io.stdout.json(checkDocument(incident))
  else if (io.quiet) io.stdout.write(`${incident.observation.id}\n`)
  else io.stdout.write(`${checkText(incident)}\n`)
  return exitCode.ok
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

function checkText({ observation, files, leftOut, pages, inference, notes = [] }: FolderIncident): string {
  const { id, window, deployment, notStated } = observation
  const width = longest(files.map(({ file }) => file))
  const found = new Set(files.map(({ kind }) => sameFacts[kind] ?? kind))
  const missing = folderParts.filter(({ kind }) => !found.has(kind))
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
    section(
      'Found',
      files.map(({ file, kind }) => `${file.padEnd(width)}  ${kindNames[kind]}${timeOf(file)}`),
    ),
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
