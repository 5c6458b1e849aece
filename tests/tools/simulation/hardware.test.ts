import { expect, test } from 'vitest'
import { listScenarios, loadScenario } from '../../../fixtures/load-scenario.ts'
import { gpuTable } from '../../../tools/simulation/gpu-table.ts'
import { gpuOf } from '../../../tools/simulation/hardware.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { exampleScenario } from '../../support/example-scenario.ts'

const names = gpuTable.flatMap((row) => row.names)

test('every GPU has figures in the range of its kind, and a source', () => {
  for (const { names, memoryGib, bandwidthGbs, teraflops, idleWatts, maxWatts, source, seen } of gpuTable) {
    expect(Math.min(source.length, seen.length), names[0]).toBeGreaterThan(10)
    expect(idleWatts, names[0]).toBeLessThan(maxWatts / 2)
    // Operations per byte of memory traffic: 37 (H20) to 420 (L40S).
    const intensity = (teraflops * 1000) / bandwidthGbs
    expect(intensity > 30 && intensity < 450, `${names[0]} ${intensity}`).toBe(true)
    // A card never has more memory than its name says.
    const stated = Number(/(\d+)\s?GB(?! HBM3?$|$)/.exec(names[0])?.[1] ?? Number.POSITIVE_INFINITY)
    expect(memoryGib, names[0]).toBeLessThanOrEqual(stated)
  }
  expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length)
})

test.each(names)('%s is known, in any spelling of the vendor', (name) => {
  const gpu = gpuOf(name)
  expect(gpuOf(name.toUpperCase())).toEqual(gpu)
  expect(gpuOf(name.replace(/^(NVIDIA|AMD) /, ''))).toEqual(gpu)
})

test('a GeForce is also known without its brand', () => {
  expect(gpuOf('RTX 4090')).toEqual(gpuOf('NVIDIA GeForce RTX 4090'))
})

test.each([
  // Kubernetes labels (nvidia.com/gpu.product).
  ['NVIDIA-A100-SXM4-80GB', 'NVIDIA A100-SXM4-80GB'],
  ['NVIDIA-H100-80GB-HBM3', 'NVIDIA H100 80GB HBM3'],
  ['NVIDIA-A100-80GB-PCIe', 'NVIDIA A100 80GB PCIe'],
  [
    'NVIDIA-RTX-PRO-6000-Blackwell-Max-Q-Workstation-Edition',
    'NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition',
  ],
  // lspci, with and without numbers.
  ['3D controller: NVIDIA Corporation GA100 [A100 SXM4 80GB] (rev a1)', 'NVIDIA A100-SXM4-80GB'],
  ['GA100 [A100 PCIe 80GB]', 'NVIDIA A100 80GB PCIe'],
  ['3D controller [0302]: NVIDIA Corporation GH100 [H100 SXM5 80GB] [10de:2330] (rev a1)', 'NVIDIA H100 80GB HBM3'],
  ['GH100 [H200 SXM 141GB]', 'NVIDIA H200'],
  ['GA102 [GeForce RTX 3090]', 'NVIDIA GeForce RTX 3090'],
  ['GB202GL [RTX PRO 6000 Blackwell Server Edition] [10de:2bb5]', 'NVIDIA RTX PRO 6000 Blackwell Server Edition'],
  ['Advanced Micro Devices, Inc. [AMD/ATI] Aqua Vanjaram [Instinct MI300X] (rev 00)', 'AMD Instinct MI300X'],
  // Documentation of cloud instances.
  ['NVIDIA A10G Tensor Core GPU', 'NVIDIA A10G'],
  ['NVIDIA H200 Tensor Core GPUs', 'NVIDIA H200'],
  ['nvidia-h100-80gb', 'NVIDIA H100 80GB HBM3'],
  ['nvidia-tesla-a100', 'NVIDIA A100-SXM4-40GB'],
  ['nvidia-l4', 'NVIDIA L4'],
])('%s is the %s', (name, known) => {
  expect(gpuOf(name)).toEqual(gpuOf(known))
})

test('a name that nvidia-smi cut is known if only one GPU can be meant', () => {
  expect(gpuOf('NVIDIA RTX 6000 Ada Gene...')).toEqual(gpuOf('NVIDIA RTX 6000 Ada Generation'))
  expect(() => gpuOf('NVIDIA RTX PRO 6000 Blac...')).toThrow('does not know')
})

test('the GPU of every scenario is known', () => {
  for (const id of listScenarios()) expect(() => gpuOf(loadScenario(id).deployment.placement.gpu_model)).not.toThrow()
})

const own = { memory_gib: 48, bandwidth_gb_s: 900, bf16_tflops: 200 }

test('an unknown GPU runs with the figures of the user', () => {
  expect(gpuOf('Acme X1', own)).toMatchObject({ memoryGib: 48, bandwidthGbs: 900, teraflops: 200, link: 'pcie' })
  const scenario = exampleScenario()
  const { deployment } = scenario
  const placement = { ...deployment.placement, gpu_model: 'Acme X1', gpu: own }
  const { memory, counts } = simulate(scenario, { ...deployment, placement })
  expect(memory?.availableKvGib).toBeGreaterThan(15)
  expect(counts.generationTokens).toBeGreaterThan(0)
})

test('figures replace those of the data sheet, so that a slice can be described', () => {
  const slice = gpuOf('NVIDIA H100 80GB HBM3', { memory_gib: 39.25, bandwidth_gb_s: 1675 })
  expect(slice).toEqual({ ...gpuOf('NVIDIA H100 80GB HBM3'), memoryGib: 39.25, bandwidthGbs: 1675 })
})

test.each([
  ['Acme X1', undefined, 'unknown_gpu', 'placement.gpu_model', 'memory_gib, bandwidth_gb_s and bf16_tflops'],
  [
    'NVIDIA H100',
    undefined,
    'unknown_gpu',
    'placement.gpu_model',
    'H100 80GB HBM3 or NVIDIA H100 PCIe or NVIDIA H100 NVL?',
  ],
  [
    'NVIDIA-A100-SXM4-80GB-MIG-1g.10gb',
    undefined,
    'unknown_gpu',
    'placement.gpu_model',
    'A MIG instance has figures of its own. Did you mean NVIDIA A100-SXM4-40GB or NVIDIA A100-SXM4-80GB or',
  ],
  [
    'NVIDIA-H100-80GB-HBM3-SHARED',
    undefined,
    'unknown_gpu',
    'placement.gpu_model',
    'Did you mean NVIDIA H100 80GB HBM3',
  ],
  [
    'NVIDIA H100 Tensor Core GPU',
    undefined,
    'unknown_gpu',
    'placement.gpu_model',
    'Did you mean NVIDIA H100 80GB HBM3',
  ],
  ['GPU', undefined, 'unknown_gpu', 'placement.gpu_model', 'does not know'],
  ['[]', undefined, 'unknown_gpu', 'placement.gpu_model', 'does not know'],
  ['RTX 4090 Laptop', undefined, 'unknown_gpu', 'placement.gpu_model', 'Did you mean NVIDIA GeForce RTX 4090?'],
  ['', undefined, 'unknown_gpu', 'placement.gpu_model', 'Known: NVIDIA A100-SXM4-40GB'],
  ['constructor', undefined, 'unknown_gpu', 'placement.gpu_model', 'does not know'],
  ['Acme X1', { memory_gib: 48 }, 'invalid_gpu', 'placement.gpu.bandwidth_gb_s', 'is missing'],
  ['Acme X1', {}, 'invalid_gpu', 'placement.gpu.memory_gib', 'is missing'],
  ['Acme X1', { ...own, bandwidth_gb_s: 3.35 }, 'invalid_gpu', 'placement.gpu.bandwidth_gb_s', 'bandwidth in GB/s'],
  ['Acme X1', { ...own, memory_gib: 49_140 }, 'invalid_gpu', 'placement.gpu.memory_gib', 'memory in GiB'],
  ['Acme X1', { ...own, bf16_tflops: Number.NaN }, 'invalid_gpu', 'placement.gpu.bf16_tflops', 'is NaN'],
  [
    'NVIDIA L4',
    { memory_gib: 80 },
    'invalid_gpu',
    'placement.gpu.memory_gib',
    'the data sheet of NVIDIA L4 says 22.03',
  ],
  ['NVIDIA L4', { bf16_tflops: 242 }, 'invalid_gpu', 'placement.gpu.bf16_tflops', 'for sparse matrices'],
])('%s with %o is an error that says what helps', (name, figures, code, field, message) => {
  expect(() => gpuOf(name, figures)).toThrow(
    expect.objectContaining({ code, field, message: expect.stringContaining(message) }),
  )
})
