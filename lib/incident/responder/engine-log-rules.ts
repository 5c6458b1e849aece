import { isObject } from '../../../router/json/json.ts'
import type { FixPlan } from '../../../tools/types.ts'
import { latest, numberAt, quoteText, valueAt } from './conversation.ts'
import { hotspotRule } from './load-rules.ts'
import { completePlans, findFailure, type Hypothesis, plan, type Rule, restart } from './observations.ts'

// Rules for what only the log of the engine shows: arguments that vLLM refuses, and statistics without a metrics page.

/** A message of a refused start, with the engine arguments that solve it, best first. */
interface Refusal {
  readonly pattern: RegExp
  readonly fixes: (match: RegExpExecArray) => readonly { readonly [name: string]: number | boolean }[]
}

/** The messages are those of `vllm/config` and `vllm/engine/arg_utils.py`, engine V1. */
const refusals: readonly Refusal[] = [
  {
    pattern: /max_num_batched_tokens \((\d+)\) must be (?:greater than or equal to|>=) max_num_seqs \((\d+)\)/,
    fixes: ([, tokens, requests]) => [{ max_num_batched_tokens: Number(requests) }, { max_num_seqs: Number(tokens) }],
  },
  {
    pattern: /max_num_batched_tokens \((\d+)\) is smaller than max_model_len \((\d+)\)/,
    fixes: ([, , length]) => [{ enable_chunked_prefill: true }, { max_num_batched_tokens: Number(length) }],
  },
  {
    pattern: /max_model_len \(\d+\) is greater than the derived max_model_len \([\w.]+=(\d+)/,
    fixes: ([, length]) => [{ max_model_len: Number(length) }],
  },
]

/** The engine refuses its arguments, so it does not start. */
export const refusedArgumentsRule: Rule = (observed): Hypothesis | undefined => {
  const [known] = refusals.flatMap(({ pattern, fixes }) => {
    const found = findFailure(observed.causes, ['configuration'], pattern)
    return found?.match === undefined ? [] : [{ ...found, plans: fixes(found.match).map(startWith) }]
  })
  const found = known ?? findFailure(observed.causes, ['configuration'], /unrecognized arguments: -{0,2}[\w-]{1,60}/)
  if (found === undefined) return undefined
  const { match } = found
  return {
    category: 'configuration',
    rootCause: `vLLM refuses the engine arguments, so the engine does not start${match === undefined ? '.' : `: ${match[0]}.`}`,
    evidence: found.evidence,
    plans: completePlans(known?.plans ?? [], 'Correct or remove the argument that the message names.'),
    uncertainties: [],
  }
}

function startWith(args: { readonly [name: string]: number | boolean }): FixPlan | undefined {
  const settings = Object.entries(args).map(([name, value]) => `${name}=${value}`)
  return plan(`Start the engine with ${settings.join(', ')}.`, [{ action: 'set_engine_args', args }, restart])
}

/**
 * The statistics of `vllm/v1/metrics/loggers.py`, in a JSON string that starts with their line: text of a request is after
 * an escaped quote. A clipped result cannot be parsed, so its text is searched.
 */
const statistics =
  /(?<!\\)"[^"\\[]{0,120}\[loggers\.py:\d+\] (Engine \d+: Avg prompt throughput: [\d.]+ tokens\/s, Avg generation throughput: ([\d.]+) tokens\/s, Running: (\d+) reqs, Waiting: (\d+) reqs,(?: Preemptions: \d+,)? (?:GPU )?KV cache usage: ([\d.]+)%)/g

/**
 * Load that only the statistics in the log show, because the incident has no metrics page. The last line counts: it is
 * the nearest to the end of the incident.
 */
export const loggedLoadRule: Rule = (observed): Hypothesis | undefined => {
  const logs = latest(observed.conversation, 'fetch_vllm_logs')
  if (logs === undefined || numberAt(observed.runtime, ['running']) !== undefined) return undefined
  const [, text = '', ...figures] = [...logs.text.matchAll(statistics)].at(-1) ?? []
  const kind = hotspotOf(figures.map(Number))
  const hypothesis = kind === undefined ? undefined : hotspotRule({ ...observed, hotspot: kind })
  if (hypothesis === undefined) return undefined
  const uncertainty = 'Only the statistics in the log show the load: no metrics page was collected.'
  return { ...hypothesis, evidence: quoteText(logs, text), uncertainties: [...hypothesis.uncertainties, uncertainty] }
}

/** The hotspot of one line of statistics; `undefined` if no request waits. The limits are those of `analyze_metrics`. */
function hotspotOf([generation = 0, running = 0, waiting = 0, usage = 0]: readonly number[]): string | undefined {
  if (generation === 0 && running > 0 && waiting > 0) return 'engine_stalled'
  if (waiting < 1) return undefined
  if (usage >= 95) return 'kv_cache'
  return usage < 80 && running > 0 ? 'concurrency_cap' : undefined
}

/** The engine restarted between two metrics pages. The pages after it show nothing of the time before. */
export const restartRule: Rule = ({ analysis, conversation }): Hypothesis | undefined => {
  const health = conversation.preTelemetry?.['health']
  const restarts = isObject(health) ? health['restarts'] : undefined
  if (typeof restarts !== 'number' || restarts < 1) return undefined
  const because = valueAt(analysis, ['hotspot', 'because'])
  const reason = (Array.isArray(because) ? because : []).find(
    (text) => typeof text === 'string' && text.includes('restarted'),
  )
  return {
    category: 'engine_restart',
    rootCause: 'The engine restarted during the incident. Its pages after the restart do not show why.',
    evidence: analysis === undefined || typeof reason !== 'string' ? [] : quoteText(analysis, reason),
    plans: completePlans([], 'Read the log of the engine and the kernel log of the time before the restart.'),
    uncertainties: ['It is not known whether the engine failed or somebody restarted it.'],
  }
}
