import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type AgentResult,
  collectTelemetry,
  generateReport,
  type Report,
  runIncidentAgent,
} from '../lib/incident/index.ts'
import type { Limits } from '../lib/loop/limits.ts'
import type { Model } from '../lib/loop/model.ts'
import { minimax } from '../lib/minimax/minimax.ts'
import { fitResult, shortenTrace } from '../lib/temporal/fit-result.ts'
import { runInActivity, toApplicationFailure } from '../lib/temporal/index.ts'
import type { Telemetry, ValidationStatus } from '../tools/documents.ts'

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
  readonly stop_reason: AgentResult['agent_trace']['stop_reason']
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
 * Of the telemetry and of the agent's result, in bytes of JSON: the report holds both, twice, and has to fit into a payload itself.
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
        ({ agent_trace: { stop_reason, rounds, error } }) => ({
          stopReason: stop_reason,
          rounds,
          ...(error && { error }),
        }),
        {
          maxBytes: maxResultBytes,
          shorten: (result, excess) => ({ ...result, agent_trace: shortenTrace(result.agent_trace, excess) }),
        },
      ),

    /** Writing is repeatable: a retry writes the same bytes to the same files. */
    generate_report: (input: GenerateReportInput): Promise<GeneratedReport> =>
      classified(async () => {
        const report = generateReport({ ...input, ...(options.notice !== undefined && { notice: options.notice }) })
        const { run_id, stop_reason } = input.result.agent_trace
        const generated = { run_id, stop_reason, status: input.result.validation.status, report }
        if (options.reportDirectory === undefined) return generated
        const report_directory = join(options.reportDirectory, run_id)
        await mkdir(report_directory, { recursive: true })
        await writeFile(join(report_directory, 'report.json'), `${JSON.stringify(report.json, null, 2)}\n`)
        await writeFile(join(report_directory, 'report.md'), report.markdown)
        return { ...generated, report_directory }
      }),
  }
}

async function classified<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toApplicationFailure(error)
  }
}
