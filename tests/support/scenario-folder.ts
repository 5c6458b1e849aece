import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Scenario } from '../../fixtures/scenario.ts'
import type { TimedPage } from '../../tools/prometheus/page-series.ts'
import { twoScrapes } from './scraped-pages.ts'

/**
 * Writes an incident folder with what a user has of a scenario: pages, the launch command, the objectives, and the facts that
 * only the user knows. Nothing in it states the load.
 */
export async function scenarioFolder({ deployment, slo }: Scenario, pages: readonly TimedPage[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'incident-'))
  const args = Object.entries(deployment.engine_args).map(([name, value]) => {
    const flag = name.replaceAll('_', '-')
    return typeof value === 'boolean' ? `--${value ? '' : 'no-'}${flag}` : `--${flag} ${value}`
  })
  const files = {
    'launch.sh': `vllm serve ${deployment.model} ${args.join(' ')}\n`,
    'incident.yaml': `vllm_version: "${deployment.vllm_version}"\n`,
    'gpus.csv': gpuTable(deployment),
    'slo.json': JSON.stringify(slo),
    ...Object.fromEntries(
      pages.map(({ text, time = '' }) => [`metrics-${time.replace(/:/g, '-').replace('.000', '')}.prom`, String(text)]),
    ),
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return folder
}

/** The folder of a scenario with two pages: after a third of the window, and at its end. */
export function folderWithTwoPages(scenario: Scenario): Promise<string> {
  return scenarioFolder(scenario, twoScrapes(scenario))
}

function gpuTable({ placement: { gpus, gpu_model, driver_version } }: Scenario['deployment']): string {
  const columns =
    'index, name, driver_version, utilization.gpu [%], utilization.memory [%], memory.used [MiB], memory.total [MiB], power.draw [W], temperature.gpu'
  const rows = (gpus ?? []).map(
    (gpu) => `${gpu}, ${gpu_model}, ${driver_version}, 90 %, 40 %, 70000 MiB, 81920 MiB, 400 W, 60`,
  )
  return `${[columns, ...rows].join('\n')}\n`
}
