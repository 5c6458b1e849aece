import type { Engines } from './data-parallel.ts'
import { Place } from './engine-state.ts'
import type { AcceptedRequests } from './requests.ts'
import { Outcome, type RequestOutcomes } from './window.ts'

/**
 * Reads the outcomes from the final states of the engines.
 *
 * @param arrived number of requests that arrived, accepted or not.
 * @param deathS time of the engine's death; `undefined` if it is alive.
 */
export function requestOutcomes(
  { schedulers, assigned }: Engines,
  { numbers }: AcceptedRequests,
  arrived: number,
  deathS: number | undefined,
): RequestOutcomes {
  const { requests, endS, clientTimeoutS, frontEndS = 0 } = schedulers[0].state.input
  const engineOf = new Int32Array(requests.count)
  for (const [engine, own] of (assigned ?? []).entries()) for (const request of own) engineOf[request] = engine
  const outcomes = {
    count: arrived,
    outcome: new Uint8Array(arrived),
    allowedTokens: new Int32Array(arrived),
    tokens: new Int32Array(arrived),
    ttft: new Float64Array(arrived),
    age: new Float64Array(arrived),
    streamed: new Float64Array(arrived),
    longestGap: new Float64Array(arrived),
  }
  for (let request = 0; request < requests.count; request++) {
    const { state } = schedulers[engineOf[request] ?? 0] ?? schedulers[0]
    const number = numbers[request] ?? 0
    const arrival = requests.arrival[request] ?? 0
    const allowed = requests.outputTokens[request] ?? 0
    const tokens = state.generated[request] ?? 0
    const lastToken = state.lastToken[request] ?? 0
    const outcome = outcomeOf(state.place[request] === Place.left, tokens >= allowed, deathS !== undefined)
    const until = outcome === Outcome.served ? lastToken : untilOf(outcome, endS, arrival + clientTimeoutS, deathS)
    outcomes.outcome[number] = outcome
    outcomes.allowedTokens[number] = allowed
    outcomes.tokens[number] = tokens
    const firstToken = tokens > 0 ? (state.firstToken[request] ?? 0) + frontEndS : until
    outcomes.ttft[number] = Math.max(0, firstToken - arrival)
    outcomes.age[number] = Math.max(0, until - arrival) + (outcome === Outcome.served ? frontEndS : 0)
    if (tokens === 0) continue
    outcomes.streamed[number] = lastToken - (state.firstToken[request] ?? 0)
    outcomes.longestGap[number] = Math.max(state.longestGap[request] ?? 0, until - lastToken)
  }
  return outcomes
}

/** A finished or aborted request left the engine; a dead engine lost the others. */
function outcomeOf(left: boolean, complete: boolean, dead: boolean): number {
  if (left) return complete ? Outcome.served : Outcome.aborted
  return dead ? Outcome.lost : Outcome.unfinished
}

/** The last moment at which a request without its last token was observed. */
function untilOf(outcome: number, endS: number, timeout: number, deathS = endS): number {
  if (outcome === Outcome.aborted) return timeout
  return outcome === Outcome.lost ? deathS : endS
}
