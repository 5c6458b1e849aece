import type { ReportDocument } from '../../../../lib/incident/index.ts'
import { generateReport } from '../../../../lib/incident/report/report.ts'
import { inputWith } from '../hostile-result.ts'

/** A report in which every member has a value, with `text` in every place that a model, a log or a file can write to. */
export function documentWith(text: string): ReportDocument {
  const { json } = generateReport(inputWith('plain'))
  const place = { source: text, time: '2026-02-17T14:03:12.250Z', line: 1234 }
  const wave = (height: number) =>
    Array.from({ length: 90 }, (_, index) => [index * 10, Math.max(0, height * (1 + Math.sin(index / 6)))])
  const share = (scale: number) =>
    Array.from({ length: 40 }, (_, index) => [scale * 1.15 ** index, Math.min(1, (index + 1) / 38)])
  const { result } = inputWith(text)
  return {
    ...json,
    ...result,
    attempts: (['improved', 'refused'] as const).map((status) => ({
      round: 2,
      summary: text,
      actions: [{ action: 'set_env', env: { NAME: text } }],
      status,
      text,
      is_final: status === 'improved',
    })),
    validation: {
      ...result.validation,
      costs: [text],
      limits: [text],
      prediction: {
        ratios: [{ figure: 'ttft_p95_s', ratio: 0.04, band: { low: 0.02, high: 1.09 } }],
        residual: 0.1,
        residuals: [text],
      },
    },
    scenario: text,
    notice: text,
    headline: { state: 'degraded', text },
    environment: {
      model: text,
      engine_version: text,
      image: text,
      gpu_model: text,
      gpus: 8,
      node: text,
      driver_version: text,
      engine_args: [text, text],
    },
    objectives: [
      {
        ...{ name: text, unit: 's', limit: 4, before: 36.7, after: 1.2 },
        ...{ state_before: 'missed', state_after: 'met' },
      },
      {
        ...{ name: text, unit: 'share', limit: 0.85, before: null, after: null },
        ...{ state_before: 'unknown', state_after: 'unknown' },
      },
    ],
    onset: { time: '2026-02-17T14:03:12.250Z', text, source: text },
    trigger: { kind: 'load', time: '2026-02-17T14:03:00.000Z', text, source: text },
    timeline: (['engine', 'load', 'symptom', 'cause', 'cascade', 'request_error', 'unclassified'] as const).map(
      (kind, index) => ({
        ...{ time: '2026-02-17T14:03:12.000Z', until: index === 2 ? '2026-02-17T14:13:12.000Z' : null, kind },
        ...{ source: index === 1 ? 'metrics' : text, line: index === 1 ? null : 1234, text, message: text },
        ...{ count: index + 1 },
      }),
    ),
    evidence: [
      { quote: text, tool: text, grounded: true, reason: null, kind: 'log_line', ...place },
      { quote: text, tool: text, grounded: false, reason: text, kind: 'unknown', source: null, time: null, line: null },
    ],
    fix_steps: [{ title: text, commands: [text, text], note: text }],
    rollback_steps: [{ title: text, commands: [text], note: null }],
    costs: [text],
    tradeoffs: [{ metric: text, text, reason: text }],
    next_actions: [text, text],
    collect_next: [{ what: text, command: text }],
    not_looked_at: [text],
    course: {
      rounds: [1, 2].map((round) => ({
        ...{ round, start_ms: round * 4000, end_ms: round * 4000 + 3200, model_ms: 2500 },
        ...{ input_tokens: 12_345, output_tokens: 678, outcome: text },
        calls: (['ok', 'error'] as const).map((status) => ({
          ...{ tool: text, status, detail: status === 'ok' ? null : text },
          ...{ start_ms: round * 4000 + 2500, end_ms: round * 4000 + 3200 },
        })),
      })),
      tool_calls: [{ tool: text, calls: 4, errors: 2, duration_ms: 1400 }],
      retries: 1,
      repairs: 2,
      rejected_answers: [[text, text]],
      limits: [text],
      resumed: 1,
      warnings: [text],
    },
    charts: {
      note: text,
      start: '2026-02-17T14:00:00.000Z',
      duration_s: 900,
      onset_s: 192.25,
      series: (['ttft_s', 'arrivals', 'waiting', 'running', 'kv_usage', 'preemptions'] as const).map((name) => ({
        ...{ name, title: text, unit: name === 'kv_usage' ? 'share' : name === 'ttft_s' ? 's' : 'requests' },
        limit: name === 'ttft_s' ? 4 : null,
        ...(name === 'kv_usage' ? { before: wave(0.5), after: wave(0.2) } : { before: wave(800), after: wave(100) }),
      })),
      distributions: (['ttft_s', 'inter_token_s', 'e2e_s', 'queue_s'] as const).map((name) => ({
        ...{ name, title: text, limit: name === 'ttft_s' ? 4 : null, limit_share: name === 'ttft_s' ? 0.95 : null },
        ...{ before: share(0.4), after: share(0.05) },
      })),
    },
  }
}
