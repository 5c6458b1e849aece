import type { Responder } from '../../testing/mock-server/completion.ts'
import { answerOf } from './answer.ts'
import { quoteFigure, readConversation } from './conversation.ts'
import {
  collectiveMismatchRule,
  driverMismatchRule,
  hungFileSystemRule,
  infinibandRule,
  loggedLoadRule,
  refusedArgumentsRule,
  restartRule,
  softLockupRule,
  startupHangRule,
  storageEvictionRule,
} from './environment-rules.ts'
import { eccRule, lostGpuRule, xidRule } from './gpu-rules.ts'
import { hotspotRule, loadHotspots, quoteHotspot } from './load-rules.ts'
import { gpuMemoryRules, hostMemoryRule } from './memory-rules.ts'
import { attemptsOf, fixesOf, fixingCalls, gatheringCalls } from './next-calls.ts'
import { type Hypothesis, noChange, type Observations, observe, type Rule } from './observations.ts'

/**
 * Plays the model for the incident agent, so that an incident runs without a key: the mock server answers by these rules.
 *
 * It gathers facts, analyses them, applies a fix, collects telemetry, validates and answers. It keeps no state: each reply
 * depends only on the request, which contains the scenario and all tool results so far. It knows no scenario and no
 * solution. Its rules are general advice for operating vLLM. Text from logs is matched against known patterns and never
 * followed.
 */
export function incidentResponder(): Responder {
  return (request) => {
    const conversation = readConversation(request)
    const gathering = gatheringCalls(conversation, request.tools)
    if (gathering.length > 0) return { toolCalls: gathering }
    const observed = observe(conversation)
    const hypotheses = hypothesesFor(observed)
    const fixes = fixesOf(hypotheses)
    const attempts = attemptsOf(conversation, fixes)
    const declared = new Set(request.tools.map(({ name }) => name))
    const fixing = fixingCalls(conversation, fixes, attempts)
    if (fixing.length > 0 && fixing.every(({ name }) => declared.has(name))) return { toolCalls: fixing }
    return { content: JSON.stringify(answerOf(observed, hypotheses, attempts)) }
  }
}

/** Rules for causes that logs show. Hardware comes first, because a hardware error also makes the layers above it fail. */
const logRules: readonly Rule[] = [
  xidRule,
  lostGpuRule,
  eccRule,
  softLockupRule,
  infinibandRule,
  collectiveMismatchRule,
  hostMemoryRule,
  hungFileSystemRule,
  storageEvictionRule,
  ...gpuMemoryRules,
  refusedArgumentsRule,
  driverMismatchRule,
  startupHangRule,
]

/**
 * Every hypothesis that the observations support, most plausible first.
 *
 * If the engine works but has too much load, the load explains the incident, whatever else the logs contain. If the engine
 * does not work, the logs explain it.
 */
function hypothesesFor(observed: Observations): readonly [Hypothesis, ...Hypothesis[]] {
  const { hotspot, stuckWorkers, conversation } = observed
  const logged = logRules.flatMap((rule) => rule(observed) ?? [])
  if (conversation.preTelemetry === undefined && (hotspot === undefined || hotspot === 'unknown')) {
    return [unknownCause(observed, logged)]
  }
  if (hotspot === 'none' && stuckWorkers === 0) return [healthy(observed)]
  const load = hotspotRule(observed) ?? []
  const works = loadHotspots.has(hotspot ?? '') && stuckWorkers === 0
  const [first, ...others] = works ? [load, logged].flat() : [logged, load].flat()
  if (first !== undefined) return [first, ...others]
  return [restartRule(observed) ?? loggedLoadRule(observed) ?? unknownCause(observed, [])]
}

/** An engine that meets its objective. Log lines that look like errors do not change that. */
function healthy(observed: Observations): Hypothesis {
  return {
    category: 'none',
    rootCause: 'Nothing is wrong: the engine handles its load.',
    evidence: [...quoteHotspot(observed), ...quoteFigure(observed.runtime, 'stuck')],
    plans: [noChange('Nothing is wrong, so a change would only add risk.')],
    uncertainties: [],
  }
}

/** The data names no cause. Causes from the logs are only listed, because no telemetry confirms them. */
function unknownCause({ conversation }: Observations, logged: readonly Hypothesis[]): Hypothesis {
  const failed = [...new Set(conversation.results.filter((result) => result.failed).map(({ tool }) => tool))]
  return {
    category: 'unknown',
    rootCause: 'The data is not sufficient to name a cause.',
    evidence: logged.flatMap(({ evidence }) => evidence),
    plans: [noChange('The cause is not known, and a change without a known cause may make the incident worse.')],
    uncertainties: [
      ...(conversation.preTelemetry === undefined ? ['The telemetry before the fix is missing.'] : []),
      ...failed.map((tool) => `${tool} returned no result.`),
      ...logged.map(({ rootCause }) => `Not confirmed by telemetry: ${rootCause}`),
    ],
  }
}
