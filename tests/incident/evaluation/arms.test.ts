import { expect, test, vi } from 'vitest'
import { type ArmName, armNames, evaluate } from '../../../lib/incident/index.ts'

// Every arm on every scenario, through the real client and the real loop.
vi.setConfig({ testTimeout: 600_000 })

test('the responder scores above 90 %', async () => {
  const { total, runs } = await evaluate({ subject: { arm: 'responder' } })
  const failed = runs.filter(({ score }) => score?.passed !== true)
  expect(total.pass_rate.value, JSON.stringify(failed)).toBeGreaterThan(0.9)
  expect(total.score.value).toBeGreaterThan(0.9)
  expect(total).toMatchObject({ answered: 1, provider_errors: 0, unneeded_changes: 0 })
})

test.each(armNames.filter((name) => name !== 'responder'))('%s scores below 20 %%', async (arm: ArmName) => {
  const { total, runs } = await evaluate({ subject: { arm } })
  expect(total.runs).toBe(runs.length)
  expect(total.provider_errors).toBe(0)
  expect(total.pass_rate.value).toBeLessThan(0.2)
  expect(total.score.value).toBeLessThan(0.2)
})
