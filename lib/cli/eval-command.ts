/**
 * The command for evaluations. It chooses what answers, shows the progress and prints the result; `evaluate` does the work:
 *
 * | options      | what answers |
 * |--------------|--------------|
 * | none         | the arm `responder`, in this process |
 * | `--arm`      | another arm, in this process |
 * | `--live`     | the model of the environment, in this process |
 * | `--temporal` | the model of the workers of a task queue, in workflows |
 */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { listScenarios, UnknownScenarioError } from '../../fixtures/load-scenario.ts'
import { closest } from '../../router/text/closest.ts'
import { formatFigure } from '../../tools/validation/deltas.ts'
import { connectClient, startIncident } from '../../workflows/client.ts'
import { temporalSettings } from '../../workflows/connection.ts'
import { type ArmName, armNames, isArmName } from '../incident/evaluation/arms.ts'
import { type EvaluationOptions, type ExecuteRun, evaluate } from '../incident/evaluation/evaluate.ts'
import { runsFile } from '../incident/evaluation/evaluation-files.ts'
import { type EvaluationDocument, EvaluationError, type RunRecord } from '../incident/evaluation/evaluation-schema.ts'
import { headline, scenarioColumns, scenarioRows } from '../incident/evaluation/evaluation-text.ts'
import { type CommandIo, exitCode, stoppedCode, UsageError } from './command-io.ts'
import { addCommand, type CommandContext } from './command-line.ts'
import { openEndpoint } from './endpoint.ts'
import { Progress } from './progress.ts'
import { table } from './text-layout.ts'

/** The options of the command, as the parser reads them. */
interface EvalCommandOptions {
  /** Runs of each scenario. */
  readonly runs: string
  /** Name of the arm that answers. */
  readonly arm?: string
  /** Use the model of the environment. */
  readonly live?: boolean
  /** Start workflows. */
  readonly temporal?: boolean
  /** Folder of the evaluation. */
  readonly out?: string
  /** Continue the evaluation in the folder. */
  readonly resume?: boolean
  /** Runs at the same time. */
  readonly concurrency: string
  /** Seed of the arms and of the intervals. */
  readonly seed: string
  /** Price of a million input tokens. */
  readonly priceIn?: string
  /** Price of a million output tokens. */
  readonly priceOut?: string
}

/** Registers `eval`. */
export function registerEval(program: Command, context: CommandContext): void {
  addCommand(program, 'eval [scenario...]', 'score a model on incidents whose right answers are known', {
    examples: [
      ['eval --live --runs 5', 'five runs of each scenario with the model of the environment'],
      ['eval kv_cache_pressure --arm no-op', 'an arm that must fail, on one scenario'],
      ['eval --live --runs 5 --out evaluations/m2 --resume', 'continue after Ctrl-C'],
      ['eval --temporal --runs 5 --concurrency 20', 'share the runs among the workers of a task queue'],
    ],
    ok: 'every run has ended',
    failed: 'runs have no score, because the provider failed',
    notes: [
      'Without --live and --temporal the arm "responder" answers, which needs no model.',
      `Arms: ${armNames.join(', ')}.`,
      'The folder gets runs.jsonl after each run, and eval.json, eval.md and eval.html at the end.',
    ],
  })
    .option('--runs <n>', 'runs of each scenario', '1')
    .option('--arm <name>', 'rules that answer instead of a model')
    .option('--live', 'use the model of the environment: an endpoint with its token, or a server on this machine')
    .option('--temporal', 'start each run as a workflow; workers of the task queue execute it with their model')
    .option('--out <folder>', 'folder of the evaluation (default: evaluations/<arm>-<time>)')
    .option('--resume', 'continue the evaluation in the folder; runs with a score are not repeated')
    .option('--concurrency <n>', 'runs at the same time', '1')
    .option('--seed <n>', 'seed of the arms and of the confidence intervals', '1')
    .option('--price-in <price>', 'price of a million input tokens')
    .option('--price-out <price>', 'price of a million output tokens')
    .action((scenarios: readonly string[], options: EvalCommandOptions) =>
      context.run((io) => evalCommand(io, scenarios, options)),
    )
}

/** `tenrounds eval`: progress on stderr, the result on stdout and in files. */
async function evalCommand(io: CommandIo, scenarios: readonly string[], options: EvalCommandOptions): Promise<number> {
  if (options.resume === true && options.out === undefined) {
    throw new UsageError('--resume needs the folder of the evaluation. Give it with --out.')
  }
  const unknown = scenarios.find((scenario) => !listScenarios().includes(scenario))
  if (unknown !== undefined) throw new UsageError(new UnknownScenarioError(unknown).message)
  const common = { ...numbersOf(options), ...(scenarios.length === 0 ? {} : { scenarios }) }
  if (options.resume === true && options.out !== undefined) await checkResumable(options.out)
  const subject = await subjectOf(io, options)
  const out =
    options.out ?? join('evaluations', `${subject.name}-${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}`)
  const { signal } = io
  const progress = new Progress(io.stderr, () => performance.now(), io.quiet)
  try {
    const document = await evaluate({
      ...common,
      subject: subject.subject,
      out,
      resume: options.resume === true,
      signal,
      onStart: ({ done, all }) => {
        progress.line(startLine(subject.name, out, done, all))
        if (subject.notice !== undefined) progress.line(subject.notice)
      },
      onRun: (record, { done, all }) => progress.line(`${done}/${all} ${runLine(record)}`),
    }).catch(asUsageError)
    progress.close()
    if (signal.aborted) {
      if (io.json) io.stdout.json(document)
      io.stderr.write(`Stopped. ${joinRuns(document)} Continue with the same options and: --out ${out} --resume\n`)
      return stoppedCode(signal)
    }
    show(io, document, out)
    return document.complete ? exitCode.ok : exitCode.failed
  } finally {
    progress.close()
    await subject.close()
  }
}

/** The model or the rules that answer, with a name for the folder. */
interface Subject {
  /** For the folder and the first line of the progress. */
  readonly name: string
  /** The same for `evaluate`. */
  readonly subject: NonNullable<EvaluationOptions['subject']>
  /** A line for the terminal, for example that the endpoint is on this machine. */
  readonly notice?: string
  /** Closes the client of the model or of Temporal. */
  close(): Promise<void>
}

/** @throws {UsageError} if more than one is chosen, or the arm does not exist. */
async function subjectOf(io: CommandIo, { arm, live = false, temporal = false }: EvalCommandOptions): Promise<Subject> {
  if ([arm !== undefined, live, temporal].filter(Boolean).length > 1) {
    throw new UsageError('Choose one of --arm, --live and --temporal.')
  }
  if (temporal) return temporalSubject(io)
  if (!live) {
    const name = checkedArm(arm ?? 'responder')
    return { name, subject: { arm: name }, close: async () => {} }
  }
  const { model, notice, close } = await openEndpoint(true, io.env)
  return { name: 'model', subject: { model }, ...(notice === undefined ? {} : { notice }), close }
}

/** @throws {UsageError} with a similar name, or with all names. */
function checkedArm(name: string): ArmName {
  if (isArmName(name)) return name
  const similar = closest(name, armNames)
  const hint = similar === undefined ? `Arms: ${armNames.join(', ')}.` : `Did you mean "${similar}"?`
  throw new UsageError(`Unknown arm "${name}". ${hint}`)
}

/** Starts a workflow for each run. The workers have the model, and the result of the workflow has the report. */
async function temporalSubject(io: CommandIo): Promise<Subject> {
  const client = await connectClient({ env: io.env }).catch(asUsageError)
  const { taskQueue } = await temporalSettings({ env: io.env })
  const execute: ExecuteRun = async (scenario, { signal }) => {
    const { handle, result } = await startIncident(scenario, { client, taskQueue })
    const ended = new AbortController()
    try {
      const cancelled = cancelledBy(signal, handle, ended.signal)
      const { report, report_error } = await Promise.race([result(), cancelled])
      if (report === undefined) throw new Error(`The workflow ${handle.workflowId} has no report: ${report_error}`)
      return report.json
    } catch (error) {
      throw innermost(error)
    } finally {
      ended.abort()
    }
  }
  return {
    name: 'temporal',
    subject: { execute, name: 'temporal' },
    notice: `task queue ${taskQueue}; a worker must be running: tenrounds worker`,
    close: () => client.connection.close(),
  }
}

/**
 * Cancels the workflow when the evaluation is stopped, because a run that nobody waits for would still cost tokens. The signal
 * can be aborted already: then the evaluation was stopped while the workflow started.
 *
 * @returns a promise that rejects after the cancellation. Without a worker the workflow itself would never end.
 */
function cancelledBy(signal: AbortSignal, handle: { cancel(): Promise<unknown> }, ended: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const cancel = () => {
      void handle
        .cancel()
        .catch(() => {})
        .then(() => reject(signal.reason))
    }
    if (signal.aborted) cancel()
    else signal.addEventListener('abort', cancel, { once: true, signal: ended })
  })
}

/** A workflow's failure wraps the activity's failure, which wraps the error itself. */
function innermost(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? innermost(error.cause) : error
}

/** @throws {UsageError} if a value is not a number. `evaluate` checks the ranges. */
function numbersOf({ runs, concurrency, seed, priceIn, priceOut }: EvalCommandOptions) {
  const input = priceIn === undefined ? undefined : numberOf('--price-in', priceIn)
  const output = priceOut === undefined ? undefined : numberOf('--price-out', priceOut)
  if ((input === undefined) !== (output === undefined)) {
    throw new UsageError('Costs need both prices: --price-in and --price-out.')
  }
  return {
    runs: numberOf('--runs', runs),
    concurrency: numberOf('--concurrency', concurrency),
    seed: numberOf('--seed', seed),
    ...(input === undefined || output === undefined ? {} : { prices: { input, output } }),
  }
}

/** @throws {UsageError} that names the option and its value. */
function numberOf(option: string, value: string): number {
  const number = Number(value)
  if (value.trim() !== '' && Number.isFinite(number)) return number
  throw new UsageError(`${option} is "${value}". It must be a number.`)
}

/** A wrong folder must not begin a new evaluation, which can cost money. @throws {UsageError} if it has no runs. */
async function checkResumable(out: string): Promise<void> {
  const file = join(out, runsFile)
  const isThere = await access(file).then(
    () => true,
    () => false,
  )
  if (!isThere) {
    throw new UsageError(`There is nothing to resume: ${file} does not exist. Omit --resume to begin an evaluation.`)
  }
}

/** The first line of the progress. */
function startLine(name: string, out: string, done: number, all: number): string {
  const begun = `evaluating ${name}: ${formatFigure(all, 'runs')}; results in ${out}`
  if (done === 0) return begun
  return done === all
    ? `${begun}. All of them have a score: nothing is left to run.`
    : `${begun}. ${done} have a score.`
}

/** One line of the progress for a run that has ended. */
function runLine({ scenario, run, score, result, error }: RunRecord): string {
  const name = `${scenario} run ${run}`
  if (score === null) return `${name}: no score, ${error?.code ?? error?.name}: ${error?.message}`
  return `${name}: ${score.passed ? 'passed' : 'not passed'}, score ${score.total.toFixed(2)}, ${result.rounds} rounds`
}

/** How many runs a resumed evaluation does not repeat. */
function joinRuns({ total }: EvaluationDocument): string {
  return `${total.runs} runs have a score.`
}

/** Prints the result: one JSON document with `--json`, one sentence with `--quiet`, otherwise a table too. */
function show(io: CommandIo, document: EvaluationDocument, out: string): void {
  if (io.json) {
    io.stdout.json(document)
    return
  }
  const rows = io.quiet ? [] : table([[...scenarioColumns], ...scenarioRows(document)], io.stdout.columns)
  const lines = [headline(document), ...(rows.length === 0 ? [] : ['', ...rows]), '']
  io.stdout.write(`${lines.join('\n')}\nEvaluation  ${out}/eval.html, eval.md, eval.json\n`)
}

/** A wrong option is a mistake of the caller, so only the message is printed. */
function asUsageError(error: unknown): never {
  const isMistake =
    error instanceof EvaluationError || (error instanceof Error && error.name === 'TemporalConnectionError')
  throw isMistake && error instanceof Error ? new UsageError(error.message) : error
}
