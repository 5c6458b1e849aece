/** What the simulation has to know of a GPU; vendor data sheets, memory as CUDA reports it. */
export interface Gpu {
  readonly memoryGib: number
  /** HBM bandwidth, GB/s (10^9). */
  readonly bandwidthGbs: number
  /** Dense bfloat16, 10^12 operations per second. */
  readonly teraflops: number
  readonly idleWatts: number
  readonly maxWatts: number
  /** Milliseconds of one all-reduce by message size in MiB (measured on DGX nodes); linear between. */
  readonly allReduce: readonly (readonly [mebibytes: number, milliseconds: number])[]
}

const ampereLinks = [
  [0, 0.026],
  [2, 0.07],
  [16, 0.27],
  [64, 0.68],
] as const
const hopperLinks = [
  [0, 0.034],
  [2, 0.042],
  [16, 0.093],
  [64, 0.32],
] as const
/** Without NVLink every message crosses PCIe, at about 25 GB/s. */
const pcieLinks = [
  [0, 0.06],
  [2, 0.17],
  [16, 1.3],
  [64, 5.2],
] as const

const gpus: { readonly [model: string]: Gpu } = {
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
  'NVIDIA H100 80GB HBM3': {
    memoryGib: 79.11,
    bandwidthGbs: 3350,
    teraflops: 989,
    idleWatts: 70,
    maxWatts: 700,
    allReduce: hopperLinks,
  },
  'NVIDIA GeForce RTX 3090': {
    memoryGib: 23.57,
    bandwidthGbs: 936,
    teraflops: 71,
    idleWatts: 20,
    maxWatts: 350,
    allReduce: pcieLinks,
  },
  'NVIDIA RTX PRO 6000 Blackwell': {
    memoryGib: 94.97,
    bandwidthGbs: 1792,
    teraflops: 500,
    idleWatts: 30,
    maxWatts: 600,
    allReduce: pcieLinks,
  },
}

/** @throws {RangeError} when the simulation has no figures for `model`. */
export function gpuOf(model: string): Gpu {
  const gpu = Object.hasOwn(gpus, model) ? gpus[model] : undefined
  if (gpu !== undefined) return gpu
  throw new RangeError(
    `placement.gpu_model ${JSON.stringify(model)} is unknown to the simulation. Known: ${Object.keys(gpus).join(', ')}.`,
  )
}
