import { isObject } from '../../../router/json/json.ts'
import type { FixPlan } from '../../../tools/types.ts'
import { objectsOf } from '../../testing/mock-server/request.ts'
import type { Quote } from '../agent/agent-result.ts'
import { latest, numberAt, quoteMatch, quoteText, textAt, valueAt } from './conversation.ts'
import { hotspotRule } from './load-rules.ts'
import {
  completePlans,
  drainNode,
  engineArgument,
  findFailure,
  type Hypothesis,
  type Observations,
  plan,
  type Rule,
  restart,
} from './observations.ts'

// Rules for causes outside the engine: the node, the network and the image. The log tools have classified the lines, so
// a pattern here only cuts out the quote. Messages that follow from another failure, such as a closed connection, have no
// rule.

/**
 * A CPU that the kernel reports as stuck. Its watchdog does so after twice `kernel.watchdog_thresh`, 20 s by default.
 * Raising the threshold hides the message, and a restart on the same node meets the same CPU, so the fix is to leave the node.
 */
export const softLockupRule: Rule = (observed): Hypothesis | undefined => {
  const found = findFailure(observed.causes, ['cpu_soft_lockup'], /BUG: soft lockup - CPU#\d+ stuck for \d+s/)
  if (found === undefined) return undefined
  return {
    category: 'host_cpu',
    rootCause: 'A CPU of the node is stuck in the kernel, so the processes on it do not run.',
    evidence: found.evidence,
    plans: completePlans([drainNode(observed)]),
    uncertainties: ['It is not known whether a driver, the hypervisor or the hardware causes the lockup.'],
  }
}

/**
 * An InfiniBand operation that completed with an error: the link, the routing or the peer failed. `NCCL_IB_DISABLE=1` is
 * often suggested, but it only replaces the failing link with slow TCP.
 */
export const infinibandRule: Rule = (observed): Hypothesis | undefined => {
  const found = findFailure(
    observed.causes,
    ['nccl_ib'],
    /NET\/IB ?: Got (?:completion from peer \S+ with (?:error|status)[ =]\w+|non-fatal async event: port error)/,
  )
  if (found === undefined) return undefined
  // The engine sees that an operation failed. Only the kernel or the counters show where.
  const device = findFailure(observed.causes, ['network_device', 'link_error'])
  // NCCL's default is 20; each step doubles the time.
  const timeout = plan('Allow InfiniBand more time.', [{ action: 'set_env', env: { NCCL_IB_TIMEOUT: '22' } }, restart])
  return {
    category: 'interconnect',
    rootCause: `${device === undefined ? "Most likely the node's" : "The node's"} InfiniBand link is failing.`,
    evidence: [...found.evidence, ...(device?.evidence ?? [])],
    plans: completePlans([drainNode(observed), timeout]),
    uncertainties: [
      'The link counters were not read, so it is not known whether the cable, the port or the switch is broken.',
    ],
    isInferred: device === undefined,
  }
}

/**
 * Ranks that issue different collectives because their NCCL environments or versions differ. The message comes from the
 * socket transport, but the network is fine. NCCL itself suggests comparing `NCCL_PROTO` and `NCCL_ALGO` between ranks.
 */
export const collectiveMismatchRule: Rule = (observed): Hypothesis | undefined => {
  const found = findFailure(observed.causes, ['nccl_truncated'])
  if (found === undefined) return undefined
  const nccl = environment(observed).filter(([name]) => choosesProtocol.test(name))
  const shared = Object.fromEntries(nccl.map(([name, value]) => [name, String(value)]))
  // Without values to share, the pair that every version of NCCL supports.
  const pinned = { NCCL_PROTO: 'Simple', NCCL_ALGO: 'Ring' }
  const align = (env: Readonly<Record<string, string>>) =>
    plan(`Run every rank with ${settingsText(env)}.`, [{ action: 'align_nccl_env', env }, restart], [], source(env))
  const source = (env: Readonly<Record<string, string>>) =>
    env === shared ? `${settingsText(env)} is what the first node sets (fetch_config, env).` : ''
  const differing = differingRanks(observed)
  return {
    category: 'nccl_environment',
    rootCause: `The ranks disagree on the size of a collective operation, ${differing === undefined ? 'most likely ' : ''}because their NCCL environments differ${differing?.text ?? '.'}`,
    evidence: [...found.evidence, ...(differing?.evidence ?? [])],
    plans: completePlans([nccl.length > 0 ? align(shared) : undefined, align(pinned)]),
    uncertainties:
      differing === undefined
        ? ['The environment of the other ranks was not read.']
        : ['The environments are those of the configuration: those of the running processes were not read.'],
    isInferred: differing === undefined,
  }
}

/** Variables by which ranks choose how they run a collective operation. All ranks need the same ones. */
const choosesProtocol = /^NCCL_(PROTO|ALGO)$/

/** A variable that a node sets and another one does not, or differently, by the configuration; `undefined` without one. */
function differingRanks(
  observed: Observations,
): { readonly text: string; readonly evidence: readonly Quote[] } | undefined {
  const own = environment(observed)
  for (const peer of objectsOf(valueAt(observed.config, ['config', 'placement', 'peers']))) {
    const env = peer['env']
    if (!isObject(env)) continue
    const names = new Set(
      [...own.map(([name]) => name), ...Object.keys(env)].filter((name) => choosesProtocol.test(name)),
    )
    const first = Object.fromEntries(own)
    const name = [...names].find((one) => first[one] !== env[one])
    if (name === undefined) continue
    const has = (value: unknown) => (value === undefined ? `does not set ${name}` : `has ${name}=${String(value)}`)
    return {
      text: `: the first node ${has(first[name])}, and ${String(peer['node'])} ${has(env[name])}.`,
      evidence: [
        ...quoteMatch(observed.config, /"env":\{[^{}]{0,300}\}/),
        ...quoteMatch(observed.config, /"peers":\[\{[^{}]{0,200}"env":\{[^{}]{0,300}\}/),
      ],
    }
  }
  return undefined
}

/** Settings as people write them: `NCCL_PROTO=LL128, NCCL_ALGO=Ring`. */
function settingsText(settings: Readonly<Record<string, unknown>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(', ')
}

/**
 * A process that waits in the kernel for a file system that does not respond. A worker that waits there stops all others.
 * Longer timeouts only delay the failure, so directories on mounted file systems go back to their default places.
 */
export const hungFileSystemRule: Rule = (observed): Hypothesis | undefined => {
  const found = findFailure(observed.causes, ['hung_task'], /task \S+ blocked for more than \d+ seconds/)
  // The first line can be of an earlier event, and of another server.
  const latestFirst = observed.causes.map((failure) => ({ ...failure, texts: failure.texts.toReversed() }))
  const server = findFailure(latestFirst, ['file_system'], /nfs: server \S+ not responding/)
  if (found === undefined || server === undefined) return undefined
  const mounted = environment(observed).filter(([, value]) => /^\/(?:mnt|nfs|net)\//.test(String(value)))
  const env = Object.fromEntries(mounted.map(([name]) => [name, null]))
  return {
    category: 'file_system',
    rootCause:
      'A worker waits in the kernel for a file system that does not respond, and the other workers wait for it.',
    evidence: [...found.evidence, ...server.evidence],
    plans: completePlans([
      mounted.length === 0
        ? undefined
        : plan(`Use the default places of ${Object.keys(env).join(', ')}.`, [{ action: 'set_env', env }, restart]),
      drainNode(observed),
    ]),
    uncertainties: ['It is not known why the file server does not respond.'],
  }
}

/**
 * The kubelet evicted the pod because the disk of the node was full. What grows there is a cache of KV blocks, if the
 * environment has one: a quarter of its size, or no cache at all.
 */
export const storageEvictionRule: Rule = (observed): Hypothesis | undefined => {
  const evictions = observed.causes.filter(({ texts }) => texts.some((text) => text.includes('ephemeral-storage')))
  const found = findFailure(evictions, ['eviction'], /low on resource: ephemeral-storage/)
  if (found === undefined) return undefined
  const sizes = environment(observed).filter(([name, value]) => /DISK_SIZE$/.test(name) && Number(value) >= 4)
  const env = Object.fromEntries(sizes.map(([name, value]) => [name, String(Math.floor(Number(value) / 4))]))
  const offloads = engineArgument(observed, 'kv_offloading_size') !== undefined
  const off = { kv_offloading_size: null, kv_offloading_backend: null }
  return {
    category: 'ephemeral_storage',
    rootCause: 'The pod filled the disk of its node, so the kubelet evicted it.',
    evidence: found.evidence,
    plans: completePlans([
      sizes.length === 0
        ? undefined
        : plan(`Keep fewer KV blocks on the disk: ${settingsText(env)}.`, [{ action: 'set_env', env }, restart]),
      offloads
        ? plan('Keep no KV blocks outside the GPU.', [{ action: 'set_engine_args', args: off }, restart])
        : undefined,
    ]),
    uncertainties: ['Which files of the pod filled the disk was not measured.'],
    isInferred: true,
  }
}

/** The environment variables of the configuration. */
function environment({ config }: Observations): [string, unknown][] {
  const present = valueAt(config, ['config', 'env'])
  return Object.entries(isObject(present) ? present : {})
}

/** The CUDA libraries of the image do not match the driver of the host. */
export const driverMismatchRule: Rule = (observed): Hypothesis | undefined => {
  const found = findFailure(observed.causes, ['cuda_driver'])
  return found && imageHypothesis(observed, found.evidence)
}

/** vLLM logs that it waits for its own processes every ten seconds. A few such lines are normal while weights load. */
const minWaits = 3

/** An engine that only reports that it waits. The log tool calls these lines benign, because most of them are. */
export const startupHangRule: Rule = (observed): Hypothesis | undefined => {
  const waits = observed.failures.filter((failure) => failure.class === 'startup_wait')
  if (waits.reduce((sum, { count }) => sum + count, 0) < minWaits) return undefined
  const evidence = [
    ...(findFailure(waits, ['startup_wait'])?.evidence ?? []),
    ...quoteMatch(observed.systemLogs, pulledImage),
    ...quoteMatch(observed.config, /"previous_image":"[^"]+"/),
  ]
  return {
    ...imageHypothesis(observed, evidence),
    rootCause:
      "The engine does not start, most likely because the image's CUDA libraries do not match the driver of the host.",
    uncertainties: ['No log line gives a reason for the hang. A mismatch of image and driver is the most likely one.'],
    isInferred: true,
  }
}

/** A container engine reports that it has a new image. */
const pulledImage = /(?:image pulled|Successfully pulled image)[^\n]{1,120}/

/**
 * Two ways to get libraries that match: the previous release of the image, or the host's own libraries first in the
 * search path. Longer timeouts and smaller batches do not help an engine that cannot use its GPU.
 */
function imageHypothesis(observed: Observations, evidence: Hypothesis['evidence']): Hypothesis {
  const earlier = textAt(observed.config, ['previous_image'])
  const image =
    earlier ??
    previousImage(textAt(observed.config, ['config', 'image']), textAt(observed.config, ['config', 'vllm_version']))
  return {
    category: 'image_driver_mismatch',
    rootCause: "The engine does not start: the image's CUDA libraries do not match the driver of the host.",
    evidence,
    plans: completePlans([
      image === undefined
        ? undefined
        : plan(
            `Go back to ${image}.`,
            [{ action: 'change_image', image }, restart],
            [],
            earlier === undefined
              ? `${image} is the release before the one that runs.`
              : `${image} is the image before this one (fetch_config, previous_image).`,
          ),
      plan("Load the host's driver libraries first.", [
        { action: 'set_env', env: { LD_LIBRARY_PATH: '/usr/local/nvidia/lib64:/usr/local/nvidia/lib' } },
        restart,
      ]),
    ]),
    uncertainties: [],
  }
}

/** Last patch release of each minor version of vLLM, if it is not `.0`. */
const lastPatch: Readonly<Record<number, number>> = { 8: 5, 9: 2, 10: 2, 11: 2, 14: 1, 15: 1 }

/**
 * The image of the previous minor release: `vllm/vllm-openai:v0.14.1` for `vllm/vllm-openai:v0.15.0`. The version comes
 * from the tag. If the tag is one like `latest`, it comes from the version that the engine reports.
 *
 * @returns `undefined` if the version is not known.
 */
function previousImage(image = '', reported = ''): string | undefined {
  const [, repository, tag = ''] = /^(.+):([\w.-]+)$/.exec(image) ?? []
  const version = /^v?0\.(\d+)\.\d+/
  const minor = Number((version.exec(tag) ?? version.exec(reported))?.[1] ?? 0)
  return repository === undefined || minor < 1
    ? undefined
    : `${repository}:v0.${minor - 1}.${lastPatch[minor - 1] ?? 0}`
}

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
 * The statistics of `vllm/v1/metrics/loggers.py`, at the start of a line of the view, or of a JSON string: text of a request
 * is after a quotation mark.
 */
const statistics =
  /(?:^|(?<!\\)")[^"'\\[]{0,120}\[loggers\.py:\d+\] (Engine \d+: Avg prompt throughput: [\d.]+ tokens\/s, Avg generation throughput: ([\d.]+) tokens\/s, Running: (\d+) reqs, Waiting: (\d+) reqs,(?: Preemptions: \d+,)? (?:GPU )?KV cache usage: ([\d.]+)%)/gm

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
  const uncertainties = [...hypothesis.uncertainties, uncertainty]
  return { ...hypothesis, evidence: quoteText(logs, text), uncertainties, isInferred: true }
}

/** The hotspot of one line of statistics; `undefined` if no request waits. The limits are those of `analyze_metrics`. */
function hotspotOf([generation = 0, running = 0, waiting = 0, usage = 0]: readonly number[]): string | undefined {
  if (generation === 0 && running > 0 && waiting > 0) return 'engine_stalled'
  if (waiting < 1) return undefined
  if (usage >= 95) return 'kv_cache'
  return usage < 80 && running > 0 ? 'batch_limit' : undefined
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
    isInferred: true,
  }
}
