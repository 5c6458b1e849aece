import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { EngineSettings } from './engine-settings.ts'
import { kvBytesPerToken, type ModelArchitecture } from './models.ts'
import type { HostMemory } from './scheduler-input.ts'

/** Resident memory in GiB of an API server, of the engine core, and of a worker with its CUDA context (inferred). */
const apiServerGib = 3
const engineCoreGib = 2
const workerGib = 4.5

export type HostMemoryPlan = ({ readonly ok: true } & HostMemory) | { readonly ok: false; readonly reason: string }

/**
 * Whether the host memory limit holds what the engine needs: processes, weights and KV blocks that are kept on the host,
 * preprocessed images. The KV buffer fills as requests finish, so that the limit may be broken long after the start.
 * Files in the page cache do not count, because the kernel gives them up.
 *
 * @param workers on the node that the limit is for.
 */
export function planHostMemory(
  model: ModelArchitecture,
  settings: EngineSettings,
  { resources }: DeploymentConfig,
  workers: number,
): HostMemoryPlan {
  const { apiServers } = settings
  const processesGib = apiServerGib * apiServers + engineCoreGib + workerGib * workers
  const fixedGib = processesGib + settings.cpuOffloadGib * workers + settings.imageCacheGib * (apiServers + 1)
  // What the engine sees is a worker that is gone; only the kernel tells why.
  const reason = 'Worker proc VllmWorker-0 died unexpectedly, shutting down executor.'
  const limit = resources.host_memory_gb
  if (fixedGib > limit) return { ok: false, reason }
  const share = workers / settings.ranks
  if (fixedGib + settings.kvOffloadingGib * share <= limit) {
    return { ok: true, tokensUntilKilled: Number.POSITIVE_INFINITY, reason }
  }
  const bytesPerToken = kvBytesPerToken(model, settings.kvBytesPerElement) * share
  return { ok: true, tokensUntilKilled: ((limit - fixedGib) * 2 ** 30) / bytesPerToken, reason }
}
