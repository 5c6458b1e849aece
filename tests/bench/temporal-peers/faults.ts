import { setTimeout as delay } from 'node:timers/promises'
import { statisticOf } from '../harness.ts'
import type { FaultCell } from './cells.ts'
import { type Ending, endingsOf, type RunHandle } from './ending.ts'
import { type ModelEvent, repeatsIn } from './model-log.ts'
import { faultyRound, type ModelFault, type Script, wrongStep } from './script.ts'
import { type Stage, type StageSettings, startRun } from './stage.ts'

/** What a fault did to the runs of a cell. */
export interface FaultFigures {
  readonly runs: number
  readonly answered: number
  /** Model calls that were made, and paid for, more than once. */
  readonly modelRepeated: number
  /** Executions of the tool with an input with which it had been executed before. */
  readonly toolRepeated: number
  /** The figure that belongs to the fault, as it is shown. */
  readonly note: string
}

/** Settings of the faults. */
export interface FaultSettings {
  /** Runs that are in progress when a worker or the server fails. */
  readonly runs: number
  /** Time for which the server is away. */
  readonly outageMs: number
}

/** Stages for the faults. Workers and tools take time where the moment of the fault must be a random one. */
export function stageSettingsOf(cell: FaultCell): StageSettings {
  if (cell === 'worker-killed') return { countsTools: true, toolMs: 150, workers: 2 }
  if (cell === 'server-away') return { countsTools: true, toolMs: 150 }
  return { countsTools: true }
}

/** Measures one fault on a stage that was opened with {@link stageSettingsOf}. */
export async function measureFault(stage: Stage, cell: FaultCell, settings: FaultSettings): Promise<FaultFigures> {
  await warmUp(stage)
  await stage.model.reset()
  if (cell === 'worker-killed') return workerKilled(stage, settings)
  if (cell === 'server-away') return serverAway(stage, settings)
  if (cell === 'cancel') return cancel(stage)
  return modelFault(stage, cell)
}

/** The first run of a process loads code. Each stage has one, however many faults are measured on it. */
async function warmUp(stage: Stage): Promise<void> {
  const run = `warm-up-${Date.now()}`
  await (await startRun(stage, { run, bytes: 1_024, latencyMs: 0, fault: 'none' })).result()
}

async function workerKilled(stage: Stage, { runs }: FaultSettings): Promise<FaultFigures> {
  const handles = await startSpread(stage, runs)
  const killedAt = Date.now()
  stage.workers[0]?.kill('SIGKILL')
  const endings = await endingsOf(handles, 150_000)
  return figuresOf(endings, await stage.model.log(), `last answer ${seconds(lastOf(endings) - killedAt)} s later`)
}

async function serverAway(stage: Stage, { runs, outageMs }: FaultSettings): Promise<FaultFigures> {
  const handles = await startSpread(stage, runs)
  await stage.restartServer(outageMs)
  const backAt = Date.now()
  const endings = await endingsOf(handles, 150_000)
  return figuresOf(
    endings,
    await stage.model.log(),
    `last answer ${seconds(lastOf(endings) - backAt)} s after its return`,
  )
}

/** Starts runs one after another, and resolves at a moment when all are in different places. */
async function startSpread(stage: Stage, runs: number): Promise<readonly RunHandle[]> {
  const handles: RunHandle[] = []
  for (let index = 0; index < runs; index++) {
    handles.push(await startRun(stage, { run: `run-${index}`, bytes: 1_024, latencyMs: 400, fault: 'none' }))
    await delay(120)
  }
  await delay(1_200 + Math.random() * 800)
  return handles
}

/** Cancels runs that wait for the model, and watches the sockets for 20 s. */
async function cancel(stage: Stage): Promise<FaultFigures> {
  const { handles } = await startFaulty(stage, 'hang')
  const closed = (log: readonly ModelEvent[]) => log.filter(({ kind }) => kind === 'closed')
  const isWaiting = (event: ModelEvent) => event.kind === 'request' && event.round === faultyRound
  await until(async () => (await stage.model.log()).filter(isWaiting).length >= handles.length, 20_000)
  await delay(1_000)
  const cancelledAt = Date.now()
  await Promise.all(handles.map((handle) => handle.cancel()))
  await until(async () => closed(await stage.model.log()).length >= handles.length, 20_000)
  const endings = await endingsOf(handles, 20_000)
  const log = await stage.model.log()
  const delays = closed(log).map(({ at }) => at - cancelledAt)
  const status = (await handles[0]?.describe())?.status.name ?? ''
  const sockets =
    delays.length === handles.length
      ? `after ${seconds(statisticOf(delays).median)} s`
      : delays.length === 0
        ? 'never (20 s watched)'
        : `${delays.length} of ${handles.length}`
  return figuresOf(endings, log, `${sockets}; ${status}`)
}

async function modelFault(stage: Stage, cell: ModelFault): Promise<FaultFigures> {
  const { handles, names } = await startFaulty(stage, cell)
  const startedAt = Date.now()
  const endings = await endingsOf(handles, cell === 'unauthorized' ? 15_000 : 40_000)
  const log = (await stage.model.log()).filter(({ run }) => names.includes(run))
  return figuresOf(endings, log, noteOf(cell, endings, log, startedAt))
}

/** Six runs at once of a model that answers without delay and does one thing wrong. */
async function startFaulty(stage: Stage, fault: ModelFault) {
  const names = Array.from({ length: 6 }, (_, index) => `${fault}-${index}`)
  const script = (run: string): Script => ({ run, bytes: 1_024, latencyMs: 0, fault })
  return { names, handles: await Promise.all(names.map((run) => startRun(stage, script(run)))) }
}

/** The figure that belongs to a fault of the model or its server. */
function noteOf(cell: ModelFault, endings: readonly Ending[], log: readonly ModelEvent[], startedAt: number): string {
  const steps = log.flatMap((event) => (event.kind === 'tool' ? [event.step] : []))
  const requests = log.filter((event) => event.kind === 'request' && event.round === faultyRound)
  const [first] = endings
  const failure = first === undefined || first.isAnswered ? '' : `workflow failed: ${first.text.slice(0, 80)}`
  if (cell === 'wrong-type') return steps.includes(wrongStep) ? `tool ran with '${wrongStep}'` : 'tool not run'
  if (cell === 'unknown-tool') return steps.includes(faultyRound) ? 'another tool ran' : failure || 'model told'
  if (cell === 'unauthorized') {
    const open = endings.some(({ isOpen }) => isOpen)
    const count = Math.round(requests.length / endings.length)
    return `${open ? 'still retrying after 15 s' : `failed after ${seconds(lastOf(endings) - startedAt)} s`}, requests a run: ${count}`
  }
  if (cell === 'rate-limit') return `second request after ${seconds(statisticOf(waitsIn(requests)).median)} s`
  return failure
}

/** Time from the first to the second request of each run. */
function waitsIn(requests: readonly ModelEvent[]): readonly number[] {
  const runs = new Set(requests.map(({ run }) => run))
  return [...runs].flatMap((name) => {
    const [first, second] = requests.filter(({ run }) => run === name)
    return first && second ? [second.at - first.at] : []
  })
}

function figuresOf(endings: readonly Ending[], log: readonly ModelEvent[], note: string): FaultFigures {
  const { model, tool } = repeatsIn(log)
  const answered = endings.filter(({ isAnswered }) => isAnswered).length
  return { runs: endings.length, answered, modelRepeated: model, toolRepeated: tool, note }
}

function lastOf(endings: readonly Ending[]): number {
  return Math.max(...endings.map(({ at }) => at))
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1_000).toFixed(1)
}

/** Polls until a condition holds, or the time is over. */
async function until(holds: () => Promise<boolean>, patienceMs: number): Promise<void> {
  const end = Date.now() + patienceMs
  while (Date.now() < end && !(await holds())) await delay(100)
}
