import type { Scenario } from '../../fixtures/scenario.ts'
import { simulate } from '../simulation/simulate.ts'
import type { SimulatedWindow } from '../simulation/window.ts'
import type { MetricSample } from '../types.ts'

/** The engine of the pages, or why the configuration cannot be that of the pages. */
export type ObservedEngine =
  | {
      readonly kind: 'known'
      readonly settings: SimulatedWindow['settings']
      /** For `unmodelled_memory_gib` of a scenario: with it, the KV cache has exactly as many blocks as on the page. */
      readonly unmodelledGib: number
    }
  | { readonly kind: 'refused'; readonly reason: string }

/** A KV cache that differs from the plan by more than this factor belongs to another configuration. */
const largestFactor = 2

/**
 * Compares the plan of the GPU's memory with `vllm:cache_config_info` of a page, which has the exact number of KV blocks.
 *
 * @param scenario the deployment of the pages. Its load does not matter.
 */
export function observedEngine(scenario: Scenario, samples: readonly MetricSample[]): ObservedEngine {
  const none = { ...scenario.load, phases: [{ start_s: 0, requests_per_s: 0 }] }
  const { memory, settings, engine } = simulate({
    ...scenario,
    load: none,
    window: { ...scenario.window, duration_s: 10 },
  })
  if (memory === undefined) {
    return refused(
      `The configuration does not start in the simulation, but the engine of the pages runs: ${engine.reason}`,
    )
  }
  const labels = samples.find(({ name }) => name === 'vllm:cache_config_info')?.labels ?? {}
  const blocks = Number(labels['num_gpu_blocks'])
  const different = differences(labels, settings)
  if (different !== undefined) return refused(different)
  const isFixed = settings.kvBlocksOverride !== undefined || settings.kvCacheMemoryBytes !== undefined
  if (!(blocks > 0) || blocks === memory.kvBlocks) return { kind: 'known', settings, unmodelledGib: 0 }
  if (isFixed || Math.max(blocks / memory.kvBlocks, memory.kvBlocks / blocks) > largestFactor) {
    return refused(
      `The page has num_gpu_blocks ${blocks}, but the configuration gives ${memory.kvBlocks} blocks. Correct the model, the ` +
        'GPU or the engine arguments.',
    )
  }
  // Half a block more, so that rounding down gives the number itself.
  return { kind: 'known', settings, unmodelledGib: memory.availableKvGib - (blocks + 0.5) * memory.blockGib }
}

/** The first member of the page's CacheConfig that the configuration contradicts, as a sentence. */
function differences(
  labels: MetricSample['labels'],
  { gpuMemoryUtilization, blockSize, enablePrefixCaching }: SimulatedWindow['settings'],
): string | undefined {
  const members = [
    ['gpu_memory_utilization', String(gpuMemoryUtilization)],
    ['block_size', String(blockSize)],
    ['enable_prefix_caching', enablePrefixCaching ? 'True' : 'False'],
  ] as const
  const different = members.find(([name, value]) => labels[name] !== undefined && labels[name] !== value)
  if (different === undefined) return undefined
  const [name, value] = different
  return `The page has ${name} ${labels[name]}, but the configuration has ${value}. Correct engine_args.${name}.`
}

function refused(reason: string): ObservedEngine {
  return { kind: 'refused', reason }
}
