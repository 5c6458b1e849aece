import type { FixPlan } from '../../../tools/types.ts'
import type { Quote } from '../agent/agent-result.ts'
import { numberAt, quoteFigure, quoteMatch, quoteText, valueAt } from './conversation.ts'
import { defaultUtilization } from './memory-rules.ts'
import {
  completePlans,
  drainNode,
  engineArgument,
  engineNumber,
  type Hypothesis,
  type Observations,
  plan,
  restart,
} from './observations.ts'

// Rules for incidents that the metrics explain: the hotspot of analyze_metrics decides, and the configuration gives the
// values to start from. A second plan is stronger than the first and is tried only if the first did not help.

interface HotspotRule {
  /** The cause, in one sentence. */
  readonly rootCause: string | ((observed: Observations) => string)
  /** The fixes, best first; `undefined` for a fix whose values are not known. */
  readonly plans: (observed: Observations) => readonly (FixPlan | undefined)[]
  /** Advice to a person if no value of the fixes is known, in one sentence. */
  readonly advice?: string
  /** Further quotes that tell this cause from others. */
  readonly evidence?: (observed: Observations) => readonly Quote[]
  /** Facts about this cause that the data does not show. */
  readonly uncertainties?: (observed: Observations) => readonly string[]
  /** Whether the deciding fact was not observed. @defaultValue false */
  readonly isInferred?: boolean
}

/** One rule for each kind of hotspot, from vLLM's guide to optimization and tuning. */
const rules: Readonly<Record<string, HotspotRule>> = {
  kv_cache: {
    rootCause: 'The KV cache is full. Requests are preempted and recomputed, and others wait for free blocks.',
    plans: (observed) => {
      const utilization = engineNumber(observed, 'gpu_memory_utilization') ?? defaultUtilization
      const cacheType = engineArgument(observed, 'kv_cache_dtype') ?? 'auto'
      const isFixed = typeof engineArgument(observed, 'num_gpu_blocks_override') === 'number'
      // 0.92 is vLLM's default since 0.20. FP8 halves the size of a cached token.
      const larger = {
        // A fixed number of blocks overrides the share of the memory.
        ...(isFixed ? { num_gpu_blocks_override: null } : {}),
        ...(!isFixed && utilization < 0.92 ? { gpu_memory_utilization: 0.92 } : {}),
        ...(cacheType === 'auto' ? { kv_cache_dtype: 'fp8' } : {}),
      }
      const running = engineNumber(observed, 'max_num_seqs') ?? numberAt(observed.runtime, ['running'])
      const fewer = running === undefined ? {} : { max_num_seqs: Math.max(1, Math.floor(running / 2)) }
      const risks = cacheType === 'auto' ? ['An FP8 cache may reduce accuracy.'] : []
      return [
        engineArguments('Enlarge the KV cache', larger, risks),
        engineArguments('Enlarge the KV cache and admit fewer requests', { ...larger, ...fewer }, risks),
      ]
    },
  },
  batch_limit: {
    rootCause:
      'The engine runs max_num_seqs requests while the KV cache has room. Others wait for a slot, not for memory.',
    advice: 'Raise max_num_seqs: no file states its value, so the new one is not known.',
    plans: (observed) => {
      const cap = engineNumber(observed, 'max_num_seqs')
      if (cap === undefined) return []
      // The power of two that fits everything that runs and waits; 1024 is vLLM's own largest default.
      const load = cap + (numberAt(observed.runtime, ['waiting']) ?? cap)
      const target = Math.min(Math.max(cap * 2, 2 ** Math.ceil(Math.log2(load))), 1024)
      return [target, Math.min(target * 4, 1024)].map((value) =>
        engineArguments('Admit more requests', { max_num_seqs: value }, ['More requests need more KV cache.']),
      )
    },
  },
  long_prefills: {
    rootCause: 'Long prefills fill the steps in which running requests should get their next token.',
    // The lengths of the prompts, and the largest steps: few steps have many tokens.
    evidence: ({ page }) => [
      ...quoteMatch(page, /^vllm:request_prompt_tokens\b.*/m),
      ...quoteMatch(page, /^vllm:iteration_tokens_total\b.*/m),
    ],
    plans: (observed) => {
      // vLLM's guide advises 2048 for low inter-token latency.
      const budget = engineNumber(observed, 'max_num_batched_tokens') ?? 8192
      const lower = budget > 2048 ? 2048 : Math.max(256, Math.floor(budget / 2))
      const chunked =
        engineArgument(observed, 'enable_chunked_prefill') === false ? { enable_chunked_prefill: true } : {}
      return [lower, Math.max(256, Math.floor(lower / 2))].map((value) =>
        engineArguments('Limit the prefill work per step', { ...chunked, max_num_batched_tokens: value }, [
          'Time to first token may rise.',
        ]),
      )
    },
  },
  engine_stalled: {
    rootCause: 'The engine makes no progress although requests wait, and no log line shows a cause.',
    plans: (observed) => [plan('Restart the engine.', [restart]), drainNode(observed)],
    uncertainties: () => ['It is not known why the engine makes no progress.'],
    isInferred: true,
  },
  // NIXL moves KV blocks with UCX, which chooses the fastest devices and transports unless its variables limit it.
  kv_transfer: {
    rootCause: (observed) => {
      const limiting = ucxLimits(observed).join(' and ')
      const why = limiting === '' ? '' : `: ${limiting} name the interface and the transports that UCX may use`
      return `Requests wait for the KV blocks of their prompts, because the transfers from the prefill engine are slow${why}.`
    },
    evidence: ({ config }) => quoteMatch(config, /"UCX_TLS":"[^"]+"(?:,"UCX_NET_DEVICES":"[^"]+")?/),
    plans: (observed) => {
      const present = ucxLimits(observed)
      const env = Object.fromEntries(present.map((name) => [name, null]))
      return [
        present.length === 0
          ? undefined
          : plan(`Let UCX choose: without ${present.join(' and ')}, in the environment of both engines.`, [
              { action: 'set_env', env },
              restart,
            ]),
        engineArgument(observed, 'kv_transfer_config') === undefined
          ? undefined
          : plan(
              'Compute the prompts in this engine, without transfers.',
              [{ action: 'set_engine_args', args: { kv_transfer_config: null } }, restart],
              ['Prefill delays the decode steps of other requests.'],
            ),
      ]
    },
  },
  // The API server tokenizes prompts and streams answers on the CPU, and competes with the engine's own process.
  frontend: {
    rootCause: (observed) =>
      engineArgument(observed, 'tokenizer_mode') === 'slow'
        ? 'The API server uses the slow tokenizer, so requests lose time before they reach the scheduler.'
        : 'Requests lose time before they reach the scheduler, because the API server needs more CPU time.',
    evidence: ({ vllmLogs }) => quoteMatch(vllmLogs, /'tokenizer_mode': 'slow'/),
    plans: (observed) => {
      const cores = numberAt(observed.config, ['config', 'resources', 'cpu_cores'])
      const servers = engineNumber(observed, 'api_server_count') ?? 1
      return [
        engineArgument(observed, 'tokenizer_mode') === 'slow'
          ? engineArguments('Use the fast tokenizer', { tokenizer_mode: 'auto' }, [])
          : undefined,
        cores === undefined
          ? undefined
          : plan(`Give the engine ${cores * 2} CPU cores.`, [
              { action: 'set_resources', resources: { cpu_cores: cores * 2 } },
            ]),
        engineArguments('Run more API servers', { api_server_count: servers * 4 }, ['Each one needs host memory.']),
      ]
    },
  },
  decode: {
    rootCause: (observed) => {
      if (draftsAreRejected(observed)) {
        return 'Speculative decoding drafts tokens that are rejected, so each step computes more and gives hardly more tokens.'
      }
      return engineArgument(observed, 'enforce_eager') === true
        ? 'The decode steps are slow, because the engine runs in eager mode, without CUDA graphs.'
        : 'The decode steps themselves are slow.'
    },
    uncertainties: (observed) =>
      draftsAreRejected(observed)
        ? [
            'It is not known why the drafts are rejected: the drafter was not compared with the traffic or with the model.',
          ]
        : [],
    plans: (observed) => {
      // Eager mode launches every kernel from Python, which costs most in small decode steps.
      const cap = engineNumber(observed, 'max_num_seqs')
      return [
        draftsAreRejected(observed)
          ? engineArguments('Turn speculative decoding off', { speculative_config: null }, [
              'Small batches are faster with a drafter that suits the traffic.',
            ])
          : undefined,
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

/** The variables of the environment that limit the choice of UCX. */
function ucxLimits({ config }: Observations): readonly string[] {
  return ['UCX_NET_DEVICES', 'UCX_TLS'].filter((name) => valueAt(config, ['config', 'env', name]) !== undefined)
}

/** Share of accepted tokens below which drafts cost more than they save, unless the batch is very small. */
const usefulAcceptance = 0.3

/** Whether the engine drafts tokens and rejects most of them. */
function draftsAreRejected(observed: Observations): boolean {
  const accepted = numberAt(observed.analysis, ['derived_metrics', 'draft_acceptance_rate'])
  const isOn = (engineArgument(observed, 'speculative_config') ?? null) !== null
  return isOn && accepted !== undefined && accepted < usefulAcceptance
}

/** Hotspots that load alone explains: the engine works, but its settings do not suit its load. */
export const loadHotspots: ReadonlySet<string> = new Set(['kv_cache', 'kv_transfer', 'batch_limit', 'long_prefills'])

/** The hypothesis for the hotspot that `analyze_metrics` found, or for another kind. */
export function hotspotRule(observed: Observations): Hypothesis | undefined {
  const category = observed.hotspot ?? ''
  const rule = Object.hasOwn(rules, category) ? rules[category] : undefined
  if (rule === undefined) return undefined
  const uneven = unevenLoad(observed)
  const plans = completePlans(
    uneven?.advice === undefined ? [...(uneven?.plans ?? []), ...rule.plans(observed)] : [],
    uneven?.advice ?? rule.advice,
  )
  return {
    category,
    rootCause: uneven?.rootCause ?? rootCauseOf(rule, observed),
    evidence: [
      ...quoteHotspot(observed),
      ...(uneven?.evidence ?? [...(rule.evidence?.(observed) ?? []), ...changedSettings(observed, plans)]),
    ],
    plans,
    uncertainties: [
      ...(rule.uncertainties?.(observed) ?? []),
      'The simulation shows the effect of a change under the same load, not under another load.',
    ],
    ...(rule.isInferred === undefined ? {} : { isInferred: rule.isInferred }),
  }
}

/** The settings that the first plan changes, as the configuration has them: they show where its values start. */
function changedSettings({ config }: Observations, [first]: readonly FixPlan[]): readonly Quote[] {
  const names = (first?.actions ?? []).flatMap((action) =>
    action.action === 'set_engine_args' ? Object.keys(action.args) : [],
  )
  return names.flatMap((name) => quoteMatch(config, new RegExp(`"${name}":(?:-?\\d[\\d.]*|true|false)(?=[,}])`)))
}

function rootCauseOf({ rootCause }: HotspotRule, observed: Observations): string {
  return typeof rootCause === 'string' ? rootCause : rootCause(observed)
}

const unevenLoadCause =
  'One engine of the data-parallel deployment has most of the requests, because the gateway does not look at the load of the engines.'

/** A load that is not balanced. */
interface UnevenLoad extends Pick<Hypothesis, 'rootCause' | 'evidence' | 'plans'> {
  /** Advice to a person if the routing is not known. */
  readonly advice?: string
}

/** Balances the engines; `undefined` if the load is even, or if vLLM itself already chooses the engine. */
function unevenLoad({ analysis, config }: Observations): UnevenLoad | undefined {
  const because = valueAt(analysis, ['hotspot', 'because'])
  const reasons: readonly unknown[] = Array.isArray(because) ? because : []
  const text = reasons.find((reason) => typeof reason === 'string' && reason.startsWith('The load is not balanced'))
  const policy = valueAt(config, ['config', 'routing', 'policy'])
  if (analysis === undefined || typeof text !== 'string' || policy === 'least_loaded') return undefined
  const evidence = quoteText(analysis, text)
  // A built-in deployment without a policy leaves the choice to vLLM.
  if (policy === undefined && !Array.isArray(valueAt(config, ['not_stated']))) return undefined
  if (policy === undefined) {
    return {
      rootCause: 'One engine of the data-parallel deployment has most of the requests.',
      evidence,
      plans: [],
      advice: 'Route requests to the engine with the fewest requests: no file states how the gateway chooses one.',
    }
  }
  const balanced: FixPlan = {
    summary: 'Give each request to the engine with the fewest requests.',
    actions: [{ action: 'set_routing', policy: 'least_loaded' }],
    risks: ['A session no longer finds its earlier prompts in the prefix cache.'],
  }
  return { rootCause: unevenLoadCause, evidence, plans: [balanced] }
}

/** Sentences with figures that are quoted, at most. */
const quotedReasons = 2

/** Quotes the figures that led to the hotspot: its sentences, or the latencies that objectives limit. */
export function quoteHotspot({ analysis }: Observations): readonly Quote[] {
  if (analysis === undefined) return []
  const because = valueAt(analysis, ['hotspot', 'because'])
  const reasons = (Array.isArray(because) ? because : []).filter(
    (reason) => typeof reason === 'string' && /\d/.test(reason),
  )
  const quotes = reasons.slice(0, quotedReasons).flatMap((reason) => quoteText(analysis, reason))
  if (quotes.length > 0) return quotes
  return ['ttft_p95_s', 'inter_token_p99_s'].flatMap((name) => quoteFigure(analysis, name))
}

/** A plan that sets engine arguments; `undefined` if `args` is empty. */
function engineArguments(
  purpose: string,
  args: Readonly<Record<string, boolean | number | string | null>>,
  risks: readonly string[],
): FixPlan | undefined {
  const settings = Object.entries(args).map(([name, value]) => `${name}=${value}`)
  return settings.length === 0
    ? undefined
    : plan(`${purpose}: ${settings.join(', ')}.`, [{ action: 'set_engine_args', args }], risks)
}
