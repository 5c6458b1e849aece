import type { AgentResult } from '../../../lib/incident/index.ts'
import type { ReportInput } from '../../../lib/incident/report/report-facts.ts'
import { config, telemetry } from '../support/made-up-incident.ts'

/** Input of a report with `text` in every place that a model, a log or a caller can write to. */
export function inputWith(text: string): ReportInput {
  const result: AgentResult = {
    diagnosis: {
      root_cause: text,
      summary: text,
      category: text,
      confidence: 'low',
      evidence: [
        { tool: text, quote: text, grounded: false },
        { tool: 'fetch_config', quote: text, grounded: true },
      ],
      ruled_out: [text],
      uncertainties: [text],
    },
    fix_plan: {
      summary: text,
      rationale: text,
      risks: [text],
      actions: [
        { action: 'set_env', env: { NAME: text } },
        { action: 'no_change', reason: text },
      ],
    },
    fix_result: {
      updated_config: config,
      diff: [{ op: 'replace', path: '/env/NAME', from: text, value: text }],
      expected_impact: [text],
    },
    post_telemetry: telemetry,
    validation: {
      status: 'unchanged',
      deltas: [{ metric: 'requests.served', unit: 'requests', before: 1, after: 2, relative: 1, verdict: 'better' }],
      summary: text,
    },
    attempts: [],
    violations: [text],
    agent_trace: [
      {
        ...{ type: 'reply', round: 1, finish_reason: text as 'stop', text, calls: [], duration_ms: 5, elapsed_ms: 5 },
        usage: { input_tokens: 1, output_tokens: 2, cached_input_tokens: 0, reasoning_tokens: 0 },
      },
      {
        ...{ type: 'repair', round: 1, id: text, tool: text, elapsed_ms: 5 },
        repair: { kind: 'coerced', path: text, before: text, after: text },
      },
      {
        ...{ type: 'tool-end', round: 1, id: text, tool: text, input: text, result: text, clipped: false },
        ...{ status: 'error', error_kind: 'unknown_tool', duration_ms: 0, elapsed_ms: 5 },
      },
      { type: 'answer-rejected', round: 2, problems: [text, text], elapsed_ms: 5 },
      { type: 'limit', round: 3, limit: 'rounds', detail: text, elapsed_ms: 5 },
      {
        ...{ type: 'reply-failed', round: 3, duration_ms: 5, elapsed_ms: 5 },
        error: { name: 'ModelError', message: text },
      },
      { type: 'warning', source: 'onEvent', message: text, elapsed_ms: 5 },
    ],
    run: {
      run_id: 'run-1',
      model: text,
      provider: 'minimax',
      stop_reason: 'failed',
      rounds: 3,
      usage: { input_tokens: 1, output_tokens: 2, cached_input_tokens: 0, reasoning_tokens: 0 },
      duration_ms: 1234,
      error: { name: 'ModelError', message: text },
    },
  }
  return { scenario: 'kv_cache_pressure', pre_telemetry: telemetry, result, notice: text }
}
