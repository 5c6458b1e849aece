import type { Gpu } from './hardware.ts'
import type { ModelArchitecture } from './models.ts'

/** Measured durations of one transformer layer without attention, by number of tokens in the batch. */
export interface MeasuredLayer {
  /** Numbers of tokens, ascending. */
  readonly tokens: readonly number[]
  /** Durations in microseconds, one for each number of tokens. */
  readonly microseconds: readonly number[]
  /** The GPU of the measurement. */
  readonly gpu: Pick<Gpu, 'bandwidthGbs' | 'teraflops'>
}

/**
 * Numbers of tokens in the batch. They are dense where a kernel starts another tile of 128 or 256 rows, because the
 * duration rises in steps there. The profiles of the H100 end at 4096 tokens.
 */
const tokens = [
  1, 8, 16, 32, 48, 64, 96, 128, 144, 192, 256, 264, 320, 384, 448, 512, 520, 640, 768, 1024, 1536, 2048, 3072, 4096,
  8192, 16_384,
]

/** The GPUs of the measurements: A100-SXM4-80GB and H100 SXM. */
const a100 = { bandwidthGbs: 2039, teraflops: 312 }
const h100 = { bandwidthGbs: 3350, teraflops: 989 }

/** Shapes of the layers that were measured. Llama 3, 3.1 and 3.3 have them. */
const shapes = {
  '8b': { hiddenSize: 4096, intermediateSize: 14_336, heads: 32, kvHeads: 8 },
  '70b': { hiddenSize: 8192, intermediateSize: 28_672, heads: 64, kvHeads: 8 },
} as const

/**
 * Microseconds per layer by shape, GPU and tensor parallel size: the sum of the medians of all matrix products, norms,
 * rotary embedding and activation.
 *
 * Source: `data/profiling/compute/<gpu>/meta-llama/<model>/mlp.csv` of microsoft/vidur, commit 7d47513 (arXiv 2405.05465).
 */
const rows: readonly {
  readonly shape: keyof typeof shapes
  readonly gpu: 'A100' | 'H100'
  readonly ranks: number
  /** Folder of the profile, and the factor of its durations if its layers have another size. */
  readonly source: string
  readonly microseconds: readonly number[]
}[] = [
  {
    shape: '8b',
    gpu: 'A100',
    ranks: 1,
    source: 'a100/Meta-Llama-3-8B',
    microseconds: [
      303, 312, 316, 341, 329, 351, 394, 412, 568, 524, 609, 829, 848, 867, 1098, 1082, 1211, 1506, 1655, 2348, 3341,
      4490, 6412, 8539, 16996, 34123,
    ],
  },
  {
    shape: '8b',
    gpu: 'A100',
    ranks: 2,
    source: 'a100/Meta-Llama-3-8B',
    microseconds: [
      178, 182, 186, 179, 184, 186, 232, 240, 314, 285, 362, 440, 449, 458, 577, 573, 668, 695, 844, 1148, 1670, 2272,
      3361, 4460, 9114, 18140,
    ],
  },
  {
    shape: '8b',
    gpu: 'A100',
    ranks: 4,
    source: 'a100/Meta-Llama-3-8B',
    microseconds: [
      106, 104, 107, 112, 112, 113, 136, 142, 149, 154, 235, 274, 269, 271, 312, 375, 360, 397, 460, 654, 878, 1155,
      1779, 2402, 4761, 9523,
    ],
  },
  {
    shape: '8b',
    gpu: 'A100',
    ranks: 8,
    source: 'a100/Meta-Llama-3-8B',
    microseconds: [
      65, 78, 82, 73, 71, 74, 90, 105, 97, 101, 136, 151, 153, 156, 196, 203, 200, 233, 258, 345, 508, 650, 979, 1344,
      2610, 5267,
    ],
  },
  {
    shape: '70b',
    gpu: 'A100',
    ranks: 1,
    source: 'a100/Meta-Llama-3-70B',
    microseconds: [
      1119, 1142, 1158, 1167, 1181, 1176, 1396, 1387, 2066, 2236, 2304, 3100, 3227, 3330, 4240, 4296, 5114, 5354, 6467,
      8854, 12380, 15806, 23694, 31704, 64393, 127111,
    ],
  },
  {
    shape: '70b',
    gpu: 'A100',
    ranks: 2,
    source: 'a100/Meta-Llama-3-70B',
    microseconds: [
      567, 574, 581, 610, 629, 634, 733, 782, 1058, 1049, 1101, 1558, 1572, 1623, 2116, 2202, 2542, 2630, 3265, 4383,
      6208, 8094, 12303, 16093, 31996, 64366,
    ],
  },
  {
    shape: '70b',
    gpu: 'A100',
    ranks: 4,
    source: 'a100/Meta-Llama-3-70B',
    microseconds: [
      311, 322, 327, 328, 332, 336, 398, 419, 502, 565, 637, 768, 777, 789, 1094, 1124, 1260, 1316, 1645, 2334, 3287,
      4230, 6402, 8164, 16096, 32688,
    ],
  },
  {
    shape: '70b',
    gpu: 'A100',
    ranks: 8,
    source: 'a100/Meta-Llama-3-70B',
    microseconds: [
      179, 182, 184, 186, 189, 194, 232, 236, 271, 300, 382, 440, 448, 452, 639, 651, 658, 682, 841, 1180, 1737, 2315,
      3411, 4442, 8769, 16906,
    ],
  },
  {
    shape: '8b',
    gpu: 'H100',
    ranks: 1,
    source: 'h100/Llama-2-7b-hf, times 1.078 (218.1 million weights per layer instead of 202.4 million)',
    microseconds: [
      189, 185, 195, 195, 197, 197, 246, 214, 255, 249, 308, 316, 329, 372, 422, 404, 518, 529, 634, 708, 1124, 1361,
      2154, 2802,
    ],
  },
  {
    shape: '8b',
    gpu: 'H100',
    ranks: 2,
    source: 'h100/Llama-2-7b-hf, times 1.078 (218.1 million weights per layer instead of 202.4 million)',
    microseconds: [
      108, 107, 112, 111, 116, 118, 139, 126, 156, 155, 154, 187, 203, 214, 242, 239, 301, 301, 350, 402, 639, 749,
      1121, 1483,
    ],
  },
  {
    shape: '8b',
    gpu: 'H100',
    ranks: 4,
    source: 'h100/Llama-2-7b-hf, times 1.078 (218.1 million weights per layer instead of 202.4 million)',
    microseconds: [
      68, 68, 69, 75, 74, 77, 81, 84, 93, 95, 100, 141, 127, 131, 152, 145, 161, 165, 189, 255, 355, 449, 652, 852,
    ],
  },
  {
    shape: '8b',
    gpu: 'H100',
    ranks: 8,
    source: 'h100/Llama-2-7b-hf, times 1.078 (218.1 million weights per layer instead of 202.4 million)',
    microseconds: [
      44, 53, 52, 52, 55, 56, 62, 62, 70, 70, 74, 93, 86, 95, 103, 103, 113, 119, 136, 163, 212, 293, 409, 557,
    ],
  },
  {
    shape: '70b',
    gpu: 'H100',
    ranks: 1,
    source: 'h100/Llama-2-70b-hf, which has layers of the same shape',
    microseconds: [
      625, 608, 615, 631, 631, 634, 662, 648, 739, 824, 764, 1067, 993, 1266, 1291, 1256, 2040, 2140, 2200, 2935, 4219,
      5333, 7968, 10938,
    ],
  },
  {
    shape: '70b',
    gpu: 'H100',
    ranks: 2,
    source: 'h100/Llama-2-70b-hf, which has layers of the same shape',
    microseconds: [
      319, 321, 323, 333, 329, 336, 351, 351, 418, 425, 408, 553, 538, 764, 767, 709, 1191, 1153, 1099, 1440, 2080,
      2738, 4056, 5462,
    ],
  },
  {
    shape: '70b',
    gpu: 'H100',
    ranks: 4,
    source: 'h100/Llama-2-70b-hf, which has layers of the same shape',
    microseconds: [
      179, 187, 182, 192, 185, 191, 201, 199, 234, 229, 240, 377, 315, 362, 378, 375, 568, 604, 587, 776, 1027, 1401,
      2230, 2778,
    ],
  },
  {
    shape: '70b',
    gpu: 'H100',
    ranks: 8,
    source: 'h100/Llama-2-70b-hf, which has layers of the same shape',
    microseconds: [
      105, 105, 107, 116, 112, 112, 129, 125, 155, 163, 144, 206, 212, 209, 235, 221, 364, 367, 381, 408, 601, 796,
      1142, 1529,
    ],
  },
]

/** The measurements of a model's layers on a GPU; `undefined` without measurements, or if the weights are not bfloat16. */
export function measuredLayer(model: ModelArchitecture, gpuModel: string, ranks: number): MeasuredLayer | undefined {
  const { hiddenSize, intermediateSize, heads, kvHeads, weights } = model
  const bfloat16 = weights.attention.bytesPerParameter === 2 && weights.feedForward.bytesPerParameter === 2
  if (!bfloat16 || model.experts !== undefined || model.latent !== undefined) return undefined
  const generation = /\b(?:A100|H100|H200)\b/.exec(gpuModel)?.[0]
  const gpu = generation === 'H200' ? 'H100' : generation
  const row = rows.find((candidate) => {
    const shape = shapes[candidate.shape]
    return (
      candidate.gpu === gpu &&
      candidate.ranks === ranks &&
      shape.hiddenSize === hiddenSize &&
      shape.intermediateSize === intermediateSize &&
      shape.heads === heads &&
      shape.kvHeads === kvHeads
    )
  })
  if (row === undefined) return undefined
  const { microseconds } = row
  return { tokens: tokens.slice(0, microseconds.length), microseconds, gpu: gpu === 'A100' ? a100 : h100 }
}
