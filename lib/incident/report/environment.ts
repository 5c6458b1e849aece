import type { Incident } from '../../../tools/scenario-source.ts'
import type { ReportFacts } from './report-schema.ts'

/** The deployment that the incident happened on. What no file states is null. */
export function environmentOf(_incident: Incident | undefined): ReportFacts['environment'] {
  return {
    model: null,
    engine_version: null,
    image: null,
    gpu_model: null,
    gpus: null,
    node: null,
    driver_version: null,
    engine_args: [],
  }
}
