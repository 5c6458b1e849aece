import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { Scenario } from '../../fixtures/scenario.ts'
import { canonicalJson } from '../../router/json/json.ts'
import { readsRemoteKv } from '../arguments/kv-connector.ts'
import { readArguments } from '../arguments/read-arguments.ts'
import { compareVersions } from '../arguments/version.ts'
import { ConfigError } from '../errors.ts'
import { blockContents } from './block-contents.ts'
import { runEngines, sessionsOf } from './data-parallel.ts'
import { acceptedDrafts } from './draft-acceptance.ts'
import { type EngineSettings, engineSettings } from './engine-settings.ts'
import { engineWindow, together } from './engine-windows.ts'
import { passFrontEnd } from './front-end.ts'
import { type Gpu, gpuOf } from './hardware.ts'
import type { ImageMemory } from './image-encoding.ts'
import { type ActiveImpairments, activeImpairments } from './impairments.ts'
import type { KvTransferInput, KvTransfers } from './kv-transfers.ts'
import { LeastRecentlyUsed } from './least-recently-used.ts'
import { asLoaded } from './loaded-weights.ts'
import { type MemoryPlan, outOfMemoryMessage, planHostMemory, planMemory, slidingWindowGain } from './memory.ts'
import { modelOf } from './model-names.ts'
import { kvBytesPerToken, kvBytesPerTokenOfRank, type ModelArchitecture } from './models.ts'
import { requestOutcomes } from './request-outcomes.ts'
import { acceptedRequests, generateRequests, type Requests } from './requests.ts'
import { Scheduler } from './scheduler.ts'
import { frontEndS, stepTime } from './step-time.ts'
import type { RequestOutcomes, SimulatedWindow, WindowTransfers } from './window.ts'

/**
 * Simulates the scenario's window with a configuration.
 *
 *     scenario.load ──> requests ──> accepted requests ──> front end ─┐
 *     configuration ──> engine settings ──> memory plan ──────────────├─> scheduler ──> window
 *     impairments ──> those whose condition is true ──────────────────┘
 *
 * The configuration decides how much KV cache there is and whether the engine starts at all; the scheduler then serves
 * the requests step by step in virtual time. An engine that does not start is down for the whole window.
 *
 * The same input gives an equal window on every machine.
 *
 * Recent windows are cached and shared between callers, so do not change them.
 *
 * @throws {ConfigError} if the simulation does not know the model or the GPU, or an argument has the wrong type.
 */
export function simulate(scenario: Scenario, config: DeploymentConfig = scenario.deployment): SimulatedWindow {
  // The id of a configuration and the texts of a scenario have no effect on the engine.
  const { config_id: _, ...physical } = config
  const { load, window, impairments, kv_transfer, step_time, unmodelled_memory_gib } = scenario
  const key = canonicalJson([{ load, window, impairments, kv_transfer, step_time, unmodelled_memory_gib }, physical])
  return windows.get(key, () => simulateWindow(scenario, config))
}

/**
 * The outcomes of the requests of a window. It is faster than {@link simulate}, whose windows have distributions, and the
 * result is small.
 */
export function simulateOutcomes(scenario: Scenario, config: DeploymentConfig): RequestOutcomes {
  return simulateWindow(scenario, config, false).outcomes
}

function simulateWindow(scenario: Scenario, original: DeploymentConfig, distributions = true): SimulatedWindow {
  const read = readArguments(original)
  // Arguments may be spelled as on the command line; conditions of impairments have their names in Python.
  const config = { ...original, engine_args: Object.fromEntries(read.values) }
  const model = asLoaded(modelOf(config), config)
  const gpu = gpuOf(config.placement.gpu_model, config.placement.gpu)
  const planned = engineSettings(original, model, gpu, read)
  checkDataParallel(planned, model, config)
  const configured = activeImpairments(scenario.impairments, config, planned.ranks * planned.dataParallelSize)
  const gpus = gpusOnNodes(config, planned.ranks * planned.dataParallelSize)
  const startup = planMemory(
    model,
    gpu,
    planned,
    gpus.reduce((sum, count) => sum + count, 0),
    configured.takenGib,
    scenario.unmodelled_memory_gib,
  )
  const memory = startup.kind === 'started' ? startup.memory : undefined
  const settings = memory === undefined ? planned : { ...planned, maxModelLen: memory.maxModelLen }
  const hostMemory = planHostMemory(
    model,
    settings,
    config,
    Math.min(settings.ranks * settings.dataParallelSize, gpus[0] ?? 0),
  )
  // The first reason wins, in the order in which vLLM would notice it.
  const problem = [startup, hostMemory].find((plan) => plan.kind === 'failed')?.reason ?? configured.startupHang
  const impairments = problem === undefined ? configured : notStarted(configured, problem)
  const { load } = scenario
  const endS = scenario.window.duration_s
  const arrived = generateRequests(load, endS)
  const tokensPerImage = Math.floor(settings.pixelsPerImage / (model.vision?.pixelsPerToken ?? 1))
  const accepted = acceptedRequests(arrived, { ...settings, tokensPerImage })
  const requests = passFrontEnd(accepted, {
    load,
    servers: settings.apiServers,
    times: configured.frontEnd,
    cacheBytes: settings.imageCacheGib * 2 ** 30,
    pixelsPerToken: model.vision?.pixelsPerToken ?? 1,
  })
  const imageMemory = memory !== undefined && load.images !== undefined ? imageMemoryOf(model, gpu, memory) : undefined
  const kvTransfer = kvTransferOf(scenario, config, model, settings, configured.kvTransferGbPerS)
  const input = {
    requests,
    settings,
    stepTime: stepTime(model, gpu, config.placement.gpu_model, settings, {
      severalNodes: settings.tensorParallelSize > (gpus[0] ?? 0),
      ...(scenario.step_time === undefined ? {} : { calibration: scenario.step_time }),
    }),
    // An engine that did not start makes no step and needs no block.
    kvBlocks: Math.floor((memory?.kvBlocks ?? 1) * slidingWindowGain(model, meanTokens(requests))),
    ...(model.slidingWindow === undefined ? {} : { slidingWindow: model.slidingWindow.tokens }),
    frontEndS,
    contents: blockContents(requests, settings.blockSize, load.shared_prefix_tokens, settings.speculation?.tokens),
    maxOutputTokens: load.output_tokens.max,
    clientTimeoutS: load.client_timeout_s ?? Number.POSITIVE_INFINITY,
    hostMemory:
      hostMemory.kind === 'started' ? hostMemory : { tokensUntilKilled: Number.POSITIVE_INFINITY, reason: '' },
    ...(imageMemory === undefined ? {} : { imageMemory }),
    ...(settings.speculation === undefined
      ? {}
      : { accepted: acceptedDrafts(settings.speculation, load.seed, impairments.draftAcceptance) }),
    ...(kvTransfer === undefined ? {} : { kvTransfer }),
    endS,
    distributions,
  }
  const engines = runEngines({
    // A deployment that does not start has no engine that requests could be divided among.
    count: problem === undefined ? settings.dataParallelSize : 1,
    policy: config.routing?.policy ?? 'least_loaded',
    requests,
    sessions: sessionsOf(load, arrived.count),
    impairments,
    start: (active, assigned) =>
      new Scheduler({ ...input, impairments: active, ...(assigned === undefined ? {} : { assigned }) }),
  })
  const { schedulers, assigned } = engines
  const [first, ...others] = schedulers.map((engine, rank) => engineWindow(engine, requests, assigned?.[rank]))
  if (first === undefined) throw new Error('A deployment has at least one engine.')
  const whole = together([first, ...others])
  const { death } = schedulers[0]
  const up = death === undefined
  // A stall that lasts until the end of the window is over at the end itself.
  const lastMoment = endS - 1e-6
  return {
    startS: 0,
    endS,
    settings,
    memory,
    engine: {
      up,
      started: problem === undefined,
      stalled: up
        ? impairments.stalledUntil(lastMoment) >= endS
        : problem !== undefined && problem === configured.startupHang,
      downAtS: death?.atS,
      reason: death?.reason,
    },
    notObserved: impairments.notObserved,
    lostGpus: impairments.lostGpus,
    counts: {
      arrived: arrived.count,
      refused: arrived.count - requests.count,
      ...whole.counts,
    },
    drafts: whole.drafts,
    end: whole.end,
    transfers: windowTransfers(schedulers[0].state.transfers, config, model, settings, endS),
    occupancy: whole.occupancy,
    observed: whole.observed,
    engines: [first, ...others],
    timeline: whole.timeline,
    finished: whole.finished,
    outcomes: requestOutcomes(engines, requests, arrived.count, death?.atS),
  }
}

/** @throws {ConfigError} if several engines share more than requests, which is not simulated. */
function checkDataParallel(settings: EngineSettings, model: ModelArchitecture, config: DeploymentConfig): void {
  if (settings.dataParallelSize === 1) return
  const shared = [
    ...(model.experts === undefined ? [] : ['a mixture of experts, whose engines compute each step together']),
    ...(settings.kvOffloadingGib > 0 ? ['kv_offloading_size'] : []),
    ...(config.placement.peers === undefined ? [] : ['several nodes']),
    ...(config.engine_args['kv_transfer_config'] === undefined ? [] : ['kv_transfer_config']),
  ]
  if (shared.length === 0) return
  throw new ConfigError(
    `engine_args.data_parallel_size is ${settings.dataParallelSize}. Data parallelism is not simulated with ` +
      `${shared.join(' and ')}. Use 1, and recommend data parallelism in the rationale of the plan instead.`,
    { field: 'engine_args.data_parallel_size' },
  )
}

/** The link of a decode engine; `undefined` if the engine computes the prompts itself. */
function kvTransferOf(
  { kv_transfer }: Scenario,
  { engine_args }: DeploymentConfig,
  model: ModelArchitecture,
  { kvBytesPerElement }: EngineSettings,
  limitGbPerS: number,
): KvTransferInput | undefined {
  if (kv_transfer === undefined || !readsRemoteKv(String(engine_args['kv_transfer_config']))) return undefined
  return {
    bytesPerSecond: Math.min(kv_transfer.gb_per_s, limitGbPerS) * 1e9,
    bytesPerToken: kvBytesPerToken(model, kvBytesPerElement),
  }
}

/** The transfers of a window. */
function windowTransfers(
  transfers: KvTransfers | undefined,
  { env, vllm_version }: DeploymentConfig,
  model: ModelArchitecture,
  { kvBytesPerElement, tensorParallelSize, pipelineParallelSize }: EngineSettings,
  endS: number,
): WindowTransfers | undefined {
  if (transfers === undefined) return undefined
  const { finished, waiting, inProgressSince } = transfers
  const hasLeases = compareVersions(vllm_version, '0.22.0') >= 0
  const releasedAfterS = hasLeases ? Number.POSITIVE_INFINITY : Number(env['VLLM_NIXL_ABORT_REQUEST_TIMEOUT'] ?? 480)
  const lengths = [...finished.map((one) => one.endS - one.startS), ...inProgressSince.map((startS) => endS - startS)]
  return {
    finished,
    waiting,
    inProgressSince,
    layers: model.layers,
    bytesPerTokenOfRank: kvBytesPerTokenOfRank(model, kvBytesPerElement, tensorParallelSize, pipelineParallelSize),
    releasedAfterS,
    expired: lengths.filter((length) => length > releasedAfterS).length,
  }
}

/** Mean number of tokens of a running request, halfway through its answer. */
function meanTokens({ count, promptTokens, outputTokens }: Requests): number {
  const sum = promptTokens.reduce((total, prompt, request) => total + prompt + (outputTokens[request] ?? 0) / 2, 0)
  return sum / Math.max(1, count)
}

/** Number of GPUs on each node of a deployment. A node with unknown GPUs has as many as its workers need. */
function gpusOnNodes({ placement }: DeploymentConfig, workers: number): number[] {
  return [placement.gpus?.length ?? workers, ...(placement.peers ?? []).map(({ gpus }) => gpus.length)]
}

/** Memory for images at run time: the slack of the memory plan. */
function imageMemoryOf({ vision }: ModelArchitecture, gpu: Gpu, memory: MemoryPlan): ImageMemory | undefined {
  if (vision === undefined) return undefined
  return {
    ...vision,
    slackBytes: memory.slackGib * 2 ** 30,
    message(bytes) {
      // The encoder allocates layer by layer, so the allocation that fails is only a part of what it needs.
      const requestedGib = bytes / 8 / 2 ** 30
      const workingGib = memory.slackGib - requestedGib * 0.65
      return outOfMemoryMessage(gpu.memoryGib, { requestedGib, availableGib: memory.slackGib, workingGib })
    },
  }
}

/** An engine that fails at startup is down for the whole window. */
function notStarted(impairments: ActiveImpairments, reason: string): ActiveImpairments {
  return { ...impairments, downAt: 0, downReason: reason }
}

/** 16 windows are enough for one incident and several fixes. Each holds up to a few megabytes. */
const windows = new LeastRecentlyUsed<string, SimulatedWindow>(16)
