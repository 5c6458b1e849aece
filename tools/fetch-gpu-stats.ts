import { defineTool } from '../router/define-tool.ts'
import type { ObservedGpu } from './incident-folder/gpu-statistics.ts'
import { builtInScenarios, incidentOf, notesAbout, type ScenarioSource } from './scenario-source.ts'
import { notesSchema, pureAnnotations, scenarioProperty } from './schemas/common.ts'
import { gpuOf } from './simulation/hardware.ts'
import { activeImpairments } from './simulation/impairments.ts'
import { contextGib } from './simulation/memory.ts'
import { simulate } from './simulation/simulate.ts'

// A figure that nvidia-smi did not print is null.
const percent = { type: ['number', 'null'], minimum: 0, maximum: 100 } as const
const amount = { type: ['number', 'null'], minimum: 0 } as const
/** Temperature in °C of an idle GPU, and the increase at full power: air-cooled servers, inferred. */
const idleCelsius = 31
const loadCelsius = 38

/** The tool `fetch_gpu_stats`: what `nvidia-smi` would show at the end of the window. */
export const createFetchGpuStats = (scenarios: ScenarioSource) =>
  defineTool({
    name: 'fetch_gpu_stats',
    title: 'Fetch GPU statistics',
    description:
      'The GPUs of the node at the end of the incident, as nvidia-smi shows them. A GPU that the driver has lost is not ' +
      'listed; the list is empty if no statistics were collected.',
    inputSchema: {
      type: 'object',
      additionalProperties: false,
      properties: { scenario: scenarioProperty },
    },
    outputSchema: {
      type: 'object',
      additionalProperties: false,
      required: ['gpus'],
      properties: {
        gpus: {
          type: 'array',
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['id', 'util', 'mem_util', 'mem_used_gb', 'mem_total_gb', 'power_w', 'temp_c'],
            properties: {
              id: { type: 'integer', minimum: 0 },
              util: percent,
              mem_util: { ...percent, description: 'Share of the time in which memory was read or written.' },
              mem_used_gb: amount,
              mem_total_gb: amount,
              power_w: amount,
              temp_c: { type: ['number', 'null'] },
            },
          },
        },
        notes: notesSchema,
      },
    },
    annotations: pureAnnotations,
    execute: ({ scenario: id }) => {
      const incident = incidentOf(scenarios, id)
      const notes = notesAbout(incident, 'gpus')
      if ('observation' in incident) return { gpus: incident.observation.gpus.map(shown), ...notes }
      const { scenario } = incident
      const { placement } = scenario.deployment
      const window = simulate(scenario)
      const gpu = gpuOf(placement.gpu_model, placement.gpu)
      const { engine, engines, settings } = window
      const workers = settings.ranks * settings.dataParallelSize
      const taken = activeImpairments(scenario.impairments, scenario.deployment, workers).takenGib
      const gpus = (placement.gpus ?? []).flatMap((gpuId, position) => {
        if (window.notObserved.has('gpus') || window.lostGpus.includes(gpuId)) return []
        // Ranks use the first GPUs; the others are idle. An engine that hangs in startup holds only its CUDA contexts.
        const inUse = engine.up && position < workers
        const hung = engine.stalled && !engine.started && position < workers
        const last = engines[Math.floor(position / settings.ranks)]?.timeline.at(-1)
        const busy = inUse ? (last?.busy ?? 0) : 0
        const memoryBusy = inUse ? (last?.memoryBusy ?? 0) : 0
        // Power rises with compute and, less, with memory traffic; 90 % of the limit at full load. Inferred.
        const power = gpu.idleWatts + (gpu.maxWatts - gpu.idleWatts) * busy * (0.5 + 0.4 * memoryBusy)
        return {
          id: gpuId,
          util: tenths(busy * 100),
          mem_util: tenths(memoryBusy * 100),
          mem_used_gb: tenths((inUse ? (window.memory?.usedGib ?? 0) : hung ? contextGib : 0) + taken),
          mem_total_gb: tenths(gpu.memoryGib),
          power_w: tenths(power),
          temp_c: Math.round(idleCelsius + (loadCelsius * (power - gpu.idleWatts)) / (gpu.maxWatts - gpu.idleWatts)),
        }
      })
      return { gpus, ...notes }
    },
  })

/** {@link createFetchGpuStats} for the built-in scenarios. */
export const fetchGpuStats = createFetchGpuStats(builtInScenarios)

/** The figures that the tool shows. */
function shown({ name: _, driver: __, ...figures }: ObservedGpu) {
  return figures
}

/** Rounds to one decimal place. `nvidia-smi` shows integers, which would hide small differences between scenarios. */
function tenths(value: number): number {
  return Math.round(value * 10) / 10
}
