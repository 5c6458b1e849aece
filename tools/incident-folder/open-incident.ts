import { stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import type { LogSource, Scenario } from '../../fixtures/scenario.ts'
import { isObject, parseJson, type UnknownObject } from '../../router/json/json.ts'
import { systemProblem } from '../../router/text/system-error.ts'
import { lazyInference } from '../inference/infer-incident.ts'
import type { Inference } from '../inference/infer-scenario.ts'
import { timeOf } from '../logs/log-time.ts'
import { startOf } from '../prometheus/metric-values.ts'
import { parseMetricsPage } from '../prometheus/parse-metrics-page.ts'
import type { Observation, ObservedIncident } from '../scenario-source.ts'
import { deploymentFrom } from './deployment.ts'
import { Documents } from './documents.ts'
import { type Launch, launchOfLog } from './engine-arguments.ts'
import { type FailedScrape, failedScrape, isEmptyScrape, isScrapeName, serverNotes } from './failed-scrape.ts'
import { type FolderFile, findFiles, type LeftOut } from './find-files.ts'
import { FolderSecrets } from './folder-secrets.ts'
import { failuresOf, gpusOfQuery, gpusOfSummary, gpusOfTable, type ObservedGpu } from './gpu-statistics.ts'
import { type IncidentDocument, IncidentFolderError, readIncidentDocument, readSlo } from './incident-document.ts'
import { joinLaunches } from './join-launches.ts'
import { launchOfText } from './launch-documents.ts'
import { readPages, type StoredPage, timeInName } from './metrics-pages.ts'
import { folderNotes, reasonsOf, zoneNotes } from './notes.ts'
import { observedTelemetry } from './observed-telemetry.ts'
import { launchOfPodDescription } from './pod-description.ts'
import { readLogs } from './read-logs.ts'
import { archiveOf, headText } from './read-text.ts'
import { type FileKind, kindOfName, type RecognisedFile, recognise } from './recognise.ts'

/** An incident that was read from a folder. */
export interface FolderIncident extends ObservedIncident {
  /** The files that the incident consists of, by name. */
  readonly files: readonly RecognisedFile[]
  /** Files, and parts of files, that were left out. */
  readonly leftOut: readonly LeftOut[]
  /** The metrics pages of one engine process, in order of time. */
  readonly pages: readonly StoredPage[]
}

/** Largest output of nvidia-smi in bytes of text. It can have rows of many hours. */
const maxGpuBytes = 32 * 2 ** 20

const logKinds = { engine_log: 'vllm', kernel_log: 'dmesg', journal: 'journal' } as const

/**
 * Reads a folder of files as an incident: logs, metrics pages, output of nvidia-smi, the launch command, and the model's
 * `config.json`. Nothing is written, links are not followed, and what no file states stays unknown. Secrets are masked in
 * everything that the result has, because the tools send it to the model.
 *
 * ```ts
 * const incident = await openIncident('./incident-4711')
 * const tools = createIncidentTools({ scenarios: scenarioSource([incident]) })
 * ```
 *
 * @param folder path of the folder.
 * @throws {IncidentFolderError} if the folder cannot be read, has neither a log nor a metrics page, or has a wrong
 * `incident.yaml` or SLO file.
 */
export async function openIncident(folder: string): Promise<FolderIncident> {
  if (folder === '')
    throw new IncidentFolderError('The path of the incident folder is empty. Pass the path of a folder.')
  if (typeof folder !== 'string')
    throw new IncidentFolderError(
      `folder must be the path of a folder, and is ${JSON.stringify(folder) ?? typeof folder}.`,
    )
  const found = await findFiles(resolve(folder), isKnownName).catch(async (error: NodeJS.ErrnoException) => {
    const isFile = await stat(folder).then(
      (state) => state.isFile(),
      () => false,
    )
    const why = isFile ? 'it is a file' : systemProblem(error)
    throw new IncidentFolderError(`${folder} cannot be read as an incident folder: ${why}.`)
  })
  const leftOut: LeftOut[] = [...found.leftOut]
  const files: RecognisedFile[] = []
  const byKind = new Map<FileKind, FolderFile[]>()
  const failedScrapes: FailedScrape[] = found.leftOut
    .filter(isEmptyScrape)
    .map(({ file }) => ({ file, timeMs: timeInName(file), message: '' }))
  for (const file of found.files) {
    const archive = archiveOf(file)
    const head = archive === undefined ? headText(file) : undefined
    const message = head !== undefined && isScrapeName(file.name) ? failedScrape(head) : undefined
    if (message !== undefined) {
      failedScrapes.push({ file: file.name, timeMs: timeInName(file.name), message })
      leftOut.push({ file: file.name, reason: 'It has no page: the scrape failed.' })
      continue
    }
    const kind = head === undefined ? undefined : recognise(file, head)
    if (kind === undefined) {
      const unreadable =
        archive === undefined ? 'binary or damaged.' : `packed as ${archive}. Unpack it into the folder.`
      leftOut.push({
        file: file.name,
        reason: head === undefined ? `It is ${unreadable}` : 'Its content is not recognised.',
      })
      continue
    }
    files.push({ file: file.name, kind })
    byKind.set(kind, [...(byKind.get(kind) ?? []), file])
  }
  const of = (kind: FileKind) => byKind.get(kind) ?? []
  const {
    pages,
    run,
    leftOut: pagesLeftOut,
  } = await readPages(
    of('metrics_page'),
    failedScrapes.flatMap(({ timeMs }) => timeMs ?? []),
  )
  leftOut.push(...pagesLeftOut)
  const logs = new Map<LogSource, readonly string[]>()
  for (const [kind, source] of entriesOf(logKinds)) {
    const lines = await readLogs(of(kind), leftOut)
    if (lines !== undefined) logs.set(source, lines)
  }
  const notUsed = new Set(
    pagesLeftOut.map(({ file }) => file).filter((file) => !pages.some((page) => page.file === file)),
  )
  const secrets = new FolderSecrets()
  const documents = new Documents(leftOut, notUsed, secrets)
  const descriptions = await documents.all(of('pod_description'), readDescription)
  const smi = [
    ...(await documents.all(of('gpu_summary'), readGpus(gpusOfSummary), maxGpuBytes)).slice(-1),
    ...(await documents.all(of('gpu_query'), readGpus(gpusOfQuery), maxGpuBytes)).slice(-1),
    ...(await documents.all(of('gpu_table'), readGpus(gpusOfTable), maxGpuBytes)).slice(-1),
  ].map(({ value }) => value)
  // Events of a description, and failures of nvidia-smi, are messages of the node.
  const failures = smi.flatMap((output) => output.failures)
  const messages = [...descriptions.flatMap(({ value }) => value.lines), ...failures]
  const hasJournal = logs.has('journal')
  if (messages.length > 0) logs.set('journal', [...(logs.get('journal') ?? []), ...messages])
  if (logs.size === 0 && pages.length === 0) throw nothingFound(folder, found.files.length, leftOut, files)
  const incident = (await documents.last(of('incident'), readIncidentDocument)) ?? {}
  const slo = incident.slo ?? (await documents.last(of('slo'), readSlo))
  const id = incident.id ?? idOf(folder)
  const gpus = withoutRepeats(smi.flatMap((output) => output.gpus))
  const { launch, notUsed: unusedLaunches } = joinLaunches(
    (await documents.all(of('engine_arguments'), readLaunch)).map(launchFile),
    descriptions.flatMap(({ file, value }) => (value.launch === undefined ? [] : [{ file, launch: value.launch }])),
    launchOfLog(logs.get('vllm') ?? []),
  )
  for (const { file, reason } of unusedLaunches) documents.skip(file, reason)
  const latest = Math.max(...found.files.map(({ modifiedMs }) => modifiedMs))
  const window = windowFrom(incident, pages, logs, latest, failedScrapes)
  const { deployment, notStated } = deploymentFrom({
    id,
    incident,
    gpus,
    page: pages.at(-1),
    launch,
    modelConfig: await documents.last(of('model_config'), readModelConfig),
    engineLog: logs.get('vllm') ?? [],
  })
  const observedNotes = {
    serverNotes: serverNotes(pages, run, failedScrapes),
    failures,
    hasJournal,
    launchNotes: launch?.notes ?? [],
  }
  const kinds = new Map(files.map(({ file, kind }) => [file, kind]))
  secrets.learnFrom(deployment.env)
  // From here on nothing has secrets: the tools send what they read to the model.
  const shownPages = pages.map((page) => withoutSecrets(page, secrets))
  const shownLogs = new Map([...logs].map(([source, lines]) => [source, secrets.lines(lines)]))
  const last = shownPages.at(-1)?.text
  const observation: Observation = secrets.deep({
    id,
    window: window.window,
    deployment,
    ...(launch === undefined || Object.keys(launch.server).length === 0 ? {} : { server: { ...launch.server } }),
    notStated,
    gpus,
    telemetry: observedTelemetry({ id, deployment, window: window.window, slo, pages, run, failedScrapes }),
  })
  return {
    files: files.filter(({ file }) => !notUsed.has(file)),
    leftOut: secrets.deep(leftOut),
    pages: shownPages,
    log: (source) => shownLogs.get(source),
    metricsPage: () => last,
    notes: secrets.deep(
      folderNotes({
        kinds,
        leftOut,
        notStated,
        pages,
        gpus,
        logs,
        ...observedNotes,
        windowNotes: [...window.notes, ...zoneNotes([...of('kernel_log'), ...of('journal')], logs.get('vllm') ?? [])],
      }),
    ),
    observation,
    inference: run.some(({ isFileTime }) => isFileTime)
      ? () => withoutTimes
      : lazyInference(observation, shownPages.slice(-run.length)),
  }
}

/** A rate needs the time between two scrapes. The time of a file is that of its last copy. */
const withoutTimes: Inference = {
  kind: 'refused',
  reasons: [
    'The names of the pages do not state when they were scraped, so the load is not known. Put the times into the names, such as metrics-2026-05-05T07-15-00Z.prom.',
  ],
  residuals: [],
}

/** A page whose labels have no secrets. */
function withoutSecrets(page: StoredPage, secrets: FolderSecrets): StoredPage {
  const text = secrets.lines(page.text.split('\n')).join('\n')
  return text === page.text ? page : { ...page, text, samples: parseMetricsPage(text).samples }
}

function isKnownName(name: string): boolean {
  return kindOfName(name) !== undefined || timeInName(name) !== undefined
}

function launchFile({ file, value }: { readonly file: string; readonly value: Launch }) {
  return { file, launch: value }
}

/** Reads a script, a manifest, or a document of arguments. */
function readLaunch(file: string, text: string): Launch | undefined {
  return launchOfText(text, /\.(?:ya?ml|json)(?:\.gz)?$/i.test(file))
}

/** Reads a description of a resource. That of a pod says how the engine was started; all have events. */
function readDescription(_: string, text: string) {
  return { launch: launchOfPodDescription(text), lines: text.trimEnd().split('\n') }
}

/** Reads an output of nvidia-smi. */
function readGpus(read: (text: string) => readonly ObservedGpu[]) {
  return (_: string, text: string) => {
    const found = { gpus: read(text), failures: failuresOf(text) }
    return found.gpus.length + found.failures.length === 0 ? undefined : found
  }
}

function readModelConfig(_: string, text: string): UnknownObject | undefined {
  const value = parseJson(text)
  return isObject(value) ? value : undefined
}

/** Times of a log are at most this much later than its file, in milliseconds: its clock can have another zone. */
const clockDifferenceMs = 86_400_000

/**
 * The observed time. It ends with the latest page or line, because a process writes its log until the incident, and starts
 * with the earliest of two pages, otherwise with the log.
 */
function windowFrom(
  { start, end }: IncidentDocument,
  pages: readonly StoredPage[],
  logs: ReadonlyMap<LogSource, readonly string[]>,
  latest: number,
  failedScrapes: readonly FailedScrape[],
): { readonly window: Scenario['window']; readonly notes: readonly string[] } {
  const scrapes = pages.map(({ timeMs }) => timeMs)
  const near = end === undefined ? (scrapes.at(-1) ?? latest) : Date.parse(end)
  // A node's logs go on after the engine's.
  const times = edgeTimes(logs.get('vllm') ?? [...logs.values()].flat(), near)
  const until =
    end === undefined
      ? Math.max(...scrapes, ...times, ...failedScrapes.flatMap(({ timeMs }) => timeMs ?? []))
      : Date.parse(end)
  const last = Number.isFinite(until) ? until : latest
  const first =
    start === undefined
      ? ((scrapes.length > 1 ? scrapes[0] : earliest(times.length === 0 ? startsOf(pages) : times)) ?? last)
      : Date.parse(start)
  const duration_s = Math.min(86_400, Math.max(10, Math.round((last - first) / 1000)))
  const notes: string[] = []
  if (end === undefined) {
    notes.push(
      'The end of the window is the last time of the logs and pages. If the incident ended earlier, write its time as "end" into incident.yaml.',
    )
  }
  if (first >= last) notes.push('The start of the window is not known, so the window is taken as 10 s long.')
  if (pages.some(({ isFileTime }) => isFileTime)) {
    notes.push('The window is assumed: it follows from the times of page files, because their names state none.')
  }
  return { window: { start: new Date(last - duration_s * 1000).toISOString(), duration_s }, notes }
}

/** The first and the last time of a log. Without a year a time is not in the future. */
function edgeTimes(lines: readonly string[], near: number): readonly number[] {
  const time = (line: string) => {
    const found = timeOf(line, near)
    return found !== undefined && found > near + clockDifferenceMs ? timeOf(line, near - 183 * 86_400_000) : found
  }
  const known = [lines.find((line) => time(line) !== undefined), lines.findLast((line) => time(line) !== undefined)]
  return known.flatMap((line) => (line === undefined ? [] : (time(line) ?? [])))
}

/** Start of the engine, in Unix milliseconds, as pages state it. The counters of a page cover the time since then. */
function startsOf(pages: readonly StoredPage[]): readonly number[] {
  return pages.flatMap(({ samples }) => {
    const start = startOf(samples)
    return start === undefined ? [] : [start * 1000]
  })
}

/** Lines of several processes can be out of order. */
function earliest(times: readonly number[]): number | undefined {
  return times.length === 0 ? undefined : Math.min(...times)
}

/** The id of an incident by the name of its folder. */
function idOf(folder: string): string {
  const name = basename(resolve(folder))
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
  return /^[a-z]/.test(name) ? name : `incident_${name}`
}

/** The GPUs of the first file that has them. */
function withoutRepeats(gpus: readonly ObservedGpu[]): readonly ObservedGpu[] {
  return gpus.filter(({ id }, index) => gpus.findIndex((other) => other.id === id) === index)
}

function entriesOf<K extends string, V>(object: Readonly<Record<K, V>>): [K, V][] {
  return Object.entries(object) as [K, V][]
}

function nothingFound(
  folder: string,
  count: number,
  leftOut: readonly LeftOut[],
  recognised: readonly RecognisedFile[],
): IncidentFolderError {
  const reasons = reasonsOf(leftOut)
    .slice(0, 5)
    .map((reason) => ` ${reason}`)
    .join('')
  const what = count === 0 ? 'has no files that can be read' : 'has neither a log nor a metrics page'
  return new IncidentFolderError(
    `${folder} ${what}. Add an engine log, such as vllm.log, or the output of curl /metrics.${reasons}`,
    recognised,
  )
}
