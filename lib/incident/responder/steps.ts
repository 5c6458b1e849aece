import { isObject, type Json, type JsonObject } from '../../../router/json/json.ts'
import type { FixPlan } from '../../../tools/types.ts'
import type { ToolCallDraft } from '../../testing/mock-server/completion.ts'
import type { WireTool } from '../../testing/mock-server/request.ts'
import { type Attempt, type Candidate, returnTarget } from './attempts.ts'
import { type Conversation, latest, type ToolResult } from './conversation.ts'

const fetchTools: readonly string[] = [
  'fetch_vllm_logs',
  'fetch_system_logs',
  'fetch_prometheus_metrics',
  'fetch_config',
  'fetch_runtime_state',
  'fetch_gpu_stats',
]

/** Rounds of a run by default. A further fix is begun only where applying, collecting, validating and answering fit. */
const rounds = 10
const roundsPerAttempt = 4

const given = { $input: 'pre_telemetry' } as const

/** The calls that gather facts and were not made yet; a call that failed is not made again. */
export function gatheringCalls(conversation: Conversation, tools: readonly WireTool[]): readonly ToolCallDraft[] {
  const { scenario } = conversation
  if (scenario === undefined) return []
  const isOpen = ({ name }: WireTool): boolean => !conversation.results.some(({ tool }) => tool === name)
  const fetches = tools.filter((tool) => fetchTools.includes(tool.name) && isOpen(tool))
  if (fetches.length > 0) return fetches.map((tool) => ({ name: tool.name, input: fetchInput(tool, scenario) }))
  if (!tools.some((tool) => tool.name === 'analyze_metrics' && isOpen(tool))) return []
  const samples = latest(conversation, 'fetch_prometheus_metrics')
  return [
    {
      name: 'analyze_metrics',
      input: {
        pre_telemetry: given,
        prometheus_samples: samples === undefined ? [] : { $result: 'fetch_prometheus_metrics#/samples' },
      },
    },
  ]
}

/** The next call of trying fixes; none where the best is reached, or nothing more can be learned. */
export function fixingCalls(
  conversation: Conversation,
  candidates: readonly Candidate[],
  attempts: readonly Attempt[],
): readonly ToolCallDraft[] {
  const attempt = attempts.at(-1)
  if (attempt !== undefined && !attempt.applied.failed) {
    const { applied, collected, validated } = attempt
    if (collected === undefined) return [collectCall(conversation, applied)]
    if (collected.failed) return []
    if (validated === undefined) return [validateCall(conversation, collected)]
    if (validated.failed || attempt.status === 'improved') return []
  }
  if (attempt?.isReturn || latest(conversation, 'fetch_config') === undefined) return []
  const next = candidates[attempts.length]
  if (next !== undefined && conversation.rounds + roundsPerAttempt <= rounds) return [applyCall(next.plan)]
  // The fix that was applied last is the one that counts: it must not be a harmful one.
  const target = returnTarget(attempts)
  return target === undefined ? [] : [applyCall(target.plan)]
}

function applyCall(plan: FixPlan): ToolCallDraft {
  const input = { current_config: { $result: 'fetch_config#/config' }, fix_plan: toJson(plan) }
  return { name: 'apply_fix_simulation', input }
}

function collectCall(conversation: Conversation, applied: ToolResult): ToolCallDraft {
  const updated = { $result: `${reference(conversation, applied)}#/updated_config` }
  return {
    name: 'collect_post_telemetry',
    input: { scenario: conversation.scenario ?? null, updated_config: updated },
  }
}

function validateCall(conversation: Conversation, collected: ToolResult): ToolCallDraft {
  const post = { $result: `${reference(conversation, collected)}#/post_telemetry` }
  return { name: 'validate_improvement', input: { pre_telemetry: given, post_telemetry: post } }
}

/** A result by its tool's name, or, where the tool was called more than once, by the id of the call. */
function reference({ results }: Conversation, { tool, callId }: ToolResult): string {
  return results.filter((result) => result.tool === tool).length > 1 ? callId : tool
}

/** A plan without the fields that are not set, as the wire has it. */
function toJson(plan: FixPlan): JsonObject {
  return JSON.parse(JSON.stringify(plan))
}

/** Values for the inputs of the fetch tools, used where a tool requires them. */
const defaults: JsonObject = {
  window: '15m',
  limit: 200,
  level: 'WARNING',
  topics: [],
  sources: ['dmesg', 'journal'],
  endpoint: '/metrics',
}

/** The input of a fetch tool: the scenario, and what else its schema requires. */
function fetchInput({ parameters }: WireTool, scenario: string): JsonObject {
  const properties = isObject(parameters['properties']) ? parameters['properties'] : {}
  const required = Array.isArray(parameters['required']) ? parameters['required'].map(String) : []
  const others = required.filter((name) => name !== 'scenario' && name !== 'config_id')
  return {
    scenario,
    ...Object.fromEntries(others.flatMap((name) => entry(name, properties[name]))),
  }
}

/** The schema's own default, else its first allowed value, else the usual one. */
function entry(name: string, schema: unknown): readonly [string, Json][] {
  const choices = isObject(schema) && Array.isArray(schema['enum']) ? schema['enum'] : []
  const value: unknown = (isObject(schema) ? schema['default'] : undefined) ?? choices[0] ?? defaults[name]
  return value === undefined ? [] : [[name, value as Json]]
}
