import { defineTool } from '../router/define-tool.ts'
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

/** The schema gives a mutable array, so the default must be one. */
const both: ('dmesg' | 'journal')[] = ['dmesg', 'journal']

/**
 * The tool `fetch_system_logs`: kernel ring buffer and journal of the node.
 *
 * It fails with `DurationError` if `window` is not a duration.
 */
export const createFetchSystemLogs = (scenarios: ScenarioSource) =>
  defineTool({
    name: 'fetch_system_logs',
    title: 'Fetch system logs',
    description:
      'Returns lines of the node\'s kernel log (as "dmesg -T" prints them) and journal (as "journalctl" does) up to the end of ' +
      'the incident, merged by time. Abnormal lines are grouped in findings, cause candidates first. The logs show the ' +
      'OOM killer, lockups, NVRM Xid, hardware and network errors.',
    inputSchema: {
      type: 'object',
      additionalProperties: false,
      required: ['scenario'],
      properties: {
        scenario: scenarioProperty,
        window: windowProperty,
        sources: {
          type: 'array',
          minItems: 1,
          uniqueItems: true,
          items: { enum: ['dmesg', 'journal'] },
          description: 'Logs to read. Default: both.',
        },
        limit: limitProperty,
        topics: topicsProperty,
      },
    },
    outputSchema: {
      type: 'object',
      additionalProperties: false,
      required: ['source', 'window', 'lines', 'findings', 'errors'],
      properties: {
        source: { type: 'string', description: 'The logs read, joined by "+".' },
        window: observedWindowSchema,
        lines: { type: 'array', items: { type: 'string' } },
        findings: logErrorsSchema,
        errors: errorMessagesSchema,
        not_collected: notCollectedSchema,
        notes: notesSchema,
      },
    },
    annotations: pureAnnotations,
    execute: ({ scenario, window, sources = both, limit, topics }) => {
      const query = { window, limit, topics }
      const {
        window: observed,
        findings,
        errors,
        entries,
        ...rest
      } = readLines(scenarios.load(scenario), sources, query)
      const lines = entries.map(({ line }) => line)
      return { source: sources.join('+'), window: observed, findings, errors, lines, ...rest }
    },
  })

/** {@link createFetchSystemLogs} for the built-in scenarios. */
export const fetchSystemLogs = createFetchSystemLogs(builtInScenarios)
