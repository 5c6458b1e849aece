import { deploymentOf, type Incident, unknown } from '../../../tools/scenario-source.ts'
import type { ReportFacts } from './report-schema.ts'

/** The deployment that the incident happened on. What no file states is null. */
export function environmentOf(incident: Incident | undefined): ReportFacts['environment'] {
  if (incident === undefined) return notKnown
  const { model, vllm_version, image, placement, engine_args } = deploymentOf(incident)
  const { node, gpu_model, gpus, driver_version, peers = [] } = placement
  const nodes = [node, ...peers.map((peer) => peer.node)]
  return {
    model: stated(model),
    engine_version: stated(vllm_version),
    image: stated(image),
    gpu_model: stated(gpu_model),
    gpus: usedGpus(engine_args, gpus === null ? undefined : [gpus, ...peers.map((peer) => peer.gpus)].flat().length),
    node: stated(node) === null ? null : nodes.join(', '),
    driver_version: stated(driver_version),
    engine_args: Object.entries(engine_args).map(([name, value]) => `${name}=${value}`),
  }
}

const notKnown: ReportFacts['environment'] = {
  model: null,
  engine_version: null,
  image: null,
  gpu_model: null,
  gpus: null,
  node: null,
  driver_version: null,
  engine_args: [],
}

/** Arguments whose product is the number of GPUs that an engine uses. Each one is 1 by default. */
const parallelism = ['tensor_parallel_size', 'pipeline_parallel_size', 'data_parallel_size']

/**
 * The GPUs that the engine uses. A deployment can have more: the rest of them is free.
 *
 * @param args the engine arguments; an argument that is absent has the size 1.
 * @param placed GPUs of the deployment, if they are known.
 * @returns `null` if neither the arguments nor the deployment say anything.
 */
export function usedGpus(args: { readonly [name: string]: unknown }, placed: number | undefined): number | null {
  const sizes = parallelism.flatMap((name) => {
    const size = args[name]
    return typeof size === 'number' && size >= 1 ? [size] : []
  })
  const used = sizes.reduce((product, size) => product * size, 1)
  if (placed === undefined) return sizes.length === 0 ? null : used
  return Math.min(used, placed)
}

function stated(text: string): string | null {
  return text === unknown || text === '' ? null : text
}
