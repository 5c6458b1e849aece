import type { Scenario } from '../fixtures/scenario.ts'
import { defineTool } from '../router/define-tool.ts'
import { isObject } from '../router/json/json.ts'
import { eccSchema, type ObservedGpu, rowRemapSchema } from './incident-folder/gpu-statistics.ts'
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
              mem_temp_c: { type: ['number', 'null'], description: 'Temperature of the memory.' },
              pci_bus_id: { type: ['string', 'null'], description: 'As in the lines of the kernel.' },
              free: { type: ['boolean', 'null'], description: 'Whether no process uses the GPU.' },
              ecc: eccSchema,
              row_remap: rowRemapSchema,
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
          ...memoryOf(scenario, gpuId, position),
          free: !inUse && !hung && taken === 0,
          temp_c: Math.round(idleCelsius + (loadCelsius * (power - gpu.idleWatts)) / (gpu.maxWatts - gpu.idleWatts)),
        }
      })
      return { gpus, ...notes }
    },
    toContent: ({ gpus, ...rest }) => ({ gpus: gpus.map(withoutZeros), ...rest }),
  })

/** {@link createFetchGpuStats} for the built-in scenarios. */
export const fetchGpuStats = createFetchGpuStats(builtInScenarios)

/** The figures that the tool shows. */
function shown({ name: _, driver: __, ...figures }: ObservedGpu) {
  return { mem_temp_c: null, pci_bus_id: null, free: null, ecc: null, row_remap: null, ...figures }
}

const noErrors = {
  corrected: 0,
  uncorrected: 0,
  aggregate_corrected: 0,
  aggregate_uncorrected: 0,
  remap_pending: false,
  remap_failed: false,
}

/** Address and memory errors of a GPU of a simulated incident. */
function memoryOf({ node_gpus: facts }: Scenario, id: number, position: number) {
  const found = facts?.memory_errors?.find(({ gpu }) => gpu === id)
  const { gpu: _, remap_pending: pending, remap_failed: failed, ...ecc } = found ?? { gpu: id, ...noErrors }
  const counts = facts?.ecc === true
  return {
    pci_bus_id: facts?.pci_bus_ids[position] ?? null,
    ecc: counts ? ecc : null,
    row_remap: counts ? { pending, failed } : null,
  }
}

/** The members that the model is shown: facts that are not known, and counters without an error, are left out. */
function withoutZeros<G extends object>(gpu: G): Partial<G> {
  const isQuiet = (value: unknown): boolean =>
    isObject(value) && Object.values(value).every((one) => one === 0 || one === false || one === null)
  const added: ReadonlySet<string> = new Set(['mem_temp_c', 'pci_bus_id', 'free', 'ecc', 'row_remap'])
  const entries = Object.entries(gpu).filter(
    ([name, value]) => !(added.has(name) && (value === null || isQuiet(value))),
  )
  return Object.assign({}, ...entries.map(([name, value]) => ({ [name]: value })))
}

/** Rounds to one decimal place. `nvidia-smi` shows integers, which would hide small differences between scenarios. */
function tenths(value: number): number {
  return Math.round(value * 10) / 10
}
