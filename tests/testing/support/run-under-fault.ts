import { expect } from 'vitest'
import type { Run } from '../../../lib/loop/run.ts'
import { runLoop } from '../../../lib/loop/run-loop.ts'
import { createMinimaxModel } from '../../../lib/minimax/minimax.ts'
import { type Fault, faults, type Responder, startMockServer } from '../../../lib/testing/index.ts'
import { getWeather, weatherAnswer } from '../../support/weather.ts'
import type { Outcome } from './fault-expectations.ts'

/** One combination of the matrix of faults. */
export interface Cell {
  readonly fault: Fault
  readonly stream: boolean
  /** The round whose request the fault affects, of three. */
  readonly round: 1 | 2 | 3
  /** Whether the fault affects all later requests, too. */
  readonly lasting: boolean
  /** Whether the fault takes all the time of a request. */
  readonly slow: boolean
  readonly expected: Outcome
}

/** The observations of one run. */
export interface Seen {
  readonly stopReason: string
  /** `answered`, or the code of the failure and whether it is retryable. */
  readonly outcome: string
  /** Whether the fault affected a request at all. */
  readonly hit: boolean
  readonly requests: number
  /** Whether the run ended before its deadline. */
  readonly inTime: boolean
  /** Whether the run contains the token. */
  readonly leaksToken: boolean
  /** Requests that the server was still answering after the run. */
  readonly pendingRequests: number
  /** Connections that were open after the run. */
  readonly leftOpen: number
  /** Connections that were open after the client was closed. */
  readonly openAfterClose: number
}

const token = 'zz-Test-Token-0123'
const capBytes = 400_000
const patience = { slow: 2000, usual: 8000 }

/** Calls a tool until two calls succeeded, never twice with the same input, then answers. */
const responder: Responder = ({ messages, tools }) => {
  const succeeded = messages.filter(({ role, content }) => role === 'tool' && String(content).includes('"celsius"'))
  if (succeeded.length >= 2 || tools.length === 0) return { content: '{"celsius":4}' }
  return { content: 'I look.', toolCalls: [{ name: 'get_weather', input: { city: `Größe ${messages.length}` } }] }
}

/** A run of three rounds against a mock server. A fault affects the request of one round, or of it and all later ones. */
export async function runUnderFault({ fault, stream, round, lasting, slow }: Cell): Promise<Seen> {
  // A smaller cap needs a smaller body.
  const used = fault.name === 'oversize-body' ? faults.oversize(capBytes) : fault
  const schedule = lasting ? faults.from(round, used) : faults.at(round, used)
  await using mockServer = await startMockServer({ responder, faults: [schedule], token })
  const options = { url: mockServer.url, token, env: {}, stream, maxResponseBytes: capBytes }
  const model = createMinimaxModel(options, { firstWaitMs: 2, random: () => 0 })
  const deadlineMs = slow ? patience.slow : patience.usual
  const startedAt = performance.now()
  const run = await runLoop({
    model,
    tools: [getWeather],
    prompt: 'How warm is it?',
    answer: { schema: weatherAnswer },
    limits: { deadlineMs },
  })
  const inTime = performance.now() - startedAt < deadlineMs + 2000
  // Read before the client is closed.
  const pendingRequests = await downTo(0, () => mockServer.pendingRequests)
  const leftOpen = mockServer.connections.open
  await model.close()
  const openAfterClose = await downTo(0, () => mockServer.connections.open)
  return {
    stopReason: run.stopReason,
    outcome: outcomeOf(run),
    hit: mockServer.requests[round - 1]?.faults?.includes(fault.name) === true,
    requests: mockServer.requests.length,
    inTime,
    leaksToken: JSON.stringify(run).includes(token),
    pendingRequests,
    leftOpen,
    openAfterClose,
  }
}

function outcomeOf({ stopReason, ...run }: Run<unknown>): string {
  const error = 'error' in run ? run.error : undefined
  if (error === undefined) return stopReason
  // The timers of the run and of the client end at the same time, and either may be first.
  if (error.name === 'TimeoutError') return wording({ code: 'timeout', retryable: true })
  return error.name !== 'ModelError'
    ? error.name
    : wording({ code: error.code as never, retryable: error.retryable === true })
}

/** An outcome as text. */
export function wording(outcome: Outcome): string {
  return outcome === 'answered' ? outcome : `${outcome.code}${outcome.retryable ? ' (retryable)' : ''}`
}

/** The count, after the server had time to notice what the client did. */
async function downTo(least: number, count: () => number): Promise<number> {
  await expect
    .poll(count, { timeout: 1000, interval: 5 })
    .toBeLessThanOrEqual(least)
    .catch(() => {})
  return count()
}
