import { lookUp } from '../../../router/json/json-pointer.ts'
import { formatFigure } from '../../../tools/validation/deltas.ts'
import { numberAt, textAt, valueAt } from './conversation.ts'
import { engineArgument, type Hypothesis, type Observations } from './observations.ts'

// Causes that the results exclude, each with the figure or the log that excludes it. A log that was not collected excludes
// nothing.

/** Causes that the results exclude, most telling first, and lines that they leave open. */
export interface Alternatives {
  /** Sentences for `ruled_out`. */
  readonly ruledOut: readonly string[]
  /** Sentences for `uncertainties`. */
  readonly open: readonly string[]
}

/** The most causes that are worth a reader's time, besides those that were tried. */
const mostAlternatives = 3

/** Compares a diagnosis with the usual other causes. */
export function alternativesTo(observed: Observations, { category }: Hypothesis): Alternatives {
  const kernel = kernelLines(observed)
  if (category === 'none' || category === 'unknown') return kernel
  const excluded = excludedCauses.flatMap(({ unless, exclude }) =>
    unless.includes(category) ? [] : (exclude(observed) ?? []),
  )
  return { ...kernel, ruledOut: [...excluded.slice(0, mostAlternatives), ...kernel.ruledOut] }
}

/** A cause that figures or logs can exclude. */
interface ExcludedCause {
  /** Categories of diagnoses that name this cause, or one that it is part of. */
  readonly unless: readonly string[]
  /** The sentence with the reason; `undefined` if nothing excludes the cause. */
  readonly exclude: (observed: Observations) => string | undefined
}

/** A phase of a request with a smaller share of the latency does not explain it. */
const smallShare = 0.1
/** Below this share of used blocks, the KV cache limits nothing. */
const roomyCache = 0.8
/** A few waiting requests are a short burst. */
const shortQueue = 5

/** The usual causes. Those that figures exclude come before those that a silent log excludes. */
const excludedCauses: readonly ExcludedCause[] = [
  {
    unless: ['kv_cache', 'kv_transfer'],
    exclude: (observed) => {
      const used = telemetryNumber(observed, 'kv_cache', 'usage_max')
      const preempted = telemetryNumber(observed, 'requests', 'preemptions')
      return used === undefined || used >= roomyCache || preempted !== 0
        ? undefined
        : `KV cache: at most ${formatFigure(used, 'share')} of its blocks are in use, and no request was preempted.`
    },
  },
  {
    unless: ['batch_limit', 'kv_cache', 'kv_transfer'],
    exclude: (observed) => {
      const waiting = telemetryNumber(observed, 'queue', 'waiting_max')
      return waiting === undefined || waiting > shortQueue
        ? undefined
        : `batch limit: at most ${formatFigure(waiting, 'requests')} waited in the queue.`
    },
  },
  {
    unless: ['long_prefills', 'kv_transfer'],
    exclude: (observed) => smallPhase(observed, 'prefill', 'long prefills: the prefill is'),
  },
  {
    unless: ['frontend', 'kv_transfer'],
    exclude: (observed) => smallPhase(observed, 'other', 'API server: the time outside queue, prefill and decode is'),
  },
  {
    unless: ['host_memory'],
    exclude: (observed) =>
      collectedLogs(observed).includes('dmesg') && !hasClass(observed, /^linux_oom_kill$/)
        ? 'host memory: the kernel log has no OOM kill of the incident.'
        : undefined,
  },
  {
    unless: ['gpu_memory'],
    exclude: (observed) =>
      observed.vllmLogs !== undefined && !hasClass(observed, /memory/)
        ? 'GPU memory: the engine log has no out-of-memory error.'
        : undefined,
  },
]

/** A number of the telemetry before the fix; `undefined` if it is missing there. */
function telemetryNumber({ conversation }: Observations, ...path: readonly string[]): number | undefined {
  const found = lookUp(conversation.preTelemetry, path)
  return found.kind === 'found' && typeof found.value === 'number' ? found.value : undefined
}

/**
 * A sentence about a phase that takes a small share of the latency.
 *
 * @param text the start of the sentence.
 * @returns `undefined` if the share is large or not known.
 */
function smallPhase({ analysis }: Observations, phase: string, text: string): string | undefined {
  const share = numberAt(analysis, ['latency_breakdown', phase, 'share'])
  return share === undefined || share >= smallShare
    ? undefined
    : `${text} ${formatFigure(share, 'share')} of the latency.`
}

/** Whether a cause candidate of any log has a class that matches. */
function hasClass({ causes }: Observations, pattern: RegExp): boolean {
  return causes.some(({ class: name }) => pattern.test(name))
}

/**
 * A quiet kernel log rules out hardware, because the kernel logs hardware errors. A line of the incident that nobody knows
 * must be named: a fault of the network is ruled out only for an engine on one node.
 */
function kernelLines(observed: Observations): Alternatives {
  const { systemLogs, causes, failures } = observed
  if (collectedLogs(observed).length === 0 || causes.some(({ result }) => result === systemLogs)) return nothing
  const quiet = 'kernel and hardware: the system logs contain no possible cause'
  const strange = failures.find(
    ({ result, kind, isEarlier }) => result === systemLogs && kind === 'unclassified' && !isEarlier,
  )
  const line = strange === undefined ? '' : shownPart(strange.texts[0] ?? '')
  if (strange === undefined || line === '') return { ...nothing, ruledOut: [`${quiet}.`] }
  if (/^(?:network|link)/.test(strange.class) && isOnOneNode(observed)) {
    const why = 'the engine runs on one node, so its steps do not use the network'
    return { ...nothing, ruledOut: [`${quiet}. "${line}" is not one, because ${why}.`] }
  }
  return { ...nothing, open: [`The system logs have a line of unknown meaning, which is not ruled out: "${line}".`] }
}

/** Nothing is known about other causes. */
const nothing: Alternatives = { ruledOut: [], open: [] }

/** A part of a line that can be quoted: without the time, and up to the first quotation mark or note of the view. */
function shownPart(line: string): string {
  const [part = ''] = line.replace(/^\[[^\]]*\]\s*/, '').split(/["“”]| … \[/)
  return part.slice(0, 100).trim()
}

/** Whether the configuration has no other node, and no engine from which KV blocks come. */
function isOnOneNode(observed: Observations): boolean {
  const peers = valueAt(observed.config, ['config', 'placement', 'peers'])
  return (
    observed.config !== undefined &&
    !(Array.isArray(peers) && peers.length > 0) &&
    (engineArgument(observed, 'kv_transfer_config') ?? null) === null
  )
}

/** The system logs that a result of `fetch_system_logs` has read. */
function collectedLogs({ systemLogs }: Observations): readonly string[] {
  const absent = valueAt(systemLogs, ['not_collected'])
  const missing = new Set<unknown>(Array.isArray(absent) ? absent : [])
  return (textAt(systemLogs, ['source']) ?? '').split('+').filter((source) => source !== '' && !missing.has(source))
}
