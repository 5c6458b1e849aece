import type { Infer, Returnable } from '../../../router/schema.ts'
import { telemetrySchema } from '../../../tools/schemas/telemetry.ts'
import { type AgentResult, agentResultSchema } from '../agent/agent-result.ts'

// The report of one incident as data. Every rendering (Markdown, HTML, terminal) shows this document and nothing else: a
// renderer never decides what is true. Times are ISO 8601 in UTC. `null` means: not known.

/** Version of the report document. It is incremented when the meaning of a member changes. */
export const reportVersion = 2

const text = { type: 'string' } as const
const sentence = { type: 'string', minLength: 1 } as const
const sentences = { type: 'array', items: sentence } as const
const maybeText = { type: ['string', 'null'] } as const
const maybeTime = { type: ['string', 'null'], format: 'date-time' } as const
const maybeNumber = { type: ['number', 'null'] } as const
const count = { type: 'integer', minimum: 0 } as const
const maybeCount = { type: ['integer', 'null'], minimum: 0 } as const

/** Commands for a person, one group per step. */
const stepsSchema = {
  type: 'array',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['title', 'commands', 'note'],
    properties: {
      title: { ...sentence, description: 'What the step does, in one sentence.' },
      commands: {
        type: 'array',
        items: text,
        description:
          'Shell commands in order. Empty if the step has no command. `<…>` is a part that the reader fills in.',
      },
      note: { ...maybeText, description: 'A condition, or what to check; null without one.' },
    },
  },
} as const

const seriesSchema = {
  type: 'array',
  description: 'Points [seconds since the start of the window, value], in order of time.',
  items: { type: 'array', minItems: 2, maxItems: 2, items: { type: 'number' } },
} as const

/** The members that a report adds to the agent's result. */
const addedSchema = {
  type: 'object',
  required: [
    'report_version',
    'scenario',
    'notice',
    'headline',
    'environment',
    'pre_telemetry',
    'objectives',
    'onset',
    'trigger',
    'timeline',
    'evidence',
    'fix_steps',
    'rollback_steps',
    'costs',
    'tradeoffs',
    'next_actions',
    'collect_next',
    'not_looked_at',
    'course',
    'charts',
  ],
  properties: {
    report_version: { const: reportVersion, description: 'Incremented when the meaning of a member changes.' },
    scenario: { ...sentence, description: 'Id of the incident.' },
    notice: {
      ...maybeText,
      description: 'A sentence that the reader must see first, for example that no model was used.',
    },
    headline: {
      type: 'object',
      additionalProperties: false,
      required: ['state', 'text'],
      properties: {
        state: {
          enum: ['outage', 'degraded', 'healthy', 'unknown'],
          description: 'State of the service at the end of the window, before any fix.',
        },
        text: { ...sentence, description: 'Impact and state of the fix, in one or two sentences.' },
      },
    },
    environment: {
      type: 'object',
      description: 'The deployment that the incident happened on.',
      additionalProperties: false,
      required: ['model', 'engine_version', 'image', 'gpu_model', 'gpus', 'node', 'driver_version', 'engine_args'],
      properties: {
        model: { ...maybeText, description: 'Model as vLLM serves it.' },
        engine_version: { ...maybeText, description: 'Version of vLLM.' },
        image: { ...maybeText, description: 'Container image.' },
        gpu_model: { ...maybeText, description: 'Name of the GPUs.' },
        gpus: { ...maybeCount, description: 'Number of GPUs that the engine uses.' },
        node: { ...maybeText, description: 'Node of the engine; several are separated by commas.' },
        driver_version: { ...maybeText, description: 'Version of the NVIDIA driver.' },
        engine_args: { ...sentences, description: 'The engine arguments of the incident, as `name=value`.' },
      },
    },
    pre_telemetry: { ...telemetrySchema, description: "Telemetry of the incident's window, before any fix." },
    objectives: {
      type: 'array',
      description: 'The objectives of the service, before and after the fix.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'unit', 'limit', 'before', 'after', 'state_before', 'state_after'],
        properties: {
          name: { ...sentence, description: 'For example "time to first token p95".' },
          unit: {
            enum: ['s', 'share'],
            description: 'A time may be up to the limit, and a share must be at least it.',
          },
          limit: { type: 'number' },
          before: maybeNumber,
          after: { ...maybeNumber, description: 'In the simulation after the fix; null without a validated fix.' },
          state_before: { enum: ['met', 'missed', 'unknown'] },
          state_after: { enum: ['met', 'missed', 'unknown'] },
        },
      },
    },
    onset: {
      type: 'object',
      description: 'When the incident began.',
      additionalProperties: false,
      required: ['time', 'text', 'source'],
      properties: {
        time: maybeTime,
        text: { ...sentence, description: 'What shows the beginning, or why it is not known.' },
        source: { ...maybeText, description: 'Where it was seen: a log, or metrics.' },
      },
    },
    trigger: {
      type: 'object',
      description: 'What changed at the onset.',
      additionalProperties: false,
      required: ['kind', 'time', 'text', 'source'],
      properties: {
        kind: { enum: ['load', 'configuration', 'fault', 'none', 'unknown'] },
        time: maybeTime,
        text: { ...sentence, description: 'What changed, with figures or the log line.' },
        source: { ...maybeText, description: 'Where it was seen.' },
      },
    },
    timeline: {
      type: 'array',
      description: 'Events of the incident out of logs and metrics, in order of time.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['time', 'until', 'kind', 'source', 'line', 'text', 'message', 'count'],
        properties: {
          time: { type: 'string', format: 'date-time' },
          until: { ...maybeTime, description: 'Last time of an event that was repeated; null for a single one.' },
          kind: {
            enum: ['engine', 'load', 'symptom', 'cause', 'cascade', 'request_error', 'unclassified'],
            description: 'Role of the event. `cause` is a candidate.',
          },
          source: { ...sentence, description: 'The log (`vllm`, `dmesg`, `journal`) or `metrics`.' },
          line: { ...maybeCount, description: 'Number of the log line, from 1; null for metrics.' },
          text: { ...sentence, description: 'The log line as it is, or the figures. Not trusted.' },
          message: {
            ...sentence,
            description: 'The log line without its prefix of time, process and source, or the figures. Not trusted.',
          },
          count: { type: 'integer', minimum: 1, description: 'How often it happened.' },
        },
      },
    },
    evidence: {
      type: 'array',
      description: 'The quotes of the diagnosis, each with the place where a reader finds it.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['quote', 'tool', 'grounded', 'reason', 'kind', 'source', 'time', 'line'],
        properties: {
          quote: { ...text, description: 'As the source has it, byte for byte. Not trusted.' },
          tool: { ...text, description: 'The tool whose result is quoted.' },
          grounded: {
            type: 'boolean',
            description:
              'Whether a result of that tool contains the quote, and it is a log line, a figure or a setting.',
          },
          reason: { ...maybeText, description: 'Why the quote is not grounded; null if it is. Not trusted.' },
          kind: { enum: ['log_line', 'figure', 'unknown'] },
          source: { ...maybeText, description: 'The log, the metrics page or the telemetry.' },
          time: maybeTime,
          line: { ...maybeCount, description: 'Number of the log line, from 1.' },
        },
      },
    },
    fix_steps: { ...stepsSchema, description: 'The fix as commands. Empty without a fix.' },
    rollback_steps: { ...stepsSchema, description: 'How to undo the fix.' },
    costs: { ...sentences, description: 'What the fix costs: a restart, an empty cache, accuracy.' },
    tradeoffs: {
      type: 'array',
      description: 'Figures that got worse with the fix.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['metric', 'text', 'reason'],
        properties: {
          metric: { ...sentence, description: 'Path of the figure in the telemetry.' },
          text: { ...sentence, description: 'Before, after and change.' },
          reason: { ...maybeText, description: 'Why, if it is known.' },
        },
      },
    },
    next_actions: { ...sentences, description: 'What a person does now, in order.' },
    collect_next: {
      type: 'array',
      description: 'Data that would make the diagnosis more certain.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['what', 'command'],
        properties: {
          what: { ...sentence, description: 'What to collect, and what it would show.' },
          command: { ...maybeText, description: 'A command that collects it.' },
        },
      },
    },
    not_looked_at: {
      ...sentences,
      description: 'Parts of files that were left out, facts that no file states, and assumptions.',
    },
    course: {
      type: 'object',
      description: "The agent's run in figures. Its steps are in `agent_trace`.",
      additionalProperties: false,
      required: ['rounds', 'tool_calls', 'retries', 'repairs', 'rejected_answers', 'limits', 'resumed', 'warnings'],
      properties: {
        rounds: {
          type: 'array',
          description: 'One item per round with a model reply.',
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['round', 'start_ms', 'end_ms', 'model_ms', 'input_tokens', 'output_tokens', 'calls', 'outcome'],
            properties: {
              round: { type: 'integer', minimum: 1 },
              start_ms: {
                ...count,
                description: 'Milliseconds from the start of the run to the start of the model call.',
              },
              end_ms: { ...count, description: 'Milliseconds from the start of the run to the last result.' },
              model_ms: { ...count, description: 'Duration of the model call.' },
              input_tokens: count,
              output_tokens: count,
              calls: {
                type: 'array',
                items: {
                  type: 'object',
                  additionalProperties: false,
                  required: ['tool', 'status', 'detail', 'start_ms', 'end_ms'],
                  properties: {
                    tool: text,
                    status: { enum: ['ok', 'error'] },
                    detail: { ...maybeText, description: 'The error in one line; null without one.' },
                    start_ms: count,
                    end_ms: count,
                  },
                },
              },
              outcome: { ...sentence, description: 'What the reply was: tool calls, an answer, a rejected answer.' },
            },
          },
        },
        tool_calls: {
          type: 'array',
          description: 'Calls by tool, in order of the first call.',
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['tool', 'calls', 'errors', 'duration_ms'],
            properties: { tool: text, calls: count, errors: count, duration_ms: count },
          },
        },
        retries: { ...count, description: 'Model calls that were sent again.' },
        repairs: { ...count, description: 'Repairs of malformed replies.' },
        rejected_answers: { type: 'array', items: sentences, description: 'The problems of each rejected answer.' },
        limits: { ...sentences, description: 'Limits that were reached.' },
        resumed: { ...count, description: 'How often another attempt took over the run from its checkpoint.' },
        warnings: sentences,
      },
    },
    charts: {
      type: 'object',
      description: 'Data of the plots.',
      additionalProperties: false,
      required: ['note', 'start', 'duration_s', 'onset_s', 'series', 'distributions'],
      properties: {
        note: { ...sentence, description: 'Where the data is from: observed, simulated or predicted.' },
        start: { ...maybeTime, description: 'Second 0 of the series.' },
        duration_s: { ...maybeNumber, description: 'Length of the window in seconds.' },
        onset_s: { ...maybeNumber, description: 'Second of the onset; null if it is not known or before the window.' },
        series: {
          type: 'array',
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['name', 'title', 'unit', 'limit', 'before', 'after'],
            properties: {
              name: {
                enum: [
                  ...['ttft_s', 'inter_token_s', 'arrivals', 'served', 'waiting', 'running', 'tokens'],
                  ...['kv_usage', 'preemptions'],
                ],
              },
              title: { ...sentence, description: 'Title of the plot.' },
              unit: { ...text, description: '"s", "1/s", "requests" or "share".' },
              limit: { ...maybeNumber, description: 'The objective, which values may not exceed; null without one.' },
              before: { ...seriesSchema },
              after: {
                anyOf: [seriesSchema, { type: 'null' }],
                description: 'With the fix, under the same load; null without a validated fix.',
              },
            },
          },
        },
        distributions: {
          type: 'array',
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['name', 'title', 'limit', 'limit_share', 'before', 'after'],
            properties: {
              name: { enum: ['ttft_s', 'inter_token_s', 'e2e_s', 'queue_s'] },
              title: { ...sentence, description: 'Title of the plot.' },
              limit: { ...maybeNumber, description: 'The objective in seconds; null without one.' },
              limit_share: { ...maybeNumber, description: 'Share that must be within the limit: 0.95 for a p95.' },
              before: {
                type: 'array',
                description: 'Points [seconds, share of observations up to it], in ascending order.',
                items: { type: 'array', minItems: 2, maxItems: 2, items: { type: 'number' } },
              },
              after: {
                anyOf: [seriesSchema, { type: 'null' }],
                description: 'The same after the fix; null without a validated fix.',
              },
            },
          },
        },
      },
    },
  },
} as const

/** Schema of a {@link ReportDocument}, as `report.json` contains it. */
export const reportSchema = {
  ...agentResultSchema,
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'tenrounds incident report',
  required: [...addedSchema.required, ...agentResultSchema.required],
  properties: { ...addedSchema.properties, ...agentResultSchema.properties },
} as const

/** The members of a report that are not the agent's result. */
export type ReportFacts = Returnable<Infer<typeof addedSchema>>

/** The report of one incident as a JSON document: the agent's result, what it is about, and what follows from both. */
export type ReportDocument = AgentResult & ReportFacts
