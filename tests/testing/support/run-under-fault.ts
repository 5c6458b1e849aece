import { expect } from 'vitest'
import type { Run } from '../../../lib/loop/run.ts'
import { runLoop } from '../../../lib/loop/run-loop.ts'
import { minimax } from '../../../lib/minimax/minimax.ts'
import { type Fault, faults, type Outcome, type Responder, startMockServer } from '../../../lib/testing/index.ts'
import { getWeather, weatherAnswer } from '../../support/weather.ts'

export interface Cell {
  readonly fault: Fault
  readonly stream: boolean
  /** The round whose request is hit, of three. */
  readonly round: 1 | 2 | 3
  /** Whether later requests are hit, too. */
  readonly lasting: boolean
  readonly expected: Outcome
}

/** One run under one fault, in words. */
export interface Seen {
  readonly stopReason: string
  /** `answered`, or the kind of the failure and whether trying again may help. */
  readonly outcome: string
  /** Whether the fault happened to a request at all. */
  readonly hit: boolean
  readonly requests: number
  /** Whether it ended in time, and kept the token to itself. */
  readonly inTime: boolean
  readonly leaksToken: boolean
  /** Requests that the server still was answering when the run was over. */
  readonly underWay: number
  /** Connections that were open then, and after the client was closed. */
  readonly leftOpen: number
  readonly openAfterClose: number
}

const token = 'zz-Test-Token-0123'
const capBytes = 400_000
const patience = { slow: 1000, usual: 8000 }

/** Calls a tool until two calls succeeded, never twice with the same input, then answers. */
const responder: Responder = ({ messages, tools }) => {
  const succeeded = messages.filter(({ role, content }) => role === 'tool' && String(content).includes('"celsius"'))
  if (succeeded.length >= 2 || tools.length === 0) return { content: '{"celsius":4}' }
  return { content: 'I look.', toolCalls: [{ name: 'get_weather', input: { city: `Größe ${messages.length}` } }] }
}

/** A run of three rounds against a mock server, in which one request, or all from there on, go wrong. */
export async function runUnderFault({ fault, stream, round, lasting }: Cell): Promise<Seen> {
  // A smaller body does for a smaller cap.
  const used = fault.name === 'oversize-body' ? faults.oversize(capBytes) : fault
  const schedule = lasting ? faults.from(round, used) : faults.at(round, used)
  await using mockServer = await startMockServer({ responder, faults: [schedule], token })
  const options = { url: mockServer.url, token, env: {}, stream, maxResponseBytes: capBytes }
  const model = minimax(options, { firstWaitMs: 2, random: () => 0 })
  const deadlineMs = fault.slow ? patience.slow : patience.usual
  const startedAt = performance.now()
  const run = await runLoop({
    model,
    tools: [getWeather],
    prompt: 'How warm is it?',
    answer: { schema: weatherAnswer },
    limits: { deadlineMs },
  })
  const inTime = performance.now() - startedAt < deadlineMs + 2000
  // What a run leaves behind is looked at before anybody tidies up.
  const underWay = await downTo(0, () => mockServer.underWay)
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
    underWay,
    leftOpen,
    openAfterClose,
  }
}

function outcomeOf({ stopReason, ...run }: Run<unknown>): string {
  const error = 'error' in run ? run.error : undefined
  if (error === undefined) return stopReason
  // The run's timer and the client's are set to the same moment: either may be first.
  if (error.name === 'TimeoutError') return wording({ code: 'timeout', retryable: true })
  return error.name !== 'ModelError'
    ? error.name
    : wording({ code: error.code as never, retryable: error.retryable === true })
}

export function wording(outcome: Outcome): string {
  return outcome === 'answered' ? outcome : `${outcome.code}${outcome.retryable ? ' (retryable)' : ''}`
}

/** What a count comes to, once the server has seen what the client did. */
async function downTo(least: number, count: () => number): Promise<number> {
  await expect
    .poll(count, { timeout: 1000, interval: 5 })
    .toBeLessThanOrEqual(least)
    .catch(() => {})
  return count()
}
