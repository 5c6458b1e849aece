import { defineTool } from '../router/define-tool.ts'
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

/** The schema gives a mutable array, so the default must be one. */
const both: ('dmesg' | 'journal')[] = ['dmesg', 'journal']

/**
 * The tool `fetch_system_logs`: kernel ring buffer and journal of the node.
 *
 * It fails with `DurationError` for a bad `window`.
 */
export const createFetchSystemLogs = (scenarios: ScenarioSource) =>
  defineTool({
    name: 'fetch_system_logs',
    title: 'Fetch system logs',
    description:
      "An overview of the node's kernel log (dmesg) and journal up to the end of the incident: abnormal lines grouped in " +
      'findings with cause candidates first, lines around the earliest one, and rare lines. With topics or offset: those ' +
      'lines, and all findings.',
    inputSchema: {
      type: 'object',
      additionalProperties: false,
      properties: {
        scenario: scenarioProperty,
        window: windowProperty,
        sources: {
          type: 'array',
          minItems: 1,
          uniqueItems: true,
          items: { enum: ['dmesg', 'journal'] },
          writeOnly: true,
          description: 'Logs to read. Default: both.',
        },
        limit: limitProperty,
        offset: offsetProperty,
        topics: topicsProperty,
      },
    },
    outputSchema: {
      type: 'object',
      additionalProperties: false,
      required: ['source', 'window', 'lines', 'findings', 'errors', 'overview'],
      properties: {
        source: { type: 'string', description: 'The logs read, joined by "+".' },
        ...logOutputProperties,
      },
    },
    annotations: pureAnnotations,
    toContent: logView,
    readMore: 'a narrower window, topics, sources or offset',
    execute: ({ scenario, window, sources = both, limit, offset, topics }) => {
      const query = { window, limit, offset, topics }
      const {
        window: observed,
        findings,
        errors,
        entries,
        ...rest
      } = readLines(incidentOf(scenarios, scenario), sources, query)
      const lines = entries.map(({ line }) => line)
      return { source: sources.join('+'), window: observed, findings, errors, lines, ...rest }
    },
  })

/** {@link createFetchSystemLogs} for the built-in scenarios. */
export const fetchSystemLogs = createFetchSystemLogs(builtInScenarios)
