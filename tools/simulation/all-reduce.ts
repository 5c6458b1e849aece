import type { Gpu } from './hardware.ts'
import { interpolate } from './interpolate.ts'
import type { ModelArchitecture } from './models.ts'

/** Ranks of the nodes on which {@link Gpu.allReduce} was measured. */
const measuredRanks = 8

/**
 * One all-reduce between two nodes of eight GPUs, in milliseconds by message size in MiB.
 *
 * Source: `data/profiling/network/a100_dgx/all_reduce.csv` of microsoft/vidur, commit 7d47513, 16 ranks: medians around
 * each size, the first one below 0.5 MiB. Two ranks on two nodes take even longer (11.1 ms at 64 MiB). No measurement
 * with another network is published, so it serves for all GPUs.
 */
const acrossNodes = [
  [0, 0.206],
  [1, 0.475],
  [2, 0.823],
  [4, 1.278],
  [16, 2.072],
  [32, 3.88],
  [64, 6.959],
] as const

/**
 * Duration of all all-reduces of a step in milliseconds, by number of tokens: two per layer, of one hidden state per
 * token in bfloat16.
 *
 * A ring sends 2 (n − 1) / n of the message over each link, so fewer ranks than measured need less time.
 *
 * @param ranks GPUs that share each layer.
 * @param severalNodes whether those GPUs are on several nodes. Then messages cross the network.
 */
export function allReduceMs(
  { layers, hiddenSize }: ModelArchitecture,
  gpu: Gpu,
  ranks: number,
  severalNodes: boolean,
): (tokens: number) => number {
  if (ranks === 1) return () => 0
  const table = severalNodes ? acrossNodes : gpu.allReduce
  const latency = table[0]?.[1] ?? 0
  const ring = severalNodes ? 1 : (ranks - 1) / ranks / ((measuredRanks - 1) / measuredRanks)
  const sizes = table.map(([size]) => size)
  const times = table.map(([, time]) => latency + (time - latency) * ring)
  return (tokens) => 2 * layers * interpolate(sizes, times, (tokens * hiddenSize * 2) / 2 ** 20)
}
