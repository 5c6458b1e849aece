import type { routingPolicySchema } from '../../fixtures/deployment.ts'
import type { Load } from '../../fixtures/scenario.ts'
import type { ActiveImpairments } from './impairments.ts'
import { type AcceptedRequests, seededRandom } from './requests.ts'
import type { Scheduler } from './scheduler.ts'

/** How a gateway in front of vLLM divides requests among engines. */
type RoutingPolicy = (typeof routingPolicySchema.enum)[number]

/** The engines of a data-parallel deployment that served a window. */
export interface Engines {
  /** In order of their ranks: at least one. */
  readonly schedulers: readonly [Scheduler, ...Scheduler[]]
  /** The requests of each engine; `undefined` for a single one, which has all. */
  readonly assigned: readonly (readonly number[])[] | undefined
}

/** Input of {@link runEngines}. */
interface EnginesInput {
  /** Number of engines. */
  readonly count: number
  readonly policy: RoutingPolicy
  readonly requests: AcceptedRequests
  /** By request that arrived: its session. */
  readonly sessions: Int32Array
  readonly impairments: ActiveImpairments
  /** Makes an engine. Without `assigned` it gets all requests. */
  readonly start: (impairments: ActiveImpairments, assigned?: readonly number[]) => Scheduler
}

/**
 * Serves a window with several engines of a dense model. They share nothing but the requests: `run_engine_core` in
 * `vllm/v1/engine/core.py` treats each of them like the engine of a deployment without data parallelism.
 *
 * If one engine dies, vLLM's client raises `EngineDeadError` and the server ends with all of them.
 */
export function runEngines(input: EnginesInput): Engines {
  const engines = serve(input, input.impairments)
  const deaths = engines.schedulers.flatMap(({ death }) => death ?? [])
  const [first] = deaths.toSorted((a, b) => a.atS - b.atS)
  if (first === undefined || engines.schedulers.length === 1) return engines
  return serve(input, { ...input.impairments, downAt: first.atS, downReason: first.reason })
}

function serve(input: EnginesInput, impairments: ActiveImpairments): Engines {
  const { count, policy, requests, sessions, start } = input
  if (count === 1) return { schedulers: ran([start(impairments)]), assigned: undefined }
  const assigned = Array.from({ length: count }, (): number[] => [])
  const schedulers = assigned.map((own) => start(impairments, own))
  const place =
    policy === 'least_loaded' ? leastLoaded(schedulers, requests) : fixedPlace(policy, count, sessions, requests)
  for (let request = 0; request < requests.count; request++) assigned[place(request)]?.push(request)
  return { schedulers: ran(schedulers), assigned }
}

function ran(schedulers: readonly Scheduler[]): Engines['schedulers'] {
  const [first, ...others] = schedulers
  if (first === undefined) throw new Error('A deployment has at least one engine.')
  for (const scheduler of schedulers) scheduler.run()
  return [first, ...others]
}

/** A gateway names the rank in the header `X-data-parallel-rank`, and vLLM follows it without looking at the load. */
function fixedPlace(
  policy: RoutingPolicy,
  count: number,
  sessions: Int32Array,
  { numbers }: AcceptedRequests,
): (request: number) => number {
  const session = (number: number) =>
    policy === 'session_affinity' ? rankOf(sessions[number] ?? 0, count) : number % count
  return (request) => session(numbers[request] ?? 0)
}

/** Rank of a session: a hash that is the same for every draw of the load. */
function rankOf(session: number, count: number): number {
  return Math.floor(seededRandom(session + 1)() * count)
}

/** Time between two reports of the engines' loads. */
const reportsPerS = 10
/** A waiting request counts as much as this many running ones. */
const waitingWeight = 4

/**
 * vLLM's own choice, `get_core_engine_for_request` of `vllm/v1/engine/core_client.py`: the engine with the smallest
 * 4 × waiting + running, the first of equals. The numbers are reported every 100 ms; in between, the client counts the
 * requests that it sends as waiting. One client is simulated, also for several API servers.
 */
function leastLoaded(
  schedulers: readonly Scheduler[],
  { arrival, engineArrival = arrival }: AcceptedRequests,
): (request: number) => number {
  let reportedAt = 0
  let scores = schedulers.map(() => 0)
  return (request) => {
    const report = Math.floor((engineArrival[request] ?? 0) * reportsPerS) / reportsPerS
    if (report > reportedAt) {
      reportedAt = report
      for (const scheduler of schedulers) scheduler.runUntil(report)
      scores = schedulers.map(({ waiting, running }) => waitingWeight * waiting + running)
    }
    const chosen = scores.indexOf(Math.min(...scores))
    scores[chosen] = (scores[chosen] ?? 0) + waitingWeight
    return chosen
  }
}

/**
 * By request: its session. One session sends `largest_share` of all requests, the others send equal shares. Sessions
 * depend only on the load, and have a random sequence of their own.
 */
export function sessionsOf({ seed, sessions }: Load, requests: number): Int32Array {
  const result = new Int32Array(requests)
  if (sessions === undefined) return result.map((_, request) => request)
  const random = seededRandom(seed ^ 0x2c7e41)
  return result.map(() => {
    const [isLargest, other] = [random() < sessions.largest_share, random()]
    return isLargest || sessions.count === 1 ? 0 : 1 + Math.floor(other * (sessions.count - 1))
  })
}
