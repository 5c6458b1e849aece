import { ConfigError } from '../errors.ts'

/** Data of a GPU model. Sources: vendor data sheets; memory as CUDA reports it. */
export interface Gpu {
  /** Total memory in GiB. */
  readonly memoryGib: number
  /** HBM bandwidth, GB/s (10^9). */
  readonly bandwidthGbs: number
  /** Dense bfloat16, 10^12 operations per second. */
  readonly teraflops: number
  /** Power draw without load, in watts. */
  readonly idleWatts: number
  /** Power limit, in watts. */
  readonly maxWatts: number
  /** Duration of one all-reduce in milliseconds by message size in MiB, measured on DGX nodes; linear in between. */
  readonly allReduce: readonly (readonly [mebibytes: number, milliseconds: number])[]
}

/** NVLink of an A100 node. */
const ampereLinks = [
  [0, 0.026],
  [2, 0.07],
  [16, 0.27],
  [64, 0.68],
] as const
/** NVLink of an H100 node. */
const hopperLinks = [
  [0, 0.034],
  [2, 0.042],
  [16, 0.093],
  [64, 0.32],
] as const
/** Without NVLink, messages cross PCIe at about 25 GB/s. */
const pcieLinks = [
  [0, 0.06],
  [2, 0.17],
  [16, 1.3],
  [64, 5.2],
] as const

/** By the name that nvidia-smi shows. */
const gpus: { readonly [model: string]: Gpu } = {
  // Ampere, 400 W SXM module; HBM2 with 1555 GB/s or HBM2e with 2039 GB/s.
  'NVIDIA A100-SXM4-40GB': {
    memoryGib: 39.39,
    bandwidthGbs: 1555,
    teraflops: 312,
    idleWatts: 52,
    maxWatts: 400,
    allReduce: ampereLinks,
  },
  'NVIDIA A100-SXM4-80GB': {
    memoryGib: 79.15,
    bandwidthGbs: 2039,
    teraflops: 312,
    idleWatts: 60,
    maxWatts: 400,
    allReduce: ampereLinks,
  },
  // Hopper, 700 W SXM module.
  'NVIDIA H100 80GB HBM3': {
    memoryGib: 79.11,
    bandwidthGbs: 3350,
    teraflops: 989,
    idleWatts: 70,
    maxWatts: 700,
    allReduce: hopperLinks,
  },
  // Consumer card with GDDR6X, used without an NVLink bridge.
  'NVIDIA GeForce RTX 3090': {
    memoryGib: 23.57,
    bandwidthGbs: 936,
    teraflops: 71,
    idleWatts: 20,
    maxWatts: 350,
    allReduce: pcieLinks,
  },
  // Workstation card with GDDR7, and without NVLink.
  'NVIDIA RTX PRO 6000 Blackwell': {
    memoryGib: 94.97,
    bandwidthGbs: 1792,
    teraflops: 500,
    idleWatts: 30,
    maxWatts: 600,
    allReduce: pcieLinks,
  },
}

/**
 * Looks up a GPU model by the name that nvidia-smi shows.
 *
 * @throws {ConfigError} if the simulation has no data for the model.
 */
export function gpuOf(model: string): Gpu {
  const gpu = Object.hasOwn(gpus, model) ? gpus[model] : undefined
  if (gpu !== undefined) return gpu
  throw new ConfigError(
    `placement.gpu_model is ${JSON.stringify(model)}, which the simulation does not know. Known: ${Object.keys(gpus).join(', ')}.`,
  )
}
