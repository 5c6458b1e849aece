import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker'
import { DeterminismViolationError } from '@temporalio/workflow'
import { beforeAll, describe, expect, test } from 'vitest'
import { workflowsPath } from '../../workflows/worker.ts'
import { fromJson, type RecordedHistory, readHistories } from './support/histories.ts'

const histories = await readHistories()
let workflowBundle: Awaited<ReturnType<typeof bundleWorkflowCode>>

function replay({ json }: Pick<RecordedHistory, 'json'>): Promise<void> {
  return Worker.runReplayHistory({ workflowBundle }, fromJson(json))
}

describe('the history of a workflow that an earlier release started', () => {
  beforeAll(async () => {
    Runtime.install({ logger: new DefaultLogger('ERROR') })
    workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') })
  })

  test('is recorded for every way in which the workflow can end', () => {
    expect(histories.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['answered', 'cancelled', 'refused_token', 'retried', 'unknown_scenario']),
    )
  })

  test.each(histories)('can be replayed by this release: $name', async (history) => {
    await expect(replay(history)).resolves.toBeUndefined()
  })

  test('cannot be replayed by a workflow with another activity', async () => {
    const answered = histories.find(({ name }) => name === 'answered')
    expect(answered?.json).toContain('"agent_step"')
    const json = answered?.json.replaceAll('"name":"agent_step"', '"name":"another_step"') ?? ''
    await expect(replay({ json })).rejects.toBeInstanceOf(DeterminismViolationError)
  })
})
