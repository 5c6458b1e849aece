import { excerpt } from '../../router/clip.ts'
import { isObject } from '../../router/json.ts'
import type { TraceEntry } from '../loop/trace.ts'
import { plain, table } from './markdown-text.ts'
import type { ReportDocument } from './report.ts'

/** What the run did, round by round. */
export function course({ agent_trace: trace }: ReportDocument): string {
  const rows = trace.entries.map(step)
  return rows.length === 0 ? '' : `## Course\n\n${table(['round', 'step', 'outcome', 'took'], rows)}`
}

function step(entry: TraceEntry): readonly string[] {
  const round = String(entry['round'] ?? '')
  const took = `${String(entry['duration_ms'])} ms`
  switch (entry.type) {
    case 'tool-end': {
      const outcome =
        entry['status'] === 'ok'
          ? 'ok'
          : `${plain(String(entry['error_kind']))}: ${plain(excerpt(String(entry['result']), 200))}`
      return [round, plain(String(entry['tool'])), outcome, took]
    }
    case 'reply':
      return [round, 'model reply', plain(String(entry['finish_reason'])), took]
    case 'repair':
      return [round, 'repair', plain(JSON.stringify(entry['repair'])), '']
    case 'retry':
      return [
        round,
        `call sent again after ${plain(String(entry['kind']))}`,
        `waited ${String(entry['wait_ms'])} ms`,
        '',
      ]
    case 'reply-failed':
      return [round, 'model call failed', plain(messageIn(entry['error'])), took]
    case 'answer-rejected':
      return [round, 'answer sent back', plain([entry['problems']].flat().join('; ')), '']
    case 'limit':
      return [round, `limit: ${String(entry['limit'])}`, plain(String(entry['detail'])), '']
    case 'warning':
      return [round, `warning: ${String(entry['source'])}`, plain(String(entry['message'])), '']
  }
}

function messageIn(error: unknown): string {
  return isObject(error) ? String(error['message']) : ''
}
