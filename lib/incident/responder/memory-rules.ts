import { numberAt } from './conversation.ts'
import {
  completePlans,
  engineArgument,
  engineNumber,
  findFailure,
  type Hypothesis,
  type Observations,
  plan,
  type Rule,
  restart,
} from './observations.ts'

// Rules for memory that runs out. Host memory and GPU memory are unrelated: `gpu_memory_utilization` has no effect on a
// kernel that kills processes, and a larger host does not help CUDA.

/** vLLM's default of `gpu_memory_utilization` before 0.20. The later default, 0.92, makes no difference to these rules. */
export const defaultUtilization = 0.9

/**
 * The kernel killed a process because host memory ran out, on the host (`CONSTRAINT_NONE`) or within the limit of the
 * container (`CONSTRAINT_MEMCG`). The first plan doubles the memory, the second one doubles it again.
 */
export const hostMemoryRule: Rule = (observed): Hypothesis | undefined => {
  const found = findFailure(
    observed.causes,
    ['linux_oom_kill'],
    /oom-kill:constraint=\w+|Memory cgroup out of memory: Killed process \d+|Out of memory: Kill(?:ed)? process \d+/,
  )
  if (found === undefined) return undefined
  const memory = numberAt(observed.config, ['config', 'resources', 'host_memory_gb'])
  const raise = (factor: number) =>
    memory === undefined
      ? undefined
      : plan(`Raise the host memory limit from ${memory} to ${memory * factor} GiB and restart.`, [
          { action: 'set_resources', resources: { host_memory_gb: memory * factor } },
          restart,
        ])
  return {
    category: 'host_memory',
    rootCause: 'The engine ran out of host memory, and the kernel killed a process.',
    evidence: found.evidence,
    plans: completePlans([raise(2), raise(4)]),
    uncertainties: [
      'It is not certain which process used more and more memory: the kernel kills the largest one, not the one that grows.',
    ],
  }
}

/**
 * The four shortages of GPU memory that vLLM reports with different messages. Some of their fixes are opposites: the
 * second one needs a higher `gpu_memory_utilization`, the first and the last one a lower one.
 */
export const gpuMemoryRules: readonly Rule[] = [
  gpuMemoryRule({
    classes: ['gpu_memory_taken'],
    pattern:
      /Free memory on device \S+ \(([\d.]+)\/([\d.]+) GiB\) on startup is less than desired GPU memory utilization/,
    rootCause: 'Another process holds GPU memory that the engine wants to reserve.',
    fix: (observed, match) => {
      if (match === undefined) return { gpu_memory_utilization: lowerUtilization(observed) }
      // The message has the free and the total memory in GiB. 97 % of the free memory, because the other process may grow.
      const free = Number(match[1]) / Number(match[2])
      return { gpu_memory_utilization: twoDecimals(Math.floor(free * 97) / 100) }
    },
  }),
  gpuMemoryRule({
    classes: ['kv_cache_memory'],
    // vLLM names the longest request for which its memory is enough.
    pattern: /estimated maximum model length is (\d+)/,
    rootCause: (observed) =>
      hasFixedBlocks(observed)
        ? 'num_gpu_blocks_override makes the KV cache too small for one request of max_model_len.'
        : 'After the weights are loaded, too little GPU memory is left for the KV cache.',
    // A fixed number of blocks overrides all that is known of the memory.
    fix: (observed, match) =>
      hasFixedBlocks(observed)
        ? { num_gpu_blocks_override: null }
        : match === undefined
          ? { gpu_memory_utilization: 0.95, ...halved(observed, 'max_model_len') }
          : { max_model_len: Number(match[1]) },
  }),
  gpuMemoryRule({
    classes: ['sampler_memory'],
    pattern: /out of memory occurred when warming up sampler with \d+ dummy requests/,
    rootCause: 'The largest batch does not fit into GPU memory next to the KV cache.',
    fix: (observed) => halved(observed, 'max_num_seqs'),
  }),
  gpuMemoryRule({
    classes: ['cuda_out_of_memory', 'graph_capture_memory'],
    pattern:
      /(?:torch\.(?:cuda\.)?OutOfMemoryError: )?CUDA out of memory\. Tried to allocate [\d.]+ [KMG]iB(?:\. GPU \d+ has a total capacity of [\d.]+ [KMG]iB of which [\d.]+ [KMG]iB is free)?|torch\.(?:cuda\.)?OutOfMemoryError|CUDA error: out of memory/,
    rootCause: 'vLLM reserves so much GPU memory that too little is left for what a request needs at run time.',
    // Unchunked prefills need memory for whole prompts, which vLLM's profiling run does not see.
    fix: (observed) => ({
      gpu_memory_utilization: lowerUtilization(observed),
      ...(engineArgument(observed, 'enable_chunked_prefill') === false ? { enable_chunked_prefill: true } : {}),
    }),
  }),
]

/** Engine arguments to set, in Python spelling. */
type Arguments = Readonly<Record<string, number | boolean | null>>

/** One shortage of GPU memory. */
interface Shortage {
  /** Classes of the log lines that report it. */
  readonly classes: readonly string[]
  /** The part to quote, with groups for the numbers that the fix needs. */
  readonly pattern?: RegExp
  /** The cause, in one sentence. */
  readonly rootCause: string | ((observed: Observations) => string)
  /** The arguments to set. `match` is `undefined` if the line does not match the pattern. */
  readonly fix: (observed: Observations, match: RegExpExecArray | undefined) => Arguments
}

/** A rule with two plans: the fix, and the fix with half as many concurrent requests. */
function gpuMemoryRule({ classes, pattern, rootCause, fix }: Shortage): Rule {
  return (observed) => {
    const found = findFailure(observed.causes, classes, pattern)
    if (found === undefined) return undefined
    const args = fix(observed, found.match)
    return {
      category: 'gpu_memory',
      rootCause: typeof rootCause === 'string' ? rootCause : rootCause(observed),
      evidence: found.evidence,
      plans: completePlans([startWith(args), startWith({ ...args, ...halved(observed, 'max_num_seqs') })]),
      // The other shortages appear while the engine starts, when nothing can have leaked.
      ...(classes.includes('cuda_out_of_memory')
        ? {
            uncertainties: [
              'The use of GPU memory over time was not observed. If the engine leaks memory, this fix only delays the next failure.',
            ],
            isInferred: true,
          }
        : { uncertainties: [] }),
    }
  }
}

function startWith(args: Arguments) {
  const settings = Object.entries(args).map(([name, value]) =>
    value === null ? `the default of ${name}` : `${name}=${value}`,
  )
  return plan(`Start the engine with ${settings.join(', ')}.`, [{ action: 'set_engine_args', args }, restart])
}

function hasFixedBlocks(observed: Observations): boolean {
  return typeof engineArgument(observed, 'num_gpu_blocks_override') === 'number'
}

/** Half of an engine argument; nothing if its value is not known. */
function halved(observed: Observations, name: string): Arguments {
  const value = engineNumber(observed, name)
  return value === undefined ? {} : { [name]: Math.max(1, Math.floor(value / 2)) }
}

/** Seven points below the current value and at most 0.88: room for memory that vLLM's profiling run does not see. */
function lowerUtilization(observed: Observations): number {
  return twoDecimals(Math.min((engineNumber(observed, 'gpu_memory_utilization') ?? defaultUtilization) - 0.07, 0.88))
}

function twoDecimals(value: number): number {
  return Math.round(value * 100) / 100
}
