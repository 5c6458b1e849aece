import { expect, test } from 'vitest'
import { loadScenario } from '../../../fixtures/load-scenario.ts'
import { openIncident } from '../../../tools/incident-folder/open-incident.ts'
import { createIncidentTools, scenarioSource } from '../../../tools/index.ts'
import type { Validation } from '../../../tools/types.ts'
import { folderWithTwoPages } from '../../support/scenario-folder.ts'
import { statusOf } from '../../support/seed-stability.ts'
import { type WhatIf, whatIfs } from '../../support/what-ifs.ts'
import { call } from '../call.ts'

// From a scenario to the files that a user has of it, and back: only the pages tell the load.

const opened = async (id: string) => openIncident(await folderWithTwoPages(loadScenario(id)))

/** The validation of a change by the tools of an incident folder, as an agent calls them. */
async function validationOf(incident: Awaited<ReturnType<typeof opened>>, args: WhatIf): Promise<Validation> {
  const { id, telemetry } = incident.observation
  const [, , , fetchConfig, , , , apply, collect, validate] = createIncidentTools({
    scenarios: scenarioSource([incident]),
  })
  const { config } = await call(fetchConfig, { scenario: id })
  const fix_plan = { summary: 'x', actions: [{ action: 'set_engine_args', args }] }
  const { updated_config } = await call(apply, { current_config: config, fix_plan })
  const { post_telemetry } = await call(collect, { scenario: id, updated_config })
  return call(validate, { pre_telemetry: telemetry, post_telemetry })
}

test.each(Object.keys(whatIfs))(
  '%s: a simulation from two pages has the figures of the pages within 15 percent',
  async (id) => {
    const inference = (await opened(id)).inference()
    expect(inference).toMatchObject({ kind: 'inferred' })
    expect(inference.residuals.length).toBeGreaterThanOrEqual(5)
    for (const { figure, error } of inference.residuals) expect(Math.abs(error), figure).toBeLessThan(0.15)
  },
)

test('at least 90 % of the verdicts of a folder with two pages are those of the real load', async () => {
  const rows: { change: string; real: string; inferred: string }[] = []
  for (const [id, changes] of Object.entries(whatIfs)) {
    const scenario = loadScenario(id)
    const incident = await opened(id)
    for (const args of changes) {
      rows.push({
        change: `${id} ${JSON.stringify(args)}`,
        real: statusOf(scenario, [{ action: 'set_engine_args', args }]),
        inferred: (await validationOf(incident, args)).status,
      })
    }
  }
  const different = rows.filter(({ real, inferred }) => real !== inferred)
  expect(different.length / rows.length, JSON.stringify(different)).toBeLessThanOrEqual(0.1)
  // None is judged the opposite way.
  expect(different.filter(({ real, inferred }) => real !== 'unchanged' && inferred !== 'unchanged')).toEqual([])
}, 400_000)
