import { defineTool } from '../router/define-tool.ts'
import { logLevels } from './logs/log-level.ts'
import { readLines } from './logs/read-lines.ts'
import { builtInScenarios, type ScenarioSource } from './scenario-source.ts'
import {
  errorMessagesSchema,
  limitProperty,
  logErrorsSchema,
  notCollectedSchema,
  notesSchema,
  observedWindowSchema,
  pureAnnotations,
  scenarioProperty,
  topicsProperty,
  windowProperty,
} from './schemas/common.ts'

/** The tool `fetch_vllm_logs`: the log of the engine. It fails with `DurationError` if `window` is not a duration. */
export const createFetchVllmLogs = (scenarios: ScenarioSource) =>
  defineTool({
    name: 'fetch_vllm_logs',
    title: 'Fetch vLLM logs',
    description:
      'Returns log lines of the vLLM engine during the incident, each with level and message. Abnormal ' +
      'lines are grouped in findings, cause candidates first. Stats lines show throughput, running and waiting requests, KV cache usage and preemptions.',
    inputSchema: {
      type: 'object',
      additionalProperties: false,
      required: ['scenario'],
      properties: {
        scenario: scenarioProperty,
        window: windowProperty,
        limit: limitProperty,
        level: { enum: logLevels, description: 'Keep only lines of this level or above.' },
        topics: topicsProperty,
      },
    },
    outputSchema: {
      type: 'object',
      additionalProperties: false,
      required: ['source', 'window', 'lines', 'parsed', 'findings', 'errors'],
      properties: {
        source: { const: 'vllm' },
        window: observedWindowSchema,
        lines: { type: 'array', items: { type: 'string' } },
        parsed: {
          type: 'array',
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['level', 'message'],
            properties: { level: { enum: logLevels }, message: { type: 'string' } },
          },
        },
        findings: logErrorsSchema,
        errors: errorMessagesSchema,
        not_collected: notCollectedSchema,
        notes: notesSchema,
      },
    },
    annotations: pureAnnotations,
    execute: ({ scenario, window, limit, level, topics }) => {
      const {
        window: observed,
        findings,
        errors,
        entries,
        ...rest
      } = readLines(scenarios.load(scenario), ['vllm'], {
        window,
        limit,
        topics,
        level,
      })
      // Findings come before the lines, because the middle of a long result is clipped for the model.
      return {
        source: 'vllm',
        window: observed,
        findings,
        errors,
        lines: entries.map(({ line }) => line),
        parsed: entries.map(({ level: stated, message }) => ({ level: stated, message })),
        ...rest,
      }
    },
  })

/** {@link createFetchVllmLogs} for the built-in scenarios. */
export const fetchVllmLogs = createFetchVllmLogs(builtInScenarios)
