// Spans of a run, with the attributes of OpenTelemetry's GenAI conventions:
//
//   invoke_agent <agent>             one per run
//     chat <model>                   one per model reply, retries included
//     execute_tool <tool>            one per executed call
//
// Everything else is an event of these spans: retries, repairs, rejected answers, warnings, and calls that were not
// executed: denied, refused, served from an earlier result or done elsewhere.

import {
  type Attributes,
  type Context,
  context,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { LoopEvent } from '../loop/events.ts'
import { addUsage, noUsage, type Usage, type UsageRecord, usageOf } from '../loop/model.ts'

/** Options of {@link openTelemetry}. */
export interface OpenTelemetryOptions {
  /** Creates the spans. @defaultValue the tracer `tenrounds` of the global provider */
  readonly tracer?: Tracer
  /** Name of the agent: `gen_ai.agent.name`, and part of the name of the run's span. @defaultValue none */
  readonly agentName?: string
  /** Whether excerpts of tool inputs and results are recorded, with secrets masked. @defaultValue false */
  readonly contents?: boolean
}

/** A run that has not ended. */
interface OpenRun {
  /** Span of the run. */
  readonly span: Span
  /** Context with the span of the run, the parent of all others. */
  readonly context: Context
  /** Attributes of the run's span and of its chat spans. */
  readonly common: Attributes
  /** Name of the model, part of the names of chat spans. */
  readonly model: string
  /** Open spans of tools, by call id. */
  readonly tools: Map<string, Span>
  /** Span of the model reply that is awaited. Rounds follow each other, so at most one is open. */
  chat: Span | undefined
  /** Tokens of the replies so far. The event `run-end` also counts those of earlier attempts. */
  usage: UsageRecord
  /** Number of older runs with the same id that have not ended. Their events have the same id as those of this run. */
  older: number
}

/** The event with this `type`. */
type EventOf<Type extends LoopEvent['type']> = Extract<LoopEvent, { readonly type: Type }>

/**
 * A listener for `onEvent` of `runLoop` that creates OpenTelemetry spans: `invoke_agent` for the run, and in it one `chat`
 * per model reply and one `execute_tool` per executed call. One listener serves any number of runs.
 *
 * ```ts
 * await runLoop({ model, tools, prompt, onEvent: openTelemetry({ agentName: 'weather' }) })
 * ```
 *
 * Consecutive runs with the same id, such as the attempts of an activity, have a span each. The tokens of a span are those
 * of its own replies, so their sum over all attempts is the usage of the run. `tenrounds.rounds` counts the rounds of all
 * attempts. If such runs overlap, because an
 * abandoned attempt is still running, the older span ends with the event `superseded`. The newer span then has the events
 * of both and ends when both have ended. Use one listener per run to keep them apart.
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): (event: LoopEvent) => void {
  const tracer = options.tracer ?? trace.getTracer('tenrounds')
  const runs = new Map<string, OpenRun>()
  return (event) => {
    if (event.type === 'run-start') {
      const older = runs.get(event.runId)
      if (older !== undefined) supersede(older)
      runs.set(event.runId, startRun(tracer, event, options.agentName, older === undefined ? 0 : older.older + 1))
      return
    }
    const run = runs.get(event.runId)
    if (run === undefined) return
    if (event.type !== 'run-end') return record(tracer, run, event, options.contents ?? false)
    if (run.older-- > 0) return
    endRun(run, event)
    runs.delete(event.runId)
  }
}

/** Starts the span of a run. */
function startRun(tracer: Tracer, event: EventOf<'run-start'>, agentName: string | undefined, older: number): OpenRun {
  const common = {
    [attribute.provider]: event.provider,
    [attribute.requestModel]: event.model,
    [attribute.conversation]: event.runId,
    ...(agentName === undefined ? {} : { [attribute.agentName]: agentName }),
  }
  const name = agentName === undefined ? operation.agent : `${operation.agent} ${agentName}`
  const attributes = { ...common, [attribute.operation]: operation.agent }
  const span = tracer.startSpan(name, { kind: SpanKind.INTERNAL, attributes })
  return {
    span,
    context: trace.setSpan(context.active(), span),
    common,
    model: event.model,
    tools: new Map(),
    chat: undefined,
    usage: noUsage,
    older,
  }
}

/** Ends the span of a run that a newer run with the same id replaces. Its outcome is unknown here, so it gets no status. */
function supersede(run: OpenRun): void {
  for (const open of [run.chat, ...run.tools.values()]) open?.end()
  run.span.addEvent('superseded')
  run.span.setAttributes(tokenCounts(usageOf(run.usage)))
  run.span.end()
}

/** Records an event of a run in its spans. */
function record(
  tracer: Tracer,
  run: OpenRun,
  event: Exclude<LoopEvent, EventOf<'run-start' | 'run-end'>>,
  contents: boolean,
): void {
  switch (event.type) {
    case 'round-start':
      run.chat?.end()
      run.chat = startChat(tracer, run, event)
      break
    case 'retry':
      run.chat?.addEvent('retry', {
        attempt: event.attempt,
        [attribute.errorType]: event.code,
        wait_ms: Math.round(event.waitMs),
      })
      break
    case 'reply':
      run.usage = addUsage(run.usage, event.usage)
      run.chat?.setAttributes(responseOf(event))
      run.chat?.end()
      run.chat = undefined
      break
    case 'reply-failed':
      if (run.chat !== undefined) fail(run.chat, event.error.code ?? event.error.name, event.error.message)
      run.chat?.end()
      run.chat = undefined
      break
    case 'tool-start':
      run.tools.get(event.id)?.end()
      run.tools.set(event.id, startTool(tracer, run, event))
      break
    case 'tool-end':
      endTool(run, event, contents)
      break
    case 'limit':
      run.span.setAttribute(attribute.limit, event.limit)
      break
    case 'tool-waiting':
      run.span.addEvent('tool call waits for a decision', {
        [attribute.toolName]: event.tool,
        [attribute.toolCallId]: event.id,
        [attribute.round]: event.round,
      })
      break
    case 'warning':
      run.span.addEvent('warning', { source: event.source, message: event.message })
      break
    case 'repair':
    case 'results-shortened':
    case 'answer-rejected':
      run.span.addEvent(event.type, { [attribute.round]: event.round })
  }
}

/** Starts the span of a model reply. */
function startChat(tracer: Tracer, run: OpenRun, { round }: EventOf<'round-start'>): Span {
  const attributes = { ...run.common, [attribute.operation]: operation.chat, [attribute.round]: round }
  return tracer.startSpan(`${operation.chat} ${run.model}`, { kind: SpanKind.CLIENT, attributes }, run.context)
}

/** Starts the span of an executed call. */
function startTool(tracer: Tracer, run: OpenRun, event: EventOf<'tool-start'>): Span {
  const attributes = {
    [attribute.operation]: operation.tool,
    [attribute.toolName]: event.tool,
    [attribute.toolCallId]: event.id,
    [attribute.toolType]: 'function',
    [attribute.round]: event.round,
  }
  return tracer.startSpan(`${operation.tool} ${event.tool}`, { kind: SpanKind.INTERNAL, attributes }, run.context)
}

/** Ends the span of a tool. Contents are recorded only on request. */
function endTool(run: OpenRun, event: EventOf<'tool-end'>, contents: boolean): void {
  const span = run.tools.get(event.id)
  if (span === undefined) {
    recordNotExecuted(run, event, contents)
    return
  }
  run.tools.delete(event.id)
  if (contents) span.setAttributes(contentsOf(event))
  if (event.errorKind !== undefined) fail(span, event.errorKind)
  span.end()
}

/**
 * Records a call that was denied or refused, got an earlier result, or was done elsewhere while the run was paused. The
 * kind of its error is always recorded. The reason of a denial may quote what a person wrote, so it counts as content.
 */
function recordNotExecuted(run: OpenRun, event: EventOf<'tool-end'>, contents: boolean): void {
  const { tool, id, round, errorKind } = event
  run.span.addEvent(notExecuted(event), {
    [attribute.toolName]: tool,
    [attribute.toolCallId]: id,
    [attribute.round]: round,
    ...(errorKind === undefined ? {} : { [attribute.errorType]: errorKind }),
    ...(contents ? contentsOf(event) : {}),
  })
}

/** Name of the event for a call that was not executed. */
function notExecuted({ errorKind, servedFrom }: EventOf<'tool-end'>): string {
  if (servedFrom !== undefined) return 'tool call served from an earlier result'
  if (errorKind === undefined) return 'tool call done elsewhere'
  return errorKind === 'denied' ? 'tool call denied' : 'tool call refused'
}

/** Excerpts of the input and the result of a call, with secrets masked. */
function contentsOf({ input, result }: EventOf<'tool-end'>): Attributes {
  return { [attribute.toolArguments]: input, [attribute.toolResult]: result }
}

/** Ends the span of a run and every span that is still open in it. */
function endRun(run: OpenRun, event: EventOf<'run-end'>): void {
  const errorType = event.error?.code ?? event.error?.name
  for (const open of [run.chat, ...run.tools.values()]) {
    if (open !== undefined) fail(open, errorType ?? event.stopReason)
    open?.end()
  }
  const ended = { [attribute.stopReason]: event.stopReason, [attribute.rounds]: event.rounds }
  run.span.setAttributes({ ...tokenCounts(usageOf(run.usage)), ...ended })
  if (event.stopReason === 'failed') fail(run.span, errorType ?? 'failed', event.error?.message)
  run.span.end()
}

/** Marks a span as failed. @param errorType the code or kind of the error, for `error.type`. */
function fail(span: Span, errorType: string, message?: string): void {
  span.setAttribute(attribute.errorType, errorType)
  span.setStatus({ code: SpanStatusCode.ERROR, ...(message === undefined ? {} : { message }) })
}

/** Attributes of a reply. */
function responseOf({ usage, finishReason, model, responseId }: EventOf<'reply'>): Attributes {
  return {
    ...tokenCounts(usage),
    [attribute.finishReasons]: [finishReason],
    ...(model === undefined ? {} : { [attribute.responseModel]: model }),
    ...(responseId === undefined ? {} : { [attribute.responseId]: responseId }),
  }
}

/** Token counts as attributes. */
function tokenCounts(usage: Usage): Attributes {
  return {
    [attribute.inputTokens]: usage.inputTokens,
    [attribute.outputTokens]: usage.outputTokens,
    [attribute.cachedInputTokens]: usage.cachedInputTokens,
    [attribute.reasoningTokens]: usage.reasoningTokens,
  }
}

/**
 * Names of OpenTelemetry's GenAI conventions, as of semantic conventions 1.41, which libraries emit today. The
 * conventions are still in development. A renamed attribute is a change of this file only.
 */
const operation = { agent: 'invoke_agent', chat: 'chat', tool: 'execute_tool' } as const

/** Attribute names. Those that begin with `tenrounds.` have no counterpart in the conventions. */
const attribute = {
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  conversation: 'gen_ai.conversation.id',
  agentName: 'gen_ai.agent.name',
  responseId: 'gen_ai.response.id',
  responseModel: 'gen_ai.response.model',
  finishReasons: 'gen_ai.response.finish_reasons',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  cachedInputTokens: 'gen_ai.usage.cache_read.input_tokens',
  reasoningTokens: 'gen_ai.usage.reasoning.output_tokens',
  toolName: 'gen_ai.tool.name',
  toolCallId: 'gen_ai.tool.call.id',
  toolType: 'gen_ai.tool.type',
  // Recorded only on request.
  toolArguments: 'gen_ai.tool.call.arguments',
  toolResult: 'gen_ai.tool.call.result',
  errorType: 'error.type',
  stopReason: 'tenrounds.stop_reason',
  round: 'tenrounds.round',
  rounds: 'tenrounds.rounds',
  limit: 'tenrounds.limit',
} as const
