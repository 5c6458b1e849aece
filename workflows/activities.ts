import {
  type AgentResult,
  collectTelemetry,
  generateReport,
  type Report,
  runIncidentAgent,
} from '../lib/incident/index.ts'
import { reportFolder, writeReport } from '../lib/incident/report/report.ts'
import type { Limits } from '../lib/loop/limits.ts'
import type { Model } from '../lib/loop/model.ts'
import { minimax } from '../lib/minimax/minimax.ts'
import { runInActivity, toApplicationFailure } from '../lib/temporal/index.ts'
import { fitResult, payloadLimitBytes, shortenTrace } from '../lib/temporal/payload.ts'
import type { Telemetry, ValidationStatus } from '../tools/types.ts'

export interface ActivityOptions {
  /**
   * The model, or a function that makes it before the first agent step. It should retry little: the workflow's retry policy does.
   *
   * @defaultValue `minimax({ retries: 0 })`, as the environment says
   */
  readonly model?: Model | (() => Model)
  /** `checkpointBytes` is 65536 here unless set. */
  readonly limits?: Partial<Limits>
  /** Where `report.json` and `report.md` are written, in a folder for each run. Without it no file is written. */
  readonly reportDirectory?: string
  /** Stands at the head of every report. */
  readonly notice?: string
}

export interface AgentStepInput {
  readonly scenario: string
  readonly pre_telemetry: Telemetry
}

export interface GenerateReportInput extends AgentStepInput {
  readonly result: AgentResult
}

/** What `generate_report` returns. */
export interface GeneratedReport {
  readonly run_id: string
  readonly stop_reason: AgentResult['run']['stop_reason']
  readonly status: ValidationStatus
  readonly report: Report
  /** Folder on the worker's machine; absent where no file was written. */
  readonly report_directory?: string
}

export type IncidentActivities = ReturnType<typeof createActivities>

/**
 * The incident tools are pure and quick: their results are cheaper to derive again in the next attempt than to send along
 * with every heartbeat of this one.
 */
const checkpointBytes = 65_536

/**
 * Of the telemetry and of the agent's result, in bytes of JSON: the report holds both, twice, and has to fit into a payload itself. Where
 * Markdown has much to escape it may still be larger.
 */
const maxResultBytes = 400_000

/** The three activities of `latencyWorkflow`, to be handed to a worker. */
export function createActivities(options: ActivityOptions = {}) {
  // Made once, so that all agent steps of a worker share its connections; made late, so that a wrong configuration fails a step.
  let made: Model | undefined
  const model = (): Model => {
    made ??= typeof options.model === 'function' ? options.model() : (options.model ?? minimax({ retries: 0 }))
    return made
  }
  return {
    collect_telemetry: ({ scenario }: { readonly scenario: string }): Promise<Telemetry> =>
      classified(async () => fitResult(await collectTelemetry(scenario), maxResultBytes)),

    /** Needs a heartbeat timeout. Resumes, heartbeats and stops as every run in an activity does. */
    agent_step: (input: AgentStepInput): Promise<AgentResult> =>
      runInActivity(
        async ({ deadlineMs, ...activity }) =>
          runIncidentAgent(input, {
            ...activity,
            model: model(),
            limits: {
              checkpointBytes,
              ...options.limits,
              deadlineMs: Math.min(options.limits?.deadlineMs ?? deadlineMs, deadlineMs),
            },
          }),
        ({ run: { stop_reason, rounds, error } }) => ({
          stopReason: stop_reason,
          rounds,
          ...(error && { error }),
        }),
        {
          maxBytes: maxResultBytes,
          shorten: (result, excess) => ({ ...result, agent_trace: shortenTrace(result.agent_trace, excess) }),
        },
      ),

    /**
     * Writing is repeatable: a retry writes the same bytes to the same files. They hold the whole report; the one that is returned
     * loses the oldest entries of its trace where it is too large for a payload, and fails with `ResultTooLarge` where that is not
     * enough.
     */
    generate_report: (input: GenerateReportInput): Promise<GeneratedReport> =>
      classified(async () => {
        const report = reportOf(input, options.notice)
        const { run_id, stop_reason } = input.result.run
        const generated = { run_id, stop_reason, status: input.result.validation.status, report }
        return fitResult<GeneratedReport>(
          options.reportDirectory === undefined
            ? generated
            : { ...generated, report_directory: await written(report, options.reportDirectory, run_id) },
          payloadLimitBytes,
          (large, excess) => ({ ...large, report: reportOf(withShorterTrace(input, excess), options.notice) }),
        )
      }),
  }
}

function reportOf(input: GenerateReportInput, notice: string | undefined): Report {
  return generateReport({ ...input, ...(notice !== undefined && { notice }) })
}

function withShorterTrace({ result, ...input }: GenerateReportInput, excess: number): GenerateReportInput {
  return { ...input, result: { ...result, agent_trace: shortenTrace(result.agent_trace, excess) } }
}

async function written(report: Report, directory: string, runId: string): Promise<string> {
  const folder = await reportFolder(directory, runId)
  await writeReport(report, folder)
  return folder
}

async function classified<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toApplicationFailure(error)
  }
}
