import { createHash } from 'node:crypto'
import { canonicalJson } from '../../../router/json/json.ts'
import { toRunError } from '../../loop/errors.ts'
import type { Model } from '../../loop/model.ts'
import { minimax } from '../../minimax/minimax.ts'
import { startMockServer } from '../../testing/index.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import { runIncidentAgent } from '../agent/run-incident-agent.ts'
import { ownVersion } from '../own-version.ts'
import { collectTelemetry } from '../run-incident.ts'
import { type ArmName, armNames, arms } from './arms.ts'
import { openResults, type ResultsFile, writeEvaluation } from './evaluation-files.ts'
import {
  type EvaluationDocument,
  EvaluationError,
  type EvaluationSettings,
  evaluationVersion,
  type RunRecord,
} from './evaluation-schema.ts'
import { oracleOf, scenariosWithOracle } from './oracle.ts'
import { scoreRun } from './score.ts'
import { summarize } from './summary.ts'

/** Runs one scenario. It is called with an id of a built-in scenario, and its result is scored. */
export type ExecuteRun = (scenario: string, context: { readonly signal: AbortSignal }) => Promise<AgentResult>

/** Options of {@link evaluate}. */
export interface EvaluationOptions {
  /** Scenarios to run. @defaultValue all that have an oracle */
  readonly scenarios?: readonly string[]
  /** Runs of each scenario. @defaultValue 1 */
  readonly runs?: number
  /** A model, an arm that plays one, or a function that runs the scenario elsewhere. @defaultValue the arm `responder` */
  readonly subject?:
    | { readonly model: Model }
    | { readonly arm: ArmName }
    | { readonly execute: ExecuteRun; readonly name: string }
  /** Folder for `runs.jsonl`, `eval.json`, `eval.md` and `eval.html`. @defaultValue nothing is written */
  readonly out?: string
  /** Continue the runs in the folder. Runs with a score are not repeated. @defaultValue false */
  readonly resume?: boolean
  /** Runs at the same time. The simulation uses one core, so more than 1 helps only with a slow model. @defaultValue 1 */
  readonly concurrency?: number
  /** Seed of the arms and of the confidence intervals. @defaultValue 1 */
  readonly seed?: number
  /** Price of a million tokens, in any currency. @defaultValue no costs */
  readonly prices?: { readonly input: number; readonly output: number }
  /** Stops the evaluation. Runs that have not ended are dropped, and a resumed evaluation repeats them. */
  readonly signal?: AbortSignal
  /** Called once, before the first run, when the options and the folder are checked. */
  readonly onStart?: (progress: EvaluationProgress) => void
  /** Called after each run. */
  readonly onRun?: (record: RunRecord, progress: EvaluationProgress) => void
}

/** How far an evaluation is. */
export interface EvaluationProgress {
  /** Runs that have ended, those of an earlier process included. */
  readonly done: number
  /** Runs of the whole evaluation. */
  readonly all: number
}

/**
 * Runs scenarios whose right answers are known, and scores the results.
 *
 * @example
 * // Five runs of each scenario with a model of your own, which can be continued after a crash.
 * const evaluation = await evaluate({
 *   subject: { model: minimax() },
 *   runs: 5,
 *   out: 'evaluations/my-model',
 *   resume: true,
 *   onRun: (run, { done, all }) => console.log(done, all, run.scenario, run.score?.passed),
 * })
 * console.log(evaluation.total.pass_rate)
 *
 * @example
 * // An agent of your own: its result needs the form of `runIncidentAgent`'s.
 * await evaluate({ subject: { name: 'my-agent', execute: (scenario) => myAgent(scenario) } })
 *
 * The model sees neutral ids and never an oracle. A run that the provider failed has no score. If the provider rejects the
 * token or the account, the evaluation stops early, because every other run would fail as well.
 *
 * @returns the result; `complete` is `false` if runs are missing. It is written to the folder in either case.
 * @throws {EvaluationError} if an option is wrong, or the folder has other runs.
 */
export async function evaluate(options: EvaluationOptions = {}): Promise<EvaluationDocument> {
  const { signal = new AbortController().signal, subject = { arm: 'responder' }, out, resume = false } = options
  const settings = settingsOf(options)
  const execute = executorOf(subject, settings.seed)
  const file = out === undefined ? inMemory : await openResults(out, settings, resume)
  try {
    const records = new Map(file.earlier.map((record) => [keyOf(record), record]))
    // A run that the provider failed has a record too, but no score, so it is repeated.
    const open = allRuns(settings).filter((run) => (records.get(keyOf(run))?.score ?? null) === null)
    const all = settings.scenarios.length * settings.runs
    let done = all - open.length
    let isHopeless = false
    options.onStart?.({ done, all })
    // Each worker takes the next open run, so a slow run does not hold up the others.
    const work = async () => {
      while (!signal.aborted && !isHopeless) {
        const next = open.shift()
        if (next === undefined) return
        const record = await runOnce(next, execute, settings, signal)
        if (record === undefined) return
        await file.append(record)
        records.set(keyOf(record), record)
        options.onRun?.(record, { done: ++done, all })
        isHopeless ||= record.error !== null && hopeless.has(record.error.code ?? '')
      }
    }
    await Promise.all(Array.from({ length: options.concurrency ?? 1 }, work))
    const document = summarize(settings, [...records.values()])
    if (out !== undefined) await writeEvaluation(document, out)
    return document
  } finally {
    await file.close()
  }
}

/** Codes of provider errors that every other run would end with as well. */
const hopeless: ReadonlySet<string> = new Set(['configuration', 'authentication', 'quota'])

/** An evaluation without a folder. */
const inMemory: ResultsFile = { earlier: [], append: async () => {}, close: async () => {} }

/** @throws {EvaluationError} if an option is wrong. */
function settingsOf(options: EvaluationOptions): EvaluationSettings {
  const { runs = 1, seed = 1, concurrency = 1, prices, subject = { arm: 'responder' } } = options
  checkInteger('runs', runs, 1, 10_000)
  checkInteger('concurrency', concurrency, 1, 1_000)
  checkInteger('seed', seed, 0, 4_294_967_295)
  for (const [name, price] of Object.entries(prices ?? {})) {
    if (Number.isFinite(price) && price >= 0) continue
    throw new EvaluationError('invalid_option', `prices.${name} is ${price}. It must be a number from 0.`)
  }
  const known = scenariosWithOracle()
  const scenarios = [...new Set(options.scenarios ?? known)]
  const unknown = scenarios.find((scenario) => !known.includes(scenario))
  if (unknown !== undefined || scenarios.length === 0) {
    const problem = unknown === undefined ? 'scenarios is empty' : `Unknown scenario "${unknown}"`
    throw new EvaluationError('invalid_option', `${problem}. Evaluate one or more of: ${known.join(', ')}.`)
  }
  return {
    evaluation_version: evaluationVersion,
    package_version: ownVersion(),
    ...namesOf(subject),
    scenarios,
    runs,
    seed,
    price_in: prices?.input ?? null,
    price_out: prices?.output ?? null,
    oracles: createHash('sha256')
      .update(canonicalJson(scenarios.map(oracleOf)))
      .digest('hex')
      .slice(0, 12),
  }
}

/** @throws {EvaluationError} that names the option and its range. */
function checkInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  throw new EvaluationError(
    'invalid_option',
    `${name} is ${value}. It must be a whole number from ${least} to ${most}.`,
  )
}

/**
 * Names for the settings. Runs of different models are never mixed, so the name of the model is one of them. The workers of
 * a task queue choose their model themselves.
 */
function namesOf(subject: NonNullable<EvaluationOptions['subject']>): Pick<EvaluationSettings, 'arm' | 'model'> {
  if ('model' in subject) return { arm: 'model', model: subject.model.name }
  if ('execute' in subject) return { arm: subject.name, model: 'workers' }
  if (!Object.hasOwn(arms, subject.arm)) {
    throw new EvaluationError('invalid_option', `Unknown arm "${subject.arm}". Arms: ${armNames.join(', ')}.`)
  }
  return { arm: subject.arm, model: subject.arm }
}

/** A run that an evaluation consists of. */
type RunKey = Pick<RunRecord, 'scenario' | 'run'>

/** Identifies a run in its folder. */
function keyOf({ scenario, run }: RunKey): string {
  return `${scenario}/${run}`
}

/** Every scenario once before any twice, so that an evaluation that was stopped has seen as many scenarios as possible. */
function allRuns({ scenarios, runs }: EvaluationSettings): RunKey[] {
  return Array.from({ length: runs }, (_, index) => scenarios.map((scenario) => ({ scenario, run: index + 1 }))).flat()
}

/** Executes one run with the subject of the evaluation. */
type Executor = (key: RunKey, signal: AbortSignal) => Promise<AgentResult>

/** The way in which the subject executes a run. An arm gets a seed for each run, so that repeated runs can differ. */
function executorOf(subject: NonNullable<EvaluationOptions['subject']>, seed: number): Executor {
  if ('execute' in subject) return ({ scenario }, signal) => subject.execute(scenario, { signal })
  if ('model' in subject) return ({ scenario }, signal) => runHere(scenario, subject.model, signal)
  const { create } = arms[subject.arm]
  return async (key, signal) => {
    const responder = create(`${seed}/${keyOf(key)}`)
    // A real server and the real client, so that an arm goes the same way as a model.
    await using server = await startMockServer({ responder, record: false })
    const model = minimax({ url: server.url, token: 'mock-server', env: {} })
    try {
      return await runHere(key.scenario, model, signal)
    } finally {
      await model.close()
    }
  }
}

/** The same steps as `runIncident`, without the report. */
async function runHere(scenario: string, model: Model, signal: AbortSignal): Promise<AgentResult> {
  const pre_telemetry = await collectTelemetry(scenario)
  return runIncidentAgent({ scenario, pre_telemetry }, { model, signal })
}

/** @returns `undefined` if the run was stopped. */
async function runOnce(
  key: RunKey,
  execute: Executor,
  settings: EvaluationSettings,
  signal: AbortSignal,
): Promise<RunRecord | undefined> {
  const startedAt = performance.now()
  try {
    const result = await execute(key, signal)
    if (signal.aborted && result.run.stop_reason !== 'answered') return undefined
    const error = providerError(result)
    return {
      ...key,
      error: error ?? null,
      score: error === undefined ? await scoreRun(key.scenario, result) : null,
      result: partsOf(result, settings),
    }
  } catch (error) {
    if (signal.aborted) return undefined
    const duration_ms = Math.round(performance.now() - startedAt)
    return { ...key, error: toRunError(error), score: null, result: { ...noResult, duration_ms } }
  }
}

/** A run that was never answered because of the model itself is scored: its conversation became too long, or it was blocked. */
const ofTheModel: ReadonlySet<string> = new Set(['context_length', 'content_filter'])

/** The error of a run that failed for a reason that says nothing about the model. */
function providerError({ run }: AgentResult): RunRecord['error'] | undefined {
  if (run.stop_reason !== 'failed' || run.error === undefined) return undefined
  // The first request has nothing of the model's yet: the server was started with too small a context window.
  const wasNeverAsked = run.error.code === 'context_length' && run.rounds === 0
  return ofTheModel.has(run.error.code ?? '') && !wasNeverAsked ? undefined : run.error
}

/** The parts of a result that the record keeps. The rest, such as the trace, can be megabytes. */
function partsOf(result: AgentResult, { price_in, price_out }: EvaluationSettings): RunRecord['result'] {
  const { diagnosis, fix_plan, run, validation, violations } = result
  const { usage } = run
  const cost =
    price_in === null || price_out === null
      ? null
      : (usage.input_tokens * price_in + usage.output_tokens * price_out) / 1_000_000
  return {
    stop_reason: run.stop_reason,
    category: diagnosis.category,
    root_cause: diagnosis.root_cause,
    actions: fix_plan === null ? [] : [...fix_plan.actions],
    status: validation.status,
    violations: violations.length,
    rounds: run.rounds,
    usage,
    duration_ms: run.duration_ms,
    cost,
  }
}

/** The parts of a run that ended without any result. */
const noResult: RunRecord['result'] = {
  stop_reason: 'failed',
  category: '',
  root_cause: '',
  actions: [],
  status: 'unknown',
  violations: 0,
  rounds: 0,
  usage: { input_tokens: 0, output_tokens: 0, cached_input_tokens: 0, reasoning_tokens: 0 },
  duration_ms: 0,
  cost: null,
}
