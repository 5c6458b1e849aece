import { numberAt } from './conversation.ts'
import {
  type Diagnosis,
  engineArgument,
  engineNumber,
  matchCause,
  type Observations,
  plan,
  type Rule,
  statedPlans,
} from './observations.ts'

/** vLLM's default before 0.20; the later one, 0.92, lies close enough for these rules. */
export const defaultUtilization = 0.9

const restart = { action: 'restart_engine' } as const

/** The kernel killed a process for want of host memory. Not to be taken for a CUDA out-of-memory error. */
export const hostMemoryRule: Rule = (observed): Diagnosis | undefined => {
  const found = matchCause(
    observed,
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
    rootCause: 'The engine ran out of host memory and the kernel killed a process.',
    evidence: found.evidence,
    plans: statedPlans([raise(2), raise(4)]),
    uncertainties: ['Which process grew is not certain: the kernel kills the largest, not the one that grows.'],
  }
}

/** The four kinds of GPU memory shortage that vLLM words differently; their remedies are opposite. */
export const gpuMemoryRules: readonly Rule[] = [
  gpuMemoryRule(
    /Free memory on device \S+ \(([\d.]+)\/([\d.]+) GiB\) on startup is less than desired GPU memory utilization/,
    'Another process holds GPU memory that the engine wants to reserve.',
    (_observed, match) => {
      const free = Number(match[1]) / Number(match[2])
      return { gpu_memory_utilization: twoDecimals(Math.floor(free * 97) / 100) }
    },
  ),
  gpuMemoryRule(
    /No available memory for the cache blocks|which is larger than the available KV cache memory/,
    'After the weights, too little GPU memory is left for the KV cache.',
    (observed) => ({ gpu_memory_utilization: 0.95, ...halved(observed, 'max_model_len') }),
  ),
  gpuMemoryRule(
    /out of memory occurred when warming up sampler with \d+ dummy requests/,
    'The largest batch does not fit beside the KV cache.',
    (observed) => halved(observed, 'max_num_seqs'),
  ),
  gpuMemoryRule(
    /torch\.(?:cuda\.)?OutOfMemoryError|CUDA out of memory\. Tried to allocate [\d.]+ [KMG]iB|CUDA error: out of memory/,
    'The share of GPU memory that vLLM reserves leaves too little for what a request needs at run time.',
    (observed) => ({
      gpu_memory_utilization: lowerUtilization(observed),
      ...(engineArgument(observed, 'enable_chunked_prefill') === false ? { enable_chunked_prefill: true } : {}),
    }),
  ),
]

type Arguments = Readonly<Record<string, number | boolean>>

function gpuMemoryRule(
  pattern: RegExp,
  rootCause: string,
  remedy: (observed: Observations, match: RegExpExecArray) => Arguments,
): Rule {
  return (observed) => {
    const found = matchCause(observed, pattern)
    if (found === undefined) return undefined
    const args = remedy(observed, found.match)
    const harder = { ...args, ...halved(observed, 'max_num_seqs') }
    return {
      category: 'gpu_memory',
      rootCause,
      evidence: found.evidence,
      plans: statedPlans([
        plan(`Start the engine with ${JSON.stringify(args)}.`, [{ action: 'set_engine_args', args }, restart]),
        plan(`Start the engine with ${JSON.stringify(harder)}.`, [
          { action: 'set_engine_args', args: harder },
          restart,
        ]),
      ]),
      uncertainties: ['A memory leak would only be put off by this fix.'],
    }
  }
}

function halved(observed: Observations, name: string): Arguments {
  const value = engineNumber(observed, name)
  return value === undefined ? {} : { [name]: Math.max(1, Math.floor(value / 2)) }
}

/** Seven points below the present value, and never above 0.88: room for what vLLM's profiling run does not see. */
function lowerUtilization(observed: Observations): number {
  return twoDecimals(Math.min((engineNumber(observed, 'gpu_memory_utilization') ?? defaultUtilization) - 0.07, 0.88))
}

function twoDecimals(value: number): number {
  return Math.round(value * 100) / 100
}
