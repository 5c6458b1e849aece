import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { Scenario } from '../../fixtures/scenario.ts'
import { canonicalJson } from '../../router/canonical-json.ts'
import { engineSettings } from './engine-settings.ts'
import { gpuOf } from './hardware.ts'
import { type ActiveImpairments, activeImpairments } from './impairments.ts'
import { LeastRecentlyUsed } from './least-recently-used.ts'
import { planMemory } from './memory.ts'
import { architectureOf } from './models.ts'
import { acceptedRequests, generateRequests } from './requests.ts'
import { Scheduler } from './scheduler.ts'
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
  const startup = planMemory(model, gpu, settings, config.placement.gpus.length)
  const configured = activeImpairments(scenario.impairments, config)
  const impairments = startup.ok ? configured : notStarted(configured, startup.reason)
  const { load } = scenario
  const endS = scenario.window.duration_s
  const arrived = generateRequests(load, endS)
  const requests = acceptedRequests(arrived, settings.maxModelLen)
  const scheduler = new Scheduler({
    requests,
    settings,
    stepTime: stepTime(model, gpu, config.placement.gpu_model, settings),
    kvBlocks: startup.ok ? startup.memory.kvBlocks : 1,
    sharedPrefixTokens: load.shared_prefix_tokens,
    maxOutputTokens: load.output_tokens.max,
    clientTimeoutS: load.client_timeout_s ?? Number.POSITIVE_INFINITY,
    impairments,
    endS,
  })
  scheduler.run()
  const { recorder, counts } = scheduler
  const up = impairments.downAt >= endS
  const lastMoment = endS - 1e-6
  return {
    startS: 0,
    endS,
    settings,
    memory: startup.ok ? startup.memory : undefined,
    engine: {
      up,
      stalled: up && impairments.stalledUntil(lastMoment) >= endS,
      reason: up ? undefined : impairments.downReason,
    },
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

function notStarted(impairments: ActiveImpairments, reason: string): ActiveImpairments {
  return { ...impairments, downAt: 0, downReason: reason }
}
