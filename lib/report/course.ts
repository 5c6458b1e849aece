import { excerpt } from '../../router/clip.ts'
import type { TraceEntry } from '../loop/trace.ts'
import { plain, table } from './markdown-text.ts'
import type { ReportDocument } from './report.ts'

/** What the run did, round by round. */
export function course({ agent_trace: trace }: ReportDocument): string {
  const rows = trace.entries.map(step)
  return rows.length === 0 ? '' : `## Course\n\n${table(['round', 'step', 'outcome', 'took'], rows)}`
}

function step(entry: TraceEntry): readonly string[] {
  switch (entry.type) {
    case 'tool-end': {
      const failure = `${plain(entry.error_kind ?? '')}: ${plain(excerpt(entry.result, 200))}`
      return [String(entry.round), plain(entry.tool), entry.status === 'ok' ? 'ok' : failure, took(entry)]
    }
    case 'reply':
      return [String(entry.round), 'model reply', plain(entry.finish_reason), took(entry)]
    case 'repair':
      return [String(entry.round), 'repair', plain(JSON.stringify(entry.repair)), '']
    case 'retry':
      return [String(entry.round), `call sent again after ${plain(entry.kind)}`, `waited ${entry.wait_ms} ms`, '']
    case 'reply-failed':
      return [String(entry.round), 'model call failed', plain(entry.error.message), took(entry)]
    case 'answer-rejected':
      return [String(entry.round), 'answer sent back', plain(entry.problems.join('; ')), '']
    case 'limit':
      return [String(entry.round), `limit: ${entry.limit}`, plain(entry.detail), '']
    case 'warning':
      return ['', `warning: ${entry.source}`, plain(entry.message), '']
  }
}

function took({ duration_ms: ms }: { readonly duration_ms: number }): string {
  return `${ms} ms`
}
