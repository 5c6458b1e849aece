import type { IncidentPage, Observation } from '../scenario-source.ts'
import { type Inference, inferScenario } from './infer-scenario.ts'

/** Facts that the simulation needs, with the file that states each. */
const needed = [
  ['model', 'the launch command or model in incident.yaml'],
  ['vllm_version', 'a log of the start of the engine or vllm_version in incident.yaml'],
  ['engine_args', 'the launch command or the manifest'],
  ['placement.gpu_model', 'the output of nvidia-smi or gpu_model in incident.yaml'],
] as const

/**
 * Infers the scenario of an incident from its pages. It takes a second or two, so the function that is returned does it
 * when it is called first, and keeps the result.
 *
 * @param pages in order of time. Of many pages a few at equal distances are used.
 */
export function lazyInference(
  { deployment, notStated, telemetry }: Pick<Observation, 'deployment' | 'notStated' | 'telemetry'>,
  pages: readonly IncidentPage[],
): () => Inference {
  let known: Inference | undefined
  return () => {
    known ??= inferOnce()
    return known
  }

  function inferOnce(): Inference {
    const missing = needed.filter(([path]) => notStated.some((one) => one === path || one.startsWith(`${path}.`)))
    if (pages.length > 0 && missing.length > 0) {
      const reasons = missing.map(([path, file]) => `No file states ${path}, which the simulation needs. Add ${file}.`)
      return { kind: 'refused', reasons, residuals: [] }
    }
    const timed = spread(pages).map(({ timeMs, text }) => ({ text, time: new Date(timeMs).toISOString() }))
    return inferScenario(timed, { config: deployment, slo: telemetry.slo })
  }
}

/** Each interval between two pages is simulated many times. */
const mostPages = 5

function spread(pages: readonly IncidentPage[]): readonly IncidentPage[] {
  const last = pages.length - 1
  if (last < mostPages) return pages
  const chosen = Array.from({ length: mostPages }, (_, index) => Math.round((index * last) / (mostPages - 1)))
  return chosen.flatMap((index) => pages[index] ?? [])
}
