import { type Diagnosis, noChange, type Rule } from './diagnosis.ts'
import {
  collectiveMismatchRule,
  driverMismatchRule,
  infinibandRule,
  softLockupRule,
  startupHangRule,
} from './environment-rules.ts'
import { eccRule, xidRule } from './gpu-rules.ts'
import { hotspotEvidence, hotspotRule, loadHotspots } from './load-rules.ts'
import { quoteField } from './lookup.ts'
import { gpuMemoryRules, hostMemoryRule } from './memory-rules.ts'
import type { Observations } from './observations.ts'

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
export function diagnose(observed: Observations): readonly [Diagnosis, ...Diagnosis[]] {
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
