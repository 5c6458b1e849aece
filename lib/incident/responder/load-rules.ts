import type { FixPlan } from '../../../tools/types.ts'
import { type Evidence, lookUp, numberAt, quoteField, quoteText } from './conversation.ts'
import { drainNode } from './gpu-rules.ts'
import { defaultUtilization } from './memory-rules.ts'
import { type Diagnosis, engineArgument, engineNumber, type Observations, plan, statedPlans } from './observations.ts'

interface HotspotRule {
  readonly category: string
  readonly rootCause: string
  readonly plans: (observed: Observations) => readonly (FixPlan | undefined)[]
}

/** One rule for each kind of hotspot, by vLLM's own tuning advice. */
const rules: Readonly<Record<string, HotspotRule>> = {
  kv_cache: {
    category: 'kv_cache',
    rootCause: 'The KV cache is full: requests are preempted and computed again, and others wait for blocks.',
    plans: (observed) => {
      const utilization = engineNumber(observed, 'gpu_memory_utilization') ?? defaultUtilization
      const cacheType = engineArgument(observed, 'kv_cache_dtype') ?? 'auto'
      const larger = {
        ...(utilization < 0.92 ? { gpu_memory_utilization: 0.92 } : {}),
        ...(cacheType === 'auto' ? { kv_cache_dtype: 'fp8' } : {}),
      }
      const running = engineNumber(observed, 'max_num_seqs') ?? numberAt(observed.runtime, ['running'])
      const fewer = running === undefined ? {} : { max_num_seqs: Math.max(1, Math.floor(running / 2)) }
      const risks = cacheType === 'auto' ? ['FP8 may cost accuracy.'] : []
      return [
        engineArguments('Enlarge the KV cache', larger, risks),
        engineArguments('Enlarge the KV cache and admit fewer requests', { ...larger, ...fewer }, risks),
      ]
    },
  },
  concurrency_cap: {
    category: 'concurrency_cap',
    rootCause: 'max_num_seqs is reached while the KV cache has room: requests wait for a place, not for memory.',
    plans: (observed) => {
      const cap = engineNumber(observed, 'max_num_seqs')
      if (cap === undefined) return []
      const load = cap + (numberAt(observed.runtime, ['waiting']) ?? cap)
      const target = Math.min(Math.max(cap * 2, 2 ** Math.ceil(Math.log2(load))), 1024)
      return [target, Math.min(target * 4, 1024)].map((value) =>
        engineArguments('Admit more requests', { max_num_seqs: value }, ['More requests need more KV cache.']),
      )
    },
  },
  prefill_interference: {
    category: 'prefill_interference',
    rootCause: 'Long prefills take the steps in which running requests should get their next token.',
    plans: (observed) => {
      const budget = engineNumber(observed, 'max_num_batched_tokens') ?? 8192
      const lower = budget > 2048 ? 2048 : Math.max(256, Math.floor(budget / 2))
      const chunked =
        engineArgument(observed, 'enable_chunked_prefill') === false ? { enable_chunked_prefill: true } : {}
      return [lower, Math.max(256, Math.floor(lower / 2))].map((value) =>
        engineArguments('Bound the prefill work in a step', { ...chunked, max_num_batched_tokens: value }, [
          'Time to first token may rise.',
        ]),
      )
    },
  },
  engine_stalled: {
    category: 'engine_stalled',
    rootCause: 'The engine makes no progress although requests wait, and no log line names a cause.',
    plans: (observed) => [plan('Restart the engine.', [{ action: 'restart_engine' }]), drainNode(observed)],
  },
  frontend: {
    category: 'frontend',
    rootCause: 'Time is lost before the scheduler: the API server lacks CPU.',
    plans: (observed) => {
      const cores = numberAt(observed.config, ['config', 'resources', 'cpu_cores'])
      const raise = (count: number) =>
        plan(`Give the engine ${count} CPU cores.`, [{ action: 'set_resources', resources: { cpu_cores: count } }])
      return cores === undefined ? [] : [raise(cores * 2), raise(cores * 4)]
    },
  },
  decode: {
    category: 'decode',
    rootCause: 'The decode steps themselves are slow.',
    plans: (observed) => {
      const cap = engineNumber(observed, 'max_num_seqs')
      return [
        engineArgument(observed, 'enforce_eager') === true
          ? engineArguments('Use CUDA graphs', { enforce_eager: false }, ['CUDA graphs need more GPU memory.'])
          : undefined,
        cap === undefined
          ? undefined
          : engineArguments('Run smaller batches', { max_num_seqs: Math.max(1, Math.floor(cap / 2)) }, [
              'More requests may wait.',
            ]),
      ]
    },
  },
}

/** Hotspots that load alone explains: the engine works, and has too much to do for its settings. */
export const loadHotspots: ReadonlySet<string> = new Set(['kv_cache', 'concurrency_cap', 'prefill_interference'])

/** The diagnosis by the hotspot that `analyze_metrics` named. */
export function hotspotRule(observed: Observations): Diagnosis | undefined {
  const rule = rules[observed.hotspot ?? '']
  if (rule === undefined) return undefined
  return {
    category: rule.category,
    rootCause: rule.rootCause,
    evidence: hotspotEvidence(observed),
    plans: statedPlans(rule.plans(observed)),
    uncertainties: ['The simulation shows what a change does under the same load, not under another one.'],
  }
}

/** The kind of the hotspot and the first figure that led to it. */
export function hotspotEvidence({ analysis }: Observations): readonly Evidence[] {
  if (analysis === undefined) return []
  const because = lookUp(analysis, ['hotspot', 'because'])
  const reason: unknown = Array.isArray(because) ? because[0] : undefined
  return [...quoteField(analysis, 'kind'), ...(typeof reason === 'string' ? quoteText(analysis, reason) : [])]
}

/** `undefined` where there is nothing left to set. */
function engineArguments(
  purpose: string,
  args: Readonly<Record<string, boolean | number | string>>,
  risks: readonly string[],
): FixPlan | undefined {
  const settings = Object.entries(args).map(([name, value]) => `${name}=${value}`)
  return settings.length === 0
    ? undefined
    : plan(`${purpose}: ${settings.join(', ')}.`, [{ action: 'set_engine_args', args }], risks)
}
