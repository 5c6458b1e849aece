import { ConfigError } from '../errors.ts'
import { type DataSheet, type GpuFigures, type GpuRow, gpuTable, type Link } from './gpu-table.ts'

/** Data of a GPU model. */
export interface Gpu extends DataSheet {
  /** Duration of one all-reduce in milliseconds by message size in MiB; linear in between. */
  readonly allReduce: readonly (readonly [mebibytes: number, milliseconds: number])[]
}

/**
 * Durations of an all-reduce by message size.
 *
 * Source of the NVLink rows: medians of `data/profiling/network/{a100_dgx,h100_dgx}/all_reduce.csv` of microsoft/vidur,
 * commit 7d47513, eight ranks. The first figure is inferred: vLLM has an all-reduce of its own for small messages, which
 * Vidur did not measure. Four concurrent requests to gpt-oss-120b on two H100 (5.75 ms per token) leave about 0.016 ms for
 * each. NVLink 5 has twice the bandwidth of NVLink 4; its latency is taken to be the same. Without NVLink, messages cross
 * PCIe at about 25 GB/s.
 */
const allReduces: { readonly [link in Link]: Gpu['allReduce'] } = {
  nvlink3: [
    [0, 0.02],
    [0.5, 0.045],
    [1, 0.048],
    [2, 0.071],
    [4, 0.098],
    [8, 0.154],
    [16, 0.264],
    [32, 0.41],
    [64, 0.662],
  ],
  nvlink4: [
    [0, 0.016],
    [0.5, 0.036],
    [2, 0.039],
    [4, 0.051],
    [8, 0.074],
    [16, 0.113],
    [32, 0.196],
    [64, 0.34],
  ],
  nvlink5: [
    [0, 0.016],
    [0.5, 0.026],
    [2, 0.028],
    [4, 0.034],
    [8, 0.045],
    [16, 0.065],
    [32, 0.106],
    [64, 0.178],
  ],
  pcie: [
    [0, 0.06],
    [2, 0.17],
    [16, 1.3],
    [64, 5.2],
  ],
}

/**
 * The GPU of a deployment: from the data sheet of its name, with the figures that the user gives in their place.
 *
 * An unknown name needs `memory_gib`, `bandwidth_gb_s` and `bf16_tflops`.
 *
 * @param model name that nvidia-smi shows: `placement.gpu_model`.
 * @param figures figures of the user: `placement.gpu`.
 * @throws {ConfigError} `unknown_gpu` for an unknown name without figures; `invalid_gpu` for figures that are missing, out
 *   of range, or larger than those of the data sheet.
 */
export function gpuOf(model: string, figures?: GpuFigures): Gpu {
  const row = rowOf(model)
  if (figures === undefined && row !== undefined) return fromRow(row)
  if (figures === undefined) throw unknownGpu(model)
  for (const [name, { min, max, of }] of Object.entries(ranges)) checkRange(name, of(figures), min, max)
  if (row !== undefined) checkAgainst(row, figures)
  const link = figures.link ?? row?.link ?? 'pcie'
  const maxWatts = figures.power_limit_w ?? row?.maxWatts ?? 300
  return {
    memoryGib: figures.memory_gib ?? row?.memoryGib ?? missing(model, 'memory_gib'),
    bandwidthGbs: figures.bandwidth_gb_s ?? row?.bandwidthGbs ?? missing(model, 'bandwidth_gb_s'),
    teraflops: figures.bf16_tflops ?? row?.teraflops ?? missing(model, 'bf16_tflops'),
    // A tenth of the limit is typical of the data sheet's rows.
    idleWatts: row?.idleWatts ?? maxWatts / 10,
    maxWatts,
    link,
    allReduce: allReduces[link],
  }
}

function fromRow({ names: _, source: __, seen: ___, ...row }: GpuRow): Gpu {
  return { ...row, allReduce: allReduces[row.link] }
}

/** The row of a name. nvidia-smi cuts long names; other tools change the order of the words and what separates them. */
function rowOf(model: string): GpuRow | undefined {
  const plain = spelling(model)
  const words = sortedWords(plain)
  const cut = /^(.{12,}?)\.\.\.$/.exec(plain)?.[1]
  const matches = gpuTable.filter(({ names }) =>
    names.map(spelling).some((name) => sortedWords(name) === words || (cut !== undefined && name.startsWith(cut))),
  )
  // A cut name that could be several GPUs with other figures is not known.
  return matches.length === 1 ? matches[0] : undefined
}

/** Words that only say that something is a GPU, or whose. */
const emptyWords = /\b(?:nvidia|amd|geforce|corporation|tensor core|gpus?)\b/g

/**
 * A name in small letters, without vendor and brand: `a100 sxm4 80gb` of `NVIDIA-A100-SXM4-80GB`, as Kubernetes labels nodes, and
 * of `3D controller: NVIDIA Corporation GA100 [A100 SXM4 80GB] (rev a1)`, as lspci prints it.
 */
function spelling(name: string): string {
  const inBrackets = [...name.matchAll(/\[([^[\]]+)\]/g)].flatMap(([, text = '']) => (isPciId(text) ? [] : [text]))
  return (inBrackets.at(-1) ?? name)
    .toLowerCase()
    .replace(/[-_/\s]+/g, ' ')
    .replace(emptyWords, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}

/** Whether lspci prints a text in brackets as a number of a class, vendor or device: `10de:20b2`. */
function isPciId(text: string): boolean {
  return /^[\da-f]{4}(?::[\da-f]{4})?$/i.test(text)
}

function sortedWords(name: string): string {
  return name.split(' ').toSorted().join(' ')
}

function unknownGpu(model: string): ConfigError {
  const names = gpuTable.map((row) => row.names[0])
  const chip = /\b(?:[a-z]{1,3}\d{1,3}[a-z]?|\d{4})\b/.exec(spelling(model))?.[0]
  const similar = chip === undefined ? [] : names.filter((name) => spelling(name).split(' ').includes(chip))
  const hint = similar.length === 0 ? '' : ` Did you mean ${similar.join(' or ')}?`
  const slice = /\bmig\b/i.test(model) ? ' A MIG instance has figures of its own.' : ''
  return new ConfigError(
    `placement.gpu_model is ${JSON.stringify(model.slice(0, 100))}, which the simulation does not know.${slice}${hint} Put the ` +
      'figures of its data sheet into placement.gpu: memory_gib, bandwidth_gb_s and bf16_tflops (dense). Known: ' +
      `${names.join(', ')}.`,
    { code: 'unknown_gpu', field: 'placement.gpu_model' },
  )
}

/** Ranges that figures of real GPUs lie in, wide enough for slices and for the next generations. */
const ranges = {
  memory_gib: { min: 1, max: 2000, of: (figures: GpuFigures) => figures.memory_gib },
  bandwidth_gb_s: { min: 20, max: 100_000, of: (figures: GpuFigures) => figures.bandwidth_gb_s },
  bf16_tflops: { min: 1, max: 100_000, of: (figures: GpuFigures) => figures.bf16_tflops },
  power_limit_w: { min: 10, max: 10_000, of: (figures: GpuFigures) => figures.power_limit_w },
} as const

function checkRange(name: string, value: number | undefined, min: number, max: number): void {
  if (value === undefined || (value >= min && value <= max)) return
  const field = `placement.gpu.${name}`
  throw new ConfigError(
    `${field} is ${value}, but it must be from ${min} to ${max}. Units: memory in GiB, bandwidth in GB/s, bf16_tflops in ` +
      '10^12 operations per second.',
    { code: 'invalid_gpu', field },
  )
}

/** A slice of a GPU can have less than the data sheet says, but nothing can have more. */
function checkAgainst(row: GpuRow, figures: GpuFigures): void {
  const pairs = [
    ['memory_gib', figures.memory_gib, row.memoryGib],
    ['bandwidth_gb_s', figures.bandwidth_gb_s, row.bandwidthGbs],
    ['bf16_tflops', figures.bf16_tflops, row.teraflops],
  ] as const
  for (const [name, given, sheet] of pairs) {
    if (given === undefined || given <= sheet * 1.1) continue
    const field = `placement.gpu.${name}`
    const sparse = name === 'bf16_tflops' ? ' Data sheets often state twice the dense figure, for sparse matrices.' : ''
    throw new ConfigError(
      `${field} is ${given}, but the data sheet of ${row.names[0]} says ${sheet}.${sparse} Correct it, or set ` +
        'placement.gpu_model to the name of the other GPU.',
      { code: 'invalid_gpu', field },
    )
  }
}

function missing(model: string, name: string): never {
  const field = `placement.gpu.${name}`
  throw new ConfigError(
    `${field} is missing. ${JSON.stringify(model.slice(0, 100))} is not a known GPU, so placement.gpu needs memory_gib, ` +
      'bandwidth_gb_s and bf16_tflops.',
    { code: 'invalid_gpu', field },
  )
}
