import { isObject } from '../../../router/json/json.ts'
import { lookUp, quoteText, textAt } from './conversation.ts'
import { drainNode } from './gpu-rules.ts'
import { type Diagnosis, matchCause, type Observations, plan, type Rule, statedPlans } from './observations.ts'

const restart = { action: 'restart_engine' } as const

export const softLockupRule: Rule = (observed): Diagnosis | undefined => {
  const found = matchCause(observed, /BUG: soft lockup - CPU#\d+ stuck for \d+s/)
  if (found === undefined) return undefined
  return {
    category: 'host_cpu',
    rootCause: 'A CPU of the node is stuck in the kernel; the processes on it do not run.',
    evidence: found.evidence,
    plans: statedPlans([drainNode(observed)]),
    uncertainties: ['Whether a driver, the hypervisor or the hardware is at fault is not known.'],
  }
}

/** A completion with an error on InfiniBand: link, routing or peer. */
export const infinibandRule: Rule = (observed): Diagnosis | undefined => {
  const found = matchCause(
    observed,
    /NET\/IB ?: Got (?:completion from peer \S+ with (?:error|status)[ =]\w+|non-fatal async event: port error)/,
  )
  if (found === undefined) return undefined
  const timeout = plan('Allow InfiniBand more time.', [{ action: 'set_env', env: { NCCL_IB_TIMEOUT: '22' } }, restart])
  return {
    category: 'interconnect',
    rootCause: 'The InfiniBand link of the node fails.',
    evidence: found.evidence,
    plans: statedPlans([drainNode(observed), timeout]),
    uncertainties: ['Link counters were not read: cable, port and switch cannot be told apart.'],
  }
}

/** Ranks that issue different collectives: their NCCL environments or versions differ. */
export const collectiveMismatchRule: Rule = (observed): Diagnosis | undefined => {
  const found = matchCause(observed, /[Mm]essage truncated ?: receiv(?:ed|ing) \d+ bytes instead of \d+/)
  if (found === undefined) return undefined
  const present = lookUp(observed.config, ['config', 'env'])
  const nccl = Object.entries(isObject(present) ? present : {}).filter(([name]) => /^NCCL_(PROTO|ALGO)$/.test(name))
  const shared = Object.fromEntries(nccl.map(([name, value]) => [name, String(value)]))
  const pinned = { NCCL_PROTO: 'Simple', NCCL_ALGO: 'Ring' }
  const align = (env: Readonly<Record<string, string>>) =>
    plan(`Run every rank with ${JSON.stringify(env)}.`, [{ action: 'align_nccl_env', env }, restart])
  return {
    category: 'nccl_environment',
    rootCause: 'The ranks disagree on the size of a collective: their NCCL environments differ.',
    evidence: found.evidence,
    plans: statedPlans([nccl.length > 0 ? align(shared) : undefined, align(pinned)]),
    uncertainties: ['The environment of the other ranks was not read.'],
  }
}

const mismatch =
  /Error 803|unsupported display driver|forward compatibility was attempted on non supported HW|CUDA driver version is insufficient/i

/** The CUDA libraries of the image do not fit the driver of the host. */
export const driverMismatchRule: Rule = (observed): Diagnosis | undefined => {
  const found = matchCause(observed, mismatch)
  return found && imageDiagnosis(observed, found.evidence, [])
}

const waiting = /Waiting for \d+ local, \d+ remote core engine proc\(s\) to start/g

/** An engine that waits for its own processes and says nothing else. Once is normal while weights load. */
export const startupHangRule: Rule = (observed): Diagnosis | undefined => {
  const { vllmLogs } = observed
  const lines = vllmLogs?.text.match(waiting) ?? []
  if (vllmLogs === undefined || lines.length < 3) return undefined
  const uncertainty = 'No line names the reason of the hang: a mismatch of image and driver is the likeliest.'
  return imageDiagnosis(observed, quoteText(vllmLogs, lines[0] ?? ''), [uncertainty])
}

function imageDiagnosis(
  observed: Observations,
  evidence: Diagnosis['evidence'],
  uncertainties: readonly string[],
): Diagnosis {
  const image = previousImage(
    textAt(observed.config, ['config', 'image']),
    textAt(observed.config, ['config', 'vllm_version']),
  )
  return {
    category: 'image_driver_mismatch',
    rootCause: "The engine does not start: the image's CUDA libraries do not fit the driver of the host.",
    evidence,
    plans: statedPlans([
      image === undefined ? undefined : plan(`Go back to ${image}.`, [{ action: 'change_image', image }, restart]),
      plan("Put the host's driver libraries first.", [
        { action: 'set_env', env: { LD_LIBRARY_PATH: '/usr/local/nvidia/lib64:/usr/local/nvidia/lib' } },
        restart,
      ]),
    ]),
    uncertainties,
  }
}

/** Last patch release of vLLM's minor versions, where it is not `.0`. */
const lastPatch: Readonly<Record<number, number>> = { 8: 5, 9: 2, 10: 2, 11: 2, 14: 1, 15: 1 }

/**
 * The image of the minor release before: `vllm/vllm-openai:v0.15.0` gives `vllm/vllm-openai:v0.14.1`. The version comes
 * from the tag, or, where the tag is one like `latest`, from what the engine reports.
 *
 * @returns `undefined` where no version is known
 */
function previousImage(image = '', reported = ''): string | undefined {
  const [, repository, tag = ''] = /^(.+):([\w.-]+)$/.exec(image) ?? []
  const version = /^v?0\.(\d+)\.\d+/
  const minor = Number((version.exec(tag) ?? version.exec(reported))?.[1] ?? 0)
  return repository === undefined || minor < 1
    ? undefined
    : `${repository}:v0.${minor - 1}.${lastPatch[minor - 1] ?? 0}`
}
