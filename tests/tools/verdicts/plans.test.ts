import { expect, test } from 'vitest'
import { tryFix } from '../../support/matrix.ts'
import { judgedPlans } from './plans.ts'

test.each(judgedPlans)('$scenario $args: $because', async ({ scenario, args, status, because }) => {
  const tried = await tryFix(scenario, {
    name: because,
    role: 'useless',
    actions: [{ action: 'set_engine_args', args }],
  })
  expect([status].flat(), tried.summary).toContain(tried.status)
})
