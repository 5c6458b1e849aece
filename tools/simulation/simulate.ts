import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { Scenario } from '../../fixtures/scenario.ts'
import { canonicalJson } from '../../router/json/json.ts'
import { engineSettings } from './engine-settings.ts'
import { type Gpu, gpuOf } from './hardware.ts'
import { type ActiveImpairments, activeImpairments } from './impairments.ts'
import { LeastRecentlyUsed } from './least-recently-used.ts'
import { type MemoryPlan, outOfMemoryMessage, planHostMemory, planMemory } from './memory.ts'
import { architectureOf, type ModelArchitecture } from './models.ts'
import { acceptedRequests, generateRequests } from './requests.ts'
import { Scheduler } from './scheduler.ts'
import type { ImageMemory } from './scheduler-input.ts'
import { stepTime } from './step-time.ts'
import type { SimulatedWindow } from './window.ts'

/** Enough for one incident with several fixes tried; a window holds up to a few megabytes of observations. */
const windows = new LeastRecentlyUsed<string, SimulatedWindow>(16)

/**
 * The scenario's window as it goes with `config`: the same input gives an equal window, on every machine.
 *
 * Windows are shared between callers and held in a small cache; they are not to be changed.
 *
 * @throws {RangeError | TypeError} when the configuration names what the simulation does not know, or has a wrong type.
 */
export function simulate(scenario: Scenario, config: DeploymentConfig = scenario.deployment): SimulatedWindow {
  const { config_id: _, ...physical } = config
  const key = canonicalJson([scenario, physical])
  return windows.get(key, () => simulateWindow(scenario, config))
}

function simulateWindow(scenario: Scenario, config: DeploymentConfig): SimulatedWindow {
  const model = architectureOf(config.model)
  const gpu = gpuOf(config.placement.gpu_model)
  const settings = engineSettings(config, model, gpu)
  const configured = activeImpairments(scenario.impairments, config, settings.ranks)
  const gpus = gpusOnNodes(config)
  const startup = planMemory(
    model,
    gpu,
    settings,
    gpus.reduce((sum, count) => sum + count, 0),
    configured.takenGib,
  )
  const hostMemory = planHostMemory(model, settings, config, Math.min(settings.ranks, gpus[0] ?? 0))
  const problem = startup.ok ? (hostMemory.ok ? configured.startupHang : hostMemory.reason) : startup.reason
  const impairments = problem === undefined ? configured : notStarted(configured, problem)
  const { load } = scenario
  const endS = scenario.window.duration_s
  const arrived = generateRequests(load, endS)
  const tokensPerImage = Math.floor(settings.pixelsPerImage / (model.vision?.pixelsPerToken ?? 1))
  const requests = acceptedRequests(arrived, { ...settings, tokensPerImage })
  const imageMemory = startup.ok && load.images !== undefined ? imageMemoryOf(model, gpu, startup.memory) : undefined
  const scheduler = new Scheduler({
    requests,
    settings,
    stepTime: stepTime(model, gpu, config.placement.gpu_model, settings),
    kvBlocks: startup.ok ? startup.memory.kvBlocks : 1,
    sharedPrefixTokens: load.shared_prefix_tokens,
    maxOutputTokens: load.output_tokens.max,
    clientTimeoutS: load.client_timeout_s ?? Number.POSITIVE_INFINITY,
    impairments,
    hostMemory: hostMemory.ok ? hostMemory : { tokensUntilKilled: Number.POSITIVE_INFINITY, reason: '' },
    ...(imageMemory === undefined ? {} : { imageMemory }),
    endS,
  })
  scheduler.run()
  const { recorder, counts, death } = scheduler
  const up = death === undefined
  const lastMoment = endS - 1e-6
  return {
    startS: 0,
    endS,
    settings,
    memory: startup.ok ? startup.memory : undefined,
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
    counts: { arrived: arrived.count, refused: arrived.count - requests.count, ...counts, ...recorder.totals },
    end: {
      running: scheduler.running,
      waiting: scheduler.waiting,
      kvUsage: scheduler.kvUsage,
      oldestWaitingS: scheduler.oldestWaitingS,
    },
    load: recorder.load(),
    observed: recorder.observed,
    timeline: recorder.timeline,
    finished: recorder.finished,
  }
}

/** GPUs of each node of a deployment, the first node first. */
function gpusOnNodes({ placement }: DeploymentConfig): number[] {
  return [placement.gpus.length, ...(placement.peers ?? []).map(({ gpus }) => gpus.length)]
}

function imageMemoryOf({ vision }: ModelArchitecture, gpu: Gpu, memory: MemoryPlan): ImageMemory | undefined {
  if (vision === undefined) return undefined
  return {
    ...vision,
    slackBytes: memory.slackGib * 2 ** 30,
    message(bytes) {
      // The encoder allocates layer by layer: the allocation that fails is a fraction of what it needs in all.
      const requestedGib = bytes / 8 / 2 ** 30
      const workingGib = memory.slackGib - requestedGib * 0.65
      return outOfMemoryMessage(gpu.memoryGib, { requestedGib, availableGib: memory.slackGib, workingGib })
    },
  }
}

function notStarted(impairments: ActiveImpairments, reason: string): ActiveImpairments {
  return { ...impairments, downAt: 0, downReason: reason }
}
