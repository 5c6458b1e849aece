import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { UnknownObject } from '../../router/json/json.ts'
import { unknown } from '../scenario-source.ts'
import type { Launch } from './engine-arguments.ts'
import type { ObservedGpu } from './gpu-statistics.ts'
import type { IncidentDocument } from './incident-document.ts'
import type { StoredPage } from './metrics-pages.ts'

/** The sources of a deployment, the most specific first: what the user states, then what the files show. */
interface DeploymentSources {
  readonly id: string
  readonly incident: IncidentDocument
  readonly gpus: readonly ObservedGpu[]
  readonly page: StoredPage | undefined
  readonly launch: Launch | undefined
  readonly modelConfig: UnknownObject | undefined
  readonly engineLog: readonly string[]
}

/** The deployment that the files state, and the paths of what none of them states. */
export function deploymentFrom(sources: DeploymentSources): {
  readonly deployment: DeploymentConfig
  readonly notStated: readonly string[]
} {
  const { id, incident, gpus, page, launch, modelConfig, engineLog } = sources
  const notStated: string[] = []
  const stated = <T>(path: string, value: T | undefined, otherwise: T): T => {
    if (value !== undefined) return value
    notStated.push(path)
    return otherwise
  }
  const image = incident.image ?? launch?.image
  const version = incident.vllm_version ?? versionIn(engineLog) ?? versionOfImage(image)
  const engineArgs = launch?.engineArgs ?? {}
  if (launch === undefined) notStated.push('engine_args')
  const amounts = (['host_memory_gb', 'cpu_cores', 'shm_gb'] as const).flatMap((name) => {
    const value = incident[name]
    if (value === undefined) notStated.push(`resources.${name}`)
    return value === undefined ? [] : [[name, value] as const]
  })
  const ids = gpus.map(({ id: gpu }) => gpu)
  const deployment: DeploymentConfig = {
    config_id: `${id}/initial`,
    scenario: id,
    model: stated('model', incident.model ?? launch?.model ?? servedModel(page), unknown),
    ...(modelConfig === undefined ? {} : { model_config: { ...modelConfig } }),
    image: stated('image', image, unknown),
    vllm_version: stated('vllm_version', version, unknown),
    engine_args: { ...engineArgs },
    env: { ...launch?.env },
    resources: Object.fromEntries(amounts),
    placement: {
      node: stated('placement.node', incident.node, unknown),
      gpu_model: stated('placement.gpu_model', incident.gpu_model ?? gpus[0]?.name ?? undefined, unknown),
      gpus: stated('placement.gpus', ids.length > 0 ? ids : undefined, ownGpus(engineArgs)),
      driver_version: stated(
        'placement.driver_version',
        incident.driver_version ?? gpus[0]?.driver ?? undefined,
        unknown,
      ),
      spare_nodes: [],
    },
    history: { engine_restarts: 0, gpu_resets: [] },
  }
  return { deployment, notStated }
}

/** A process numbers the GPUs that it uses from 0. */
function ownGpus(args: DeploymentConfig['engine_args']): number[] {
  const size = (name: string) => Math.max(1, Number(args[name] ?? 1) || 1)
  const count = Math.min(64, size('tensor_parallel_size') * size('pipeline_parallel_size'))
  return Array.from({ length: count }, (_, index) => index)
}

function versionIn(lines: readonly string[]): string | undefined {
  // "vLLM API server version 0.15.0", "Initializing a V1 LLM engine (v0.15.0) with config"
  const pattern =
    /\bvLLM API server version v?(\d+\.\d+\.\d+\S*)|\bLLM engine \(v?(\d+\.\d+\.\d+[^)]*)\)|\bversion +v?(\d+\.\d+\.\d+\S*)$/
  for (const line of lines.slice(0, 4_000)) {
    const match = /vLLM|LLM engine|█|▄/.test(line) ? pattern.exec(line) : null
    const version = match?.[1] ?? match?.[2] ?? match?.[3]
    if (version !== undefined) return version
  }
  return undefined
}

function versionOfImage(image: string | undefined): string | undefined {
  return /:v?(\d+\.\d+\.\d+)/.exec(image ?? '')?.[1]
}

/** The model that a page names; `undefined` if it names several, such as LoRA adapters. */
function servedModel(page: StoredPage | undefined): string | undefined {
  const names = new Set(page?.samples.flatMap(({ labels }) => labels['model_name'] ?? []))
  const [name] = names
  return names.size === 1 ? name : undefined
}
