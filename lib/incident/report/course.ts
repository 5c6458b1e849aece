import { excerpt } from '../../../router/text/clip.ts'
import type { TraceEntry } from '../../loop/trace.ts'
import type { AgentResult } from '../agent/agent-result.ts'
import type { ReportFacts } from './report-schema.ts'

type Course = ReportFacts['course']
type Entry<Type extends TraceEntry['type']> = Extract<TraceEntry, { readonly type: Type }>

/**
 * The agent's run in figures. A trace of which the oldest entries were left out gives the rounds that are in it, and begins
 * with a warning that says so.
 */
export function courseOf({ agent_trace: trace, run }: AgentResult): Course {
  const rejected = ofType(trace, 'answer-rejected')
  return {
    rounds: ofType(trace, 'reply').map((reply) => roundOf(reply, trace, run)),
    tool_calls: toolCalls(ofType(trace, 'tool-end')),
    retries: ofType(trace, 'retry').length,
    repairs: ofType(trace, 'repair').length,
    // The trace has the whole texts.
    rejected_answers: rejected.map(({ problems }) => problems.map((problem) => excerpt(problem, 300))),
    limits: ofType(trace, 'limit').map(({ limit, detail }) => `${limit}: ${detail}`),
    resumed: (run.attempt ?? 1) - 1,
    warnings: ofType(trace, 'warning').map(({ source, message }) => `${source}: ${excerpt(message, 300)}`),
  }
}

function ofType<Type extends TraceEntry['type']>(trace: readonly TraceEntry[], type: Type): readonly Entry<Type>[] {
  return trace.filter((entry): entry is Entry<Type> => entry.type === type)
}

/** A round: its reply, and the calls of it. */
function roundOf(
  reply: Entry<'reply'>,
  trace: readonly TraceEntry[],
  run: AgentResult['run'],
): Course['rounds'][number] {
  const calls = ofType(trace, 'tool-end').filter(({ round }) => round === reply.round)
  return {
    round: reply.round,
    start_ms: Math.max(0, reply.elapsed_ms - reply.duration_ms),
    end_ms: Math.max(reply.elapsed_ms, ...calls.map(({ elapsed_ms }) => elapsed_ms)),
    model_ms: reply.duration_ms,
    input_tokens: reply.usage.input_tokens,
    output_tokens: reply.usage.output_tokens,
    calls: calls.map(({ tool, status, result, error_kind: kind, elapsed_ms: end, duration_ms: ms }) => ({
      tool,
      status,
      detail: status === 'ok' ? null : `${kind ?? 'error'}: ${excerpt(result, 200)}`,
      start_ms: Math.max(0, end - ms),
      end_ms: end,
    })),
    outcome: outcomeOf(reply, trace, run),
  }
}

/** The result of a reply, in a few words. */
function outcomeOf(
  { round, calls, finish_reason }: Entry<'reply'>,
  trace: readonly TraceEntry[],
  run: AgentResult['run'],
) {
  const problems = ofType(trace, 'answer-rejected').find((entry) => entry.round === round)?.problems
  if (problems !== undefined) return `rejected answer, ${problems.length} problem${problems.length === 1 ? '' : 's'}`
  if (calls.length > 0) return `${calls.length} tool call${calls.length === 1 ? '' : 's'}`
  if (run.stop_reason === 'answered' && round === ofType(trace, 'reply').at(-1)?.round) return 'answer accepted'
  return finish_reason === 'stop' ? 'text without a tool call' : `ended with ${finish_reason}`
}

/** Calls by tool, in the order of the first call. */
function toolCalls(ends: readonly Entry<'tool-end'>[]): Course['tool_calls'] {
  const byTool = new Map<string, Course['tool_calls'][number]>()
  for (const { tool, status, duration_ms } of ends) {
    const sum = byTool.get(tool) ?? { tool, calls: 0, errors: 0, duration_ms: 0 }
    byTool.set(tool, {
      tool,
      calls: sum.calls + 1,
      errors: sum.errors + (status === 'error' ? 1 : 0),
      duration_ms: sum.duration_ms + duration_ms,
    })
  }
  return [...byTool.values()]
}
