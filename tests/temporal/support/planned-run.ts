import { setTimeout as delay } from 'node:timers/promises'
import { Context } from '@temporalio/activity'
import { isModelError } from '../../../lib/loop/errors.ts'
import type { LoopEvent } from '../../../lib/loop/events.ts'
import type { Limits } from '../../../lib/loop/limits.ts'
import type { Model, ModelReply, ModelRequest } from '../../../lib/loop/model.ts'
import { minimax } from '../../../lib/minimax/minimax.ts'
import { loopActivity } from '../../../lib/temporal/index.ts'
import { defineTool } from '../../../router/define-tool.ts'
import { entriesLike, type LedgerEntry, writeLedger } from './ledger.ts'

/** A call that the model of a planned run asks for. */
export interface PlannedCall {
  /** `read` is read-only, `put` is idempotent, and `charge` is neither. */
  readonly tool: 'read' | 'put' | 'charge'
  /** Name of the step, unique in the plan. */
  readonly what: string
  /** Milliseconds that the tool waits. */
  readonly ms?: number
  /** Milliseconds for which the tool blocks the event loop. */
  readonly block_ms?: number
  /** Size of the result in kilobytes. */
  readonly kb?: number
  /** Executions that end with SIGKILL for the process, after the effect and before the result. */
  readonly kills?: number
}

/** A run whose model follows a plan. */
export interface Plan {
  readonly run: string
  /** The calls of each round; after them the model answers. */
  readonly rounds: readonly (readonly PlannedCall[])[]
  /** Milliseconds of a model call. */
  readonly modelMs: number
  /** Server that plays the model with {@link plannedCalls}. Without it the model is in the worker. */
  readonly modelUrl?: string
  readonly limits?: Partial<Limits>
}

/** One of several runs that are in different phases at any moment: in a model call, or in a tool of each kind. */
export function mixedPlan(number: number): Plan {
  const rounds = Array.from({ length: 4 }, (_, round): readonly PlannedCall[] => [
    { tool: 'read', what: `measure ${round}` },
    { tool: 'charge', what: `pay ${round}`, ms: 40 + 40 * number },
    { tool: 'put', what: `store ${round}` },
  ])
  return { run: `r${number}`, rounds, modelMs: 300 + 90 * number }
}

/** A worker process, as its activities see it. */
export interface PlannedWorker {
  /** Name in the ledger. */
  readonly name: string
  /** File of the ledger. */
  readonly ledger: string
  /** `put` does not exist in the second one. */
  readonly release: 1 | 2
}

const nothing = { inputTokens: 10, outputTokens: 10, cachedInputTokens: 0, reasoningTokens: 0 }

/**
 * An activity that follows a plan and writes everything that it does to the ledger. Like a real model, its model gives new
 * inputs each time that it is asked for the same step.
 */
export function plannedActivities(worker: PlannedWorker) {
  const run = loopActivity((plan: Plan) => {
    const write = writerOf(worker, plan.run)
    return {
      model: modelOf(plan, write),
      tools: toolsOf(worker, plan, write),
      prompt: `Follow plan ${plan.run}.`,
      limits: { calls: 300, ...plan.limits },
      onEvent: (event: LoopEvent) => {
        if (event.type === 'warning') write({ at: 'warning', text: event.message })
        if (event.type === 'tool-end' && event.errorKind !== undefined) {
          write({ at: 'tool-error', tool: event.tool, text: event.errorKind })
        }
      },
    }
  })
  return {
    async planned(plan: Plan) {
      const write = writerOf(worker, plan.run)
      write({ at: 'attempt' })
      try {
        return await run(plan)
      } finally {
        write({ at: 'attempt-end' })
      }
    },
  }
}

type Write = (entry: Omit<LedgerEntry, 'run' | 'worker' | 'attempt'>) => void

function writerOf({ name, ledger }: PlannedWorker, run: string): Write {
  const { attempt } = Context.current().info
  return (entry) => writeLedger(ledger, { run, worker: name, attempt, ...entry })
}

/** The calls with which the model replies in a round, from 1; `undefined` if it answers. */
export function plannedCalls({ rounds }: Plan, round: number) {
  return rounds[round - 1]?.map(({ tool, ...input }) => ({
    name: tool,
    input: { ...input, nonce: Math.random().toString(36).slice(2) },
  }))
}

function modelOf(plan: Plan, write: Write): Model {
  const server =
    plan.modelUrl === undefined
      ? localModel(plan)
      : minimax({ url: plan.modelUrl, token: 'any', stream: false, env: {} })
  return {
    ...server,
    async complete(request) {
      const round = roundOf(request)
      write({ at: 'model', round })
      try {
        const reply = await server.complete(request)
        write({ at: 'reply', round })
        return reply
      } catch (error) {
        if (isModelError(error) && error.code !== 'aborted') write({ at: 'refused', round, text: error.code })
        throw error
      }
    },
  }
}

function localModel(plan: Plan): Model {
  return {
    name: 'planned',
    provider: 'planned',
    async complete(request): Promise<ModelReply> {
      await delay(plan.modelMs, undefined, { signal: request.signal })
      const round = roundOf(request)
      const calls = request.tools === undefined ? undefined : plannedCalls(plan, round)
      if (calls === undefined) {
        return { message: { role: 'assistant', content: 'done' }, finishReason: 'stop', usage: nothing }
      }
      const toolCalls = calls.map(({ name, input }, index) => ({
        id: `call_${round}_${index}`,
        type: 'function' as const,
        function: { name, arguments: JSON.stringify(input) },
      }))
      const message = { role: 'assistant' as const, content: '', tool_calls: toolCalls }
      return { message, finishReason: 'tool_calls', usage: nothing }
    },
  }
}

function roundOf({ messages }: ModelRequest): number {
  return messages.filter(({ role }) => role === 'assistant').length + 1
}

const inputSchema = {
  type: 'object',
  properties: {
    what: { type: 'string' },
    nonce: { type: 'string' },
    ms: { type: 'number' },
    block_ms: { type: 'number' },
    kb: { type: 'number' },
    kills: { type: 'number' },
  },
  required: ['what', 'nonce'],
} as const

function toolsOf({ ledger, release }: PlannedWorker, { run }: Plan, write: Write) {
  const tool = (name: PlannedCall['tool'], annotations: { readOnlyHint: boolean; idempotentHint: boolean }) =>
    defineTool({
      name,
      description: `Does a step with the effect "${name}".`,
      inputSchema,
      annotations,
      timeoutMs: 120_000,
      execute: async ({ what, nonce, ms = 0, block_ms = 0, kb = 0, kills = 0 }, { callId, signal }) => {
        write({ at: 'effect', tool: name, what, nonce, call_id: callId })
        const isDeadly = entriesLike(ledger, { at: 'effect', run, what }).length <= kills
        if (block_ms > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, block_ms)
        await delay(ms, undefined, { signal })
        if (isDeadly) process.kill(process.pid, 'SIGKILL')
        write({ at: 'effect-end', tool: name, what, nonce, call_id: callId })
        return { done: what, text: kilobytes(kb) }
      },
    })
  const read = tool('read', { readOnlyHint: true, idempotentHint: true })
  const put = tool('put', { readOnlyHint: false, idempotentHint: true })
  const charge = tool('charge', { readOnlyHint: false, idempotentHint: false })
  return release === 1 ? [read, put, charge] : [read, charge]
}

/** Text that does not compress well. */
function kilobytes(kb: number): string {
  return Array.from({ length: kb * 16 }, () => Math.random().toString(36).slice(2).padEnd(62, 'x').slice(0, 62)).join(
    '\n',
  )
}
