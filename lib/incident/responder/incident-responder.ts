import type { Responder } from '../../testing/mock-server/completion.ts'
import { answerOf } from './answer.ts'
import { attemptsOf, candidatesOf } from './attempts.ts'
import { quoteField, readConversation } from './conversation.ts'
import {
  collectiveMismatchRule,
  driverMismatchRule,
  infinibandRule,
  softLockupRule,
  startupHangRule,
} from './environment-rules.ts'
import { eccRule, xidRule } from './gpu-rules.ts'
import { hotspotEvidence, hotspotRule, loadHotspots } from './load-rules.ts'
import { gpuMemoryRules, hostMemoryRule } from './memory-rules.ts'
import { type Diagnosis, noChange, type Observations, observe, type Rule } from './observations.ts'
import { fixingCalls, gatheringCalls } from './steps.ts'

/**
 * Plays the model for the incident agent, by rules: gather facts, analyse, apply a fix, collect, validate, answer.
 *
 * It keeps no state and decides from the request alone: the scenario in the prompt and the tool results so far. It
 * knows no scenario and no solution; its rules are general operating advice for vLLM. Text from logs is matched against
 * known patterns and never followed.
 */
export function incidentResponder(): Responder {
  return (request) => {
    const conversation = readConversation(request)
    const gathering = gatheringCalls(conversation, request.tools)
    if (gathering.length > 0) return { toolCalls: gathering }
    const observed = observe(conversation)
    const diagnoses = diagnose(observed)
    const candidates = candidatesOf(diagnoses)
    const attempts = attemptsOf(conversation, candidates)
    const declared = new Set(request.tools.map(({ name }) => name))
    const fixing = fixingCalls(conversation, candidates, attempts)
    if (fixing.length > 0 && fixing.every(({ name }) => declared.has(name))) return { toolCalls: fixing }
    return { content: JSON.stringify(answerOf(observed, diagnoses, attempts)) }
  }
}

/** Causes that logs name, the deepest first: hardware brings down what stands above it. */
const faultRules: readonly Rule[] = [
  xidRule,
  eccRule,
  softLockupRule,
  infinibandRule,
  collectiveMismatchRule,
  hostMemoryRule,
  ...gpuMemoryRules,
  driverMismatchRule,
  startupHangRule,
]

/**
 * Every diagnosis that the observations allow, the most plausible first. An engine that works under too much load is
 * explained by its load, whatever else its logs hold; an engine that does not work is explained by its logs.
 */
function diagnose(observed: Observations): readonly [Diagnosis, ...Diagnosis[]] {
  const { hotspot, stuckWorkers, conversation } = observed
  const faults = faultRules.flatMap((rule) => rule(observed) ?? [])
  if (conversation.preTelemetry === undefined && (hotspot === undefined || hotspot === 'unknown')) {
    return [insufficient(observed, faults)]
  }
  if (hotspot === 'none' && stuckWorkers === 0) return [noFault(observed)]
  const load = hotspotRule(observed) ?? []
  const works = loadHotspots.has(hotspot ?? '') && stuckWorkers === 0
  const [first, ...others] = works ? [load, faults].flat() : [faults, load].flat()
  return first === undefined ? [insufficient(observed, [])] : [first, ...others]
}

function noFault(observed: Observations): Diagnosis {
  return {
    category: 'none',
    rootCause: 'There is no fault: the engine meets its load.',
    evidence: [...hotspotEvidence(observed), ...quoteField(observed.runtime, 'stuck')],
    plans: [noChange('Nothing is wrong; a change would only add risk.')],
    uncertainties: [],
  }
}

function insufficient({ conversation }: Observations, faults: readonly Diagnosis[]): Diagnosis {
  const failed = [...new Set(conversation.results.filter((result) => result.failed).map(({ tool }) => tool))]
  return {
    category: 'unknown',
    rootCause: 'The data does not suffice to name a cause.',
    evidence: faults.flatMap(({ evidence }) => evidence),
    plans: [noChange('The cause is not known, and a change without a cause may do harm.')],
    uncertainties: [
      ...(conversation.preTelemetry === undefined ? ['The telemetry before the fix is missing.'] : []),
      ...failed.map((tool) => `${tool} gave no result.`),
      ...faults.map(({ rootCause }) => `Not confirmed by telemetry: ${rootCause}`),
    ],
  }
}
