import { defineTool } from '../router/define-tool.ts'
import { logLevels } from './logs/log-level.ts'
import { readLines } from './logs/read-lines.ts'
import { builtInScenarios, incidentOf, type ScenarioSource } from './scenario-source.ts'
import {
  limitProperty,
  logOutputProperties,
  offsetProperty,
  pureAnnotations,
  scenarioProperty,
  topicsProperty,
  windowProperty,
} from './schemas/common.ts'
import { logView } from './views/log-view.ts'

/** The tool `fetch_vllm_logs`: the log of the engine. It fails with `DurationError` for a bad `window`. */
export const createFetchVllmLogs = (scenarios: ScenarioSource) =>
  defineTool({
    name: 'fetch_vllm_logs',
    title: 'Fetch vLLM logs',
    description:
      'An overview of the log of the vLLM engine: start-up facts, abnormal lines grouped in findings with cause candidates ' +
      'first, lines around the earliest one, the last line of each process, and statistics. With topics, level or offset: ' +
      'those lines, and all findings.',
    inputSchema: {
      type: 'object',
      additionalProperties: false,
      properties: {
        scenario: scenarioProperty,
        window: windowProperty,
        limit: limitProperty,
        offset: offsetProperty,
        level: {
          enum: logLevels,
          description: 'Lines of this level or above, not the overview.',
        },
        topics: topicsProperty,
      },
    },
    outputSchema: {
      type: 'object',
      additionalProperties: false,
      required: ['source', 'window', 'lines', 'parsed', 'findings', 'errors', 'overview'],
      properties: {
        source: { const: 'vllm' },
        ...logOutputProperties,
        parsed: {
          type: 'array',
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['level', 'message'],
            properties: { level: { enum: logLevels }, message: { type: 'string' } },
          },
        },
      },
    },
    annotations: pureAnnotations,
    toContent: logView,
    readMore: 'a narrower window, topics, level or offset',
    execute: ({ scenario, window, limit, offset, level, topics }) => {
      const {
        window: observed,
        findings,
        errors,
        entries,
        ...rest
      } = readLines(incidentOf(scenarios, scenario), ['vllm'], {
        window,
        limit,
        offset,
        topics,
        level,
      })
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
