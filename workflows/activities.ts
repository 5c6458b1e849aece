import { activityInfo, Context } from '@temporalio/activity'
import { UnknownScenarioError } from '../fixtures/load-scenario.ts'
import {
  type AgentResult,
  collectTelemetry,
  generateReport,
  type Report,
  runIncidentAgent,
} from '../lib/incident/index.ts'
import type { ReportInput } from '../lib/incident/report/report-facts.ts'
import { reportFolder, reportFolderName, writeReport } from '../lib/incident/report/report-files.ts'
import type { Limits } from '../lib/loop/limits.ts'
import type { Model } from '../lib/loop/model.ts'
import { minimax } from '../lib/minimax/minimax.ts'
import type { PackedJson } from '../lib/temporal/checkpoint-codec.ts'
import { runInActivity, toApplicationFailure } from '../lib/temporal/index.ts'
import { fitPayload, jsonBytes, payloadLimitBytes, shortenTrace } from '../lib/temporal/payload.ts'
import { errorMessage } from '../router/errors.ts'
import { excerpt } from '../router/text/clip.ts'
import { builtInScenarios, type ScenarioSource, scenarioSource } from '../tools/scenario-source.ts'
import type { Telemetry, ValidationStatus } from '../tools/types.ts'
import { unpackIncident } from './incident-payload.ts'
import { type RecoverResultInput, recoverResult, recoverWaitingStep } from './recover-result.ts'
import { type IncidentSearchAttributes, usableSearchAttributes } from './search-attributes.ts'

/** Options of {@link createActivities}. */
export interface ActivityOptions {
  /**
   * The model, or a function that creates it before the first agent step. It should retry failed calls itself: an attempt of
   * the activity is for lost workers and long outages.
   *
   * @defaultValue `minimax()`, configured by the environment
   */
  readonly model?: Model | (() => Model)
  /**
   * The incidents that the activities work on, for workflows that carry only the id of an incident. Every worker of the task
   * queue must have the same source. @defaultValue the built-in scenarios
   */
  readonly scenarios?: ScenarioSource
  /** Limits of the agent's run. */
  readonly limits?: Partial<Limits>
  /**
   * Folder for `report.json` and `report.md` on the worker's machine. Each run gets a folder of its own in it, named after the
   * scenario and the start of the workflow. Without it no files are written.
   */
  readonly reportDirectory?: string
  /**
   * Agent steps that the worker runs at the same time. While all slots are taken, a failed step leaves the wait for its next
   * attempt to Temporal. @defaultValue unlimited
   */
  readonly slots?: number
  /** A line at the top of every report, for example that no model was involved. */
  readonly notice?: string
}

/** The incident that an activity works on. */
interface Subject {
  /** Id of the scenario. */
  readonly scenario: string
  /** The incident, if it travels in the workflow's input. */
  readonly incident?: PackedJson
}

/** Input of the activity `agent_step`. */
export interface AgentStepInput extends Subject {
  /** Telemetry before the fix, from the activity `collect_telemetry`. */
  readonly pre_telemetry: Telemetry
}

/** Input of the activity `generate_report`. */
export interface GenerateReportInput extends AgentStepInput {
  /** Result of the activity `agent_step`. */
  readonly result: AgentResult
  /**
   * Start of the workflow as an ISO 8601 time, for the name of the folder. It must be the same in every attempt.
   * @defaultValue the time at which the activity was scheduled
   */
  readonly started_at?: string
}

/** Result of the activity `generate_report`. */
export interface GeneratedReport {
  /** Id of the agent's run. */
  readonly run_id: string
  /** Why the agent's run ended. */
  readonly stop_reason: AgentResult['run']['stop_reason']
  /** Status of the validation: `improved`, `unchanged`, `regressed` or `unknown`. */
  readonly status: ValidationStatus
  /** The report in both forms; absent if it is too large for a payload, see `report_error`. The files have it then. */
  readonly report?: Report
  /** Folder of the files on the worker's machine; absent if no folder was created. With `report_error`, files can be missing in it. */
  readonly report_directory?: string
  /** Why the report could not be written or returned; absent if it was. */
  readonly report_error?: string
}

/** The activities of `latencyWorkflow`. */
export type IncidentActivities = ReturnType<typeof createActivities>

/**
 * Largest telemetry and largest agent result, in bytes of JSON. The report contains both, in two forms, and must fit into a
 * payload itself. Markdown that needs much escaping can still make it larger.
 */
const maxResultBytes = 400_000

/** Creates the activities of `latencyWorkflow` for a worker. */
export function createActivities(options: ActivityOptions = {}) {
  // Created once, so that all agent steps share its connections, and late, so that a wrong configuration fails a step.
  let created: Model | undefined
  const model = (): Model => {
    created ??= typeof options.model === 'function' ? options.model() : (options.model ?? minimax())
    return created
  }
  const sourceOf = ({ incident }: Pick<Subject, 'incident'>): { readonly scenarios?: ScenarioSource } => {
    if (incident !== undefined) return { scenarios: scenarioSource([unpackIncident(incident)]) }
    return options.scenarios === undefined ? {} : { scenarios: options.scenarios }
  }
  let running = 0
  const runStep = (input: AgentStepInput): Promise<AgentResult> =>
    runInActivity(
      ({ deadlineMs, ...activity }) =>
        runIncidentAgent(input, {
          ...activity,
          ...sourceOf(input),
          model: model(),
          limits: {
            ...options.limits,
            deadlineMs: Math.min(options.limits?.deadlineMs ?? deadlineMs, deadlineMs),
          },
        }),
      (result) => result.run,
      {
        maxBytes: maxResultBytes,
        shorten: withShorterTrace,
        mayWait: () => running < (options.slots ?? Number.POSITIVE_INFINITY),
      },
    )
  return {
    /** Simulates the telemetry of the scenario before any fix. */
    collect_telemetry: (input: Subject): Promise<Telemetry> =>
      withTemporalFailures(async () =>
        fitPayload(await collectTelemetry(input.scenario, sourceOf(input).scenarios), maxResultBytes),
      ),

    /** Runs the incident agent with heartbeats, resume and cancellation. Needs a heartbeat timeout. */
    agent_step: async (input: AgentStepInput): Promise<AgentResult> => {
      running++
      try {
        const result = await runStep(input)
        return { ...result, run: { ...result.run, attempt: activityInfo().attempt } }
      } finally {
        running--
      }
    },

    /** Makes a result for an agent step that ended without one, from its last heartbeat if there is one. */
    recover_result: (input: RecoverResultInput): Promise<AgentResult> =>
      withTemporalFailures(async () =>
        fitPayload(await recoverResult(input, () => sourceOf(input)), maxResultBytes, withShorterTrace),
      ),

    /** Makes a result for an agent step that waits for its next attempt; `null` if it does not wait. */
    recover_waiting_step: (input: RecoverResultInput): Promise<AgentResult | null> =>
      withTemporalFailures(async () => {
        const result = await recoverWaitingStep(input, () => sourceOf(input))
        return result === null ? null : fitPayload(result, maxResultBytes, withShorterTrace)
      }),

    /** Leaves out the search attributes that the namespace does not have, or has with another type. */
    usable_search_attributes: (names: IncidentSearchAttributes): Promise<IncidentSearchAttributes> =>
      withTemporalFailures(() => usableSearchAttributes(names)),

    /**
     * Writes the report into files and returns it. A retry writes the same bytes into the same files. The files have the
     * whole report. The returned one loses its plots and the oldest entries of its trace if it is too large for a payload; if
     * that is not enough, it is left out.
     */
    generate_report: ({ result: given, started_at, ...input }: GenerateReportInput): Promise<GeneratedReport> =>
      withTemporalFailures(async () => {
        // The result of an earlier release has none of these.
        const result: AgentResult = { ...noAttempts, ...given }
        const reportOf = (reported: AgentResult): Report =>
          anyReport({ ...input, result: reported }, () => sourceOf(input).scenarios ?? builtInScenarios, options.notice)
        const report = reportOf(result)
        const { run_id, stop_reason } = result.run
        const name = reportFolderName({ scenario: input.scenario, startedAt: startOf(started_at), id: run_id })
        const files = await writtenFiles(report, options.reportDirectory, name)
        const summary = { run_id, stop_reason, status: result.validation.status, ...files }
        try {
          return fitPayload<GeneratedReport>({ ...summary, report }, payloadLimitBytes, (large, excess) => ({
            ...large,
            report: smallerReport(report, excess, (bytes) => reportOf(withShorterTrace(result, bytes))),
          }))
        } catch (error) {
          // The folder of the files, and the outcome, must not be lost with the large report.
          return { ...summary, report_error: excerpt(errorMessage(error), 1_000) }
        }
      }),
  }
}

/** Members of a result that results of an earlier release do not have. */
const noAttempts = { attempts: [], violations: [] } satisfies Partial<AgentResult>

/**
 * Makes a report also if the worker cannot read the incident any more. Then it has fewer facts, and its first line says so.
 *
 * @param source returns the source of the incident, or throws.
 */
function anyReport(
  input: Pick<ReportInput, 'scenario' | 'pre_telemetry' | 'result'>,
  source: () => ScenarioSource,
  notice: string | undefined,
): Report {
  try {
    const scenarios = source()
    if (!scenarios.list().includes(input.scenario)) throw new UnknownScenarioError(input.scenario, scenarios.list())
    return generateReport({ ...input, scenarios, ...(notice !== undefined && { notice }) })
  } catch (error) {
    const problem = `The files of the incident could not be read for this report, so it has fewer facts: ${errorMessage(error)}`
    const notices = notice === undefined ? problem : `${notice} ${problem}`
    return generateReport({ ...input, scenarios: scenarioSource([]), notice: excerpt(notices, 1_000) })
  }
}

/** Texts of the trace are in several parts of a report, so a report gets shorter by more than its trace does. */
const partsOfExcess = [0.25, 0.5, 1] as const

/**
 * A report without its plots and, if that is not enough, made of a shorter trace.
 *
 * @param withoutBytes makes the report of a trace that has so many bytes less.
 */
function smallerReport(report: Report, excess: number, withoutBytes: (bytes: number) => Report): Report {
  const target = jsonBytes(report) - excess
  let smaller = withoutPlots(report)
  for (const part of partsOfExcess) {
    if (jsonBytes(smaller) <= target) break
    smaller = withoutPlots(withoutBytes(excess * part))
  }
  return smaller
}

/** Everything else in a report can be read without its plots. */
function withoutPlots(report: Report): Report {
  const note =
    'Left out because the report was too large for a payload of Temporal. The report in the files has the plots.'
  const charts = { ...report.json.charts, note, series: [], distributions: [] }
  return { ...report, json: { ...report.json, charts } }
}

function withShorterTrace(result: AgentResult, excess: number): AgentResult {
  return { ...result, agent_trace: shortenTrace(result.agent_trace, excess) }
}

/** The time comes from a workflow, so it can be anything. */
function startOf(time: string | undefined): Date {
  const ms = Date.parse(time ?? '')
  return new Date(Number.isNaN(ms) ? Context.current().info.scheduledTimestampMs : ms)
}

/** A full disk must not cost the workflow its answer, so the error becomes a part of the result. */
async function writtenFiles(
  report: Report,
  directory: string | undefined,
  name: string,
): Promise<Pick<GeneratedReport, 'report_directory' | 'report_error'>> {
  if (directory === undefined) return {}
  let created = {}
  try {
    const folder = await reportFolder(directory, name)
    created = { report_directory: folder }
    await writeReport(report, folder)
    return created
  } catch (error) {
    return { ...created, report_error: excerpt(errorMessage(error), 1_000) }
  }
}

/** Converts every error, so that the retry policy recognises it and no secret gets into the history. */
async function withTemporalFailures<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toApplicationFailure(error)
  }
}
