import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { ModelArchitecture, WeightGroup } from './models.ts'
import { unquantised } from './weight-format.ts'

/**
 * The architecture with the weights that vLLM keeps in memory: two engine arguments change their size while they load.
 *
 * - `quantization: fp8` converts the matrices of a checkpoint without quantisation; embedding and output head keep 16 bits.
 * - `dtype: float32` doubles everything in 16 bits, and the KV cache with it. Quantised weights keep their size.
 */
export function asLoaded(
  model: ModelArchitecture,
  { engine_args }: Pick<DeploymentConfig, 'engine_args'>,
): ModelArchitecture {
  const { attention, feedForward, experts } = model.weights
  const isPlain = [attention, feedForward, experts].every(({ bytesPerParameter }) => bytesPerParameter === unquantised)
  const fp8 = isPlain && engine_args['quantization'] === 'fp8'
  const wide = engine_args['dtype'] === 'float32' || engine_args['dtype'] === 'float'
  if (!fp8 && !wide) return model
  const matrix = (group: WeightGroup) => (fp8 ? { ...group, bytesPerParameter: 1 } : widened(group, wide))
  const { embedding, head, other, vision } = model.weights
  return {
    ...model,
    kvBytesPerElement: wide ? 2 * model.kvBytesPerElement : model.kvBytesPerElement,
    weights: {
      embedding: widened(embedding, wide),
      head: widened(head, wide),
      attention: matrix(attention),
      feedForward: matrix(feedForward),
      experts: matrix(experts),
      other: widened(other, wide),
      vision: widened(vision, wide),
    },
  }
}

function widened(group: WeightGroup, wide: boolean): WeightGroup {
  return wide && group.bytesPerParameter === unquantised ? { ...group, bytesPerParameter: 2 * unquantised } : group
}
