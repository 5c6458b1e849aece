import { expect, test } from 'vitest'
import { listScenarios, loadScenario } from '../../../fixtures/load-scenario.ts'
import { gpuTable } from '../../../tools/simulation/gpu-table.ts'
import { gpuOf } from '../../../tools/simulation/hardware.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { exampleScenario } from '../../support/example-scenario.ts'

const names = gpuTable.flatMap((row) => row.names)

test('every GPU has figures in the range of its kind, and a source', () => {
  for (const { names, memoryGib, bandwidthGbs, teraflops, idleWatts, maxWatts, source } of gpuTable) {
    expect(source.length, names[0]).toBeGreaterThan(10)
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
