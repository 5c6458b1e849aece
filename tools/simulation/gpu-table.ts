import type { DeploymentConfig } from '../../fixtures/deployment.ts'

/** Figures of a GPU as a user gives them: `placement.gpu` of a deployment. */
export type GpuFigures = NonNullable<DeploymentConfig['placement']['gpu']>

/** Connection between the GPUs of a node. */
export type Link = NonNullable<GpuFigures['link']>

/** Figures of a data sheet. */
export interface DataSheet {
  /** Total memory in GiB, as CUDA reports it. */
  readonly memoryGib: number
  /** Memory bandwidth, GB/s (10^9). */
  readonly bandwidthGbs: number
  /** Dense bfloat16 with float32 accumulation, 10^12 operations per second. */
  readonly teraflops: number
  /** Power draw without load, in watts. */
  readonly idleWatts: number
  /** Power limit, in watts. */
  readonly maxWatts: number
  /** Connection to the other GPUs of a node. */
  readonly link: Link
}

/** One GPU model of the table. */
export interface GpuRow extends DataSheet {
  /**
   * Names that nvidia-smi, PyTorch or rocm-smi show, and those of the PCI ID database (lspci) and of Google Cloud with other
   * words. The first one is shown in messages.
   */
  readonly names: readonly [string, ...string[]]
  /** Document with bandwidth, operations and power limit. */
  readonly source: string
  /** Where the figures were compared with the document, and what could not be confirmed. */
  readonly seen: string
}

/**
 * GPU models.
 *
 * Bandwidth, operations and power limit are from the document that each row names; where it states operations for sparse
 * matrices, half of them. Memory is the "total capacity" of PyTorch's out-of-memory messages, and the idle power is that
 * of nvidia-smi's table, both from logs that users published.
 *
 * The vendors' documents themselves were not at hand when the figures were compared (November 2026), only copies of their
 * tables on the pages that `seen` names, and figures of others. `seen` also says which figures nobody could confirm.
 */
export const gpuTable: readonly GpuRow[] = [
  {
    names: ['NVIDIA A100-SXM4-40GB', 'nvidia-tesla-a100'],
    memoryGib: 39.39,
    bandwidthGbs: 1555,
    teraflops: 312,
    idleWatts: 52,
    maxWatts: 400,
    link: 'nvlink3',
    source: 'NVIDIA A100 Tensor Core GPU data sheet, SXM 40 GB',
    seen: 'thundercompute.com (NVIDIA A100 Specifications: bandwidth, power); glennklockwood.com (A100: operations)',
  },
  {
    names: ['NVIDIA A100-SXM4-80GB', 'NVIDIA A100-SXM-80GB', 'nvidia-a100-80gb'],
    memoryGib: 79.15,
    bandwidthGbs: 2039,
    teraflops: 312,
    idleWatts: 60,
    maxWatts: 400,
    link: 'nvlink3',
    source: 'NVIDIA A100 Tensor Core GPU data sheet, SXM 80 GB',
    seen: 'thundercompute.com (NVIDIA A100 Specifications: bandwidth, power); glennklockwood.com (A100: operations)',
  },
  {
    names: ['NVIDIA A100-PCIE-40GB'],
    memoryGib: 39.39,
    bandwidthGbs: 1555,
    teraflops: 312,
    idleWatts: 33,
    maxWatts: 250,
    link: 'pcie',
    source: 'NVIDIA A100 Tensor Core GPU data sheet, PCIe 40 GB',
    seen: 'thundercompute.com (NVIDIA A100 Specifications: bandwidth, power); glennklockwood.com (A100: operations)',
  },
  {
    names: ['NVIDIA A100 80GB PCIe'],
    memoryGib: 79.15,
    bandwidthGbs: 1935,
    teraflops: 312,
    idleWatts: 43,
    maxWatts: 300,
    link: 'pcie',
    source: 'NVIDIA A100 Tensor Core GPU data sheet, PCIe 80 GB',
    seen: 'thundercompute.com (NVIDIA A100 Specifications: bandwidth, power); glennklockwood.com (A100: operations)',
  },
  {
    names: ['NVIDIA H100 80GB HBM3', 'H100 SXM5 80GB', 'nvidia-h100-80gb', 'nvidia-h100-mega-80gb'],
    memoryGib: 79.11,
    bandwidthGbs: 3350,
    teraflops: 989,
    idleWatts: 70,
    maxWatts: 700,
    link: 'nvlink4',
    source: 'NVIDIA H100 Tensor Core GPU data sheet, SXM',
    seen: "hpctech.co.jp, copy of NVIDIA's table; anandtech.com (H200 article: 3.35 TB/s, 989 TFLOPS)",
  },
  {
    names: ['NVIDIA H100 PCIe'],
    memoryGib: 79.11,
    bandwidthGbs: 2000,
    teraflops: 756,
    idleWatts: 46,
    maxWatts: 350,
    link: 'pcie',
    source: 'NVIDIA H100 Tensor Core GPU data sheet, PCIe',
    seen: "hpctech.co.jp, copy of NVIDIA's table; NVIDIA product brief PB-11133 (2000 GB/s, 350 W)",
  },
  {
    names: ['NVIDIA H100 NVL'],
    memoryGib: 93.1,
    bandwidthGbs: 3900,
    teraflops: 835,
    idleWatts: 61,
    maxWatts: 400,
    link: 'pcie',
    source: 'NVIDIA H100 Tensor Core GPU data sheet, NVL',
    seen: 'grokipedia.com (3.93 TB/s), onestopsystems.com (400 W); operations not confirmed',
  },
  {
    names: ['NVIDIA H200', 'H200 SXM 141GB', 'nvidia-h200-141gb'],
    memoryGib: 139.8,
    bandwidthGbs: 4800,
    teraflops: 989,
    idleWatts: 76,
    maxWatts: 700,
    link: 'nvlink4',
    source: 'NVIDIA H200 Tensor Core GPU data sheet, SXM',
    seen: 'anandtech.com (4.8 TB/s, 989 TFLOPS), geektopia.es (700 W)',
  },
  {
    names: ['NVIDIA H200 NVL'],
    memoryGib: 139.8,
    bandwidthGbs: 4800,
    teraflops: 835,
    idleWatts: 69,
    maxWatts: 600,
    link: 'pcie',
    source: 'NVIDIA H200 Tensor Core GPU data sheet, NVL',
    seen: 'aiwiki.ai (4.8 TB/s on SXM and NVL), onestopsystems.com (600 W); operations not confirmed',
  },
  {
    names: ['NVIDIA H20'],
    memoryGib: 95,
    bandwidthGbs: 4000,
    teraflops: 148,
    idleWatts: 72,
    maxWatts: 500,
    link: 'nvlink4',
    source: 'NVIDIA H20 GPU product brief',
    seen: 'zangshuxian.com (4.0 TB/s, 148 TFLOPS); power limit not confirmed',
  },
  {
    names: ['NVIDIA GH200 480GB', 'GH200 120GB / 480GB'],
    memoryGib: 94.5,
    bandwidthGbs: 4000,
    teraflops: 989,
    idleWatts: 90,
    maxWatts: 900,
    link: 'nvlink4',
    source: 'NVIDIA GH200 Grace Hopper Superchip data sheet, 96 GB HBM3',
    seen: 'bandwidth, operations and power limit not confirmed',
  },
  {
    names: ['NVIDIA B200'],
    memoryGib: 178.35,
    bandwidthGbs: 7700,
    teraflops: 2250,
    idleWatts: 140,
    maxWatts: 1000,
    link: 'nvlink5',
    source: 'NVIDIA Blackwell data sheet, individual GPU of an HGX B200',
    seen: "zdszero.github.io, copy of NVIDIA's Blackwell table; verda.com (7.7 TB/s)",
  },
  {
    names: ['NVIDIA GB200'],
    memoryGib: 184.31,
    bandwidthGbs: 8000,
    teraflops: 2500,
    idleWatts: 160,
    maxWatts: 1200,
    link: 'nvlink5',
    source: 'NVIDIA Blackwell data sheet, individual GPU of a GB200 NVL72',
    seen: "zdszero.github.io, copy of NVIDIA's Blackwell table; glennklockwood.com (2500 TFLOPS at 1200 W)",
  },
  {
    names: ['NVIDIA L40S'],
    memoryGib: 44.4,
    bandwidthGbs: 864,
    teraflops: 362,
    idleWatts: 35,
    maxWatts: 350,
    link: 'pcie',
    source: 'NVIDIA L40S data sheet',
    seen: "mullet.se, copy of NVIDIA's table",
  },
  {
    names: ['NVIDIA L4'],
    memoryGib: 22.03,
    bandwidthGbs: 300,
    teraflops: 121,
    idleWatts: 12,
    maxWatts: 72,
    link: 'pcie',
    source: 'NVIDIA L4 data sheet',
    seen: 'sourcecode.com (300 GB/s), grokipedia.com (242 TFLOPS for sparse matrices), fpsbench.com (72 W)',
  },
  {
    names: ['NVIDIA A10G'],
    memoryGib: 22.06,
    bandwidthGbs: 600,
    teraflops: 70,
    idleWatts: 14,
    maxWatts: 300,
    link: 'pcie',
    source: 'NVIDIA A10G data sheet, as used in Amazon EC2 G5 instances',
    seen: 'baseten.co (600 GB/s); operations and power limit not confirmed',
  },
  {
    names: ['NVIDIA RTX A6000'],
    memoryGib: 47.53,
    bandwidthGbs: 768,
    teraflops: 155,
    idleWatts: 20,
    maxWatts: 300,
    link: 'pcie',
    source: 'NVIDIA RTX A6000 data sheet',
    seen: 'llmperf.net (768 GB/s, 154.8 TFLOPS, 300 W)',
  },
  {
    names: ['NVIDIA RTX 6000 Ada Generation'],
    memoryGib: 47.5,
    bandwidthGbs: 960,
    teraflops: 364,
    idleWatts: 20,
    maxWatts: 300,
    link: 'pcie',
    source: 'NVIDIA RTX 6000 Ada Generation data sheet',
    seen: 'grafikkarten.com (960 GB/s, 300 W); operations are 4 times its 91.1 TFLOPS of FP32, as on the L40S',
  },
  {
    names: ['NVIDIA GeForce RTX 3090'],
    memoryGib: 23.57,
    bandwidthGbs: 936,
    teraflops: 71,
    idleWatts: 20,
    maxWatts: 350,
    link: 'pcie',
    source: 'NVIDIA Ampere GA102 GPU architecture whitepaper',
    seen: 'gpu.spicedreamphone.com (936.2 GB/s, 350 W); operations are twice its 35.6 TFLOPS of FP32',
  },
  {
    names: ['NVIDIA GeForce RTX 4090'],
    memoryGib: 23.52,
    bandwidthGbs: 1008,
    teraflops: 165,
    idleWatts: 20,
    maxWatts: 450,
    link: 'pcie',
    source: 'NVIDIA Ada GPU architecture whitepaper',
    seen: 'waredb.com (1008 GB/s, 165.15 TFLOPS), grafikkarten.com (450 W)',
  },
  {
    names: ['NVIDIA GeForce RTX 5090'],
    memoryGib: 31.36,
    bandwidthGbs: 1792,
    teraflops: 209.5,
    idleWatts: 18,
    maxWatts: 575,
    link: 'pcie',
    source: 'NVIDIA RTX Blackwell GPU architecture whitepaper',
    seen: 'spheron.network (1792 GB/s, 575 W); operations are a quarter of its 838.4 TFLOPS of sparse FP16, which accumulate in FP16',
  },
  {
    names: ['NVIDIA RTX PRO 6000 Blackwell Workstation Edition', 'NVIDIA RTX PRO 6000 Blackwell'],
    memoryGib: 94.97,
    bandwidthGbs: 1792,
    teraflops: 500,
    idleWatts: 30,
    maxWatts: 600,
    link: 'pcie',
    source: 'NVIDIA RTX PRO 6000 Blackwell Workstation Edition data sheet',
    seen: 'gpu.name (1792 GB/s, 600 W); operations are 4 times the 125 TFLOPS of FP32 that topcpu.net states',
  },
  {
    names: ['NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition'],
    memoryGib: 94.97,
    bandwidthGbs: 1792,
    teraflops: 439,
    idleWatts: 15,
    maxWatts: 300,
    link: 'pcie',
    source: 'NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition data sheet',
    seen: 'fixstars.com (300 W), topcpu.net (1792 GB/s for all editions); operations not confirmed',
  },
  {
    names: ['NVIDIA RTX PRO 6000 Blackwell Server Edition'],
    memoryGib: 94.97,
    bandwidthGbs: 1597,
    teraflops: 500,
    idleWatts: 30,
    maxWatts: 600,
    link: 'pcie',
    source: 'NVIDIA RTX PRO 6000 Blackwell Server Edition data sheet',
    seen: 'bandwidth and power limit not confirmed: pages without a source state 1792 GB/s for all editions',
  },
  {
    names: ['AMD Instinct MI300X', 'AMD Instinct MI300X OAM'],
    memoryGib: 191.98,
    bandwidthGbs: 5300,
    teraflops: 1307,
    idleWatts: 140,
    maxWatts: 750,
    link: 'nvlink3',
    source: 'AMD Instinct MI300X data sheet; the link is Infinity Fabric, taken to be as fast as NVLink 3',
    seen: 'aiwiki.ai (5.3 TB/s, 750 W), jaredwatkins.com (1.3 PFLOPS)',
  },
]
