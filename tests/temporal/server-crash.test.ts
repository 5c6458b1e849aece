import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { minimax } from '../../lib/minimax/minimax.ts'
import { activityHarness } from '../support/activity-harness.ts'
import { startTemporalServer, temporalForTests } from '../support/temporal-server.ts'
import { surveyActivities, undisturbed, undisturbedRequests } from './support/survey.ts'
import { SurveySite } from './support/survey-site.ts'

const source = await temporalForTests()

// A server that was not started here must not be killed.
test.skipIf(source?.kind !== 'binary')(
  'a run continues after the server was killed and restarted, without repeating anything',
  async () => {
    if (source?.kind !== 'binary') return
    const folder = await mkdtemp(join(tmpdir(), 'tenrounds-server-'))
    const stateFile = join(folder, 'state.db')
    const first = await startTemporalServer(source.path, { stateFile })
    try {
      await using site = await SurveySite.open({ modelMs: 300, toolMs: 50 })
      await using harness = await activityHarness(first)
      const model = minimax({ url: site.mockServer.url, token: 'any', retries: 0, env: {} })
      await using worker = await harness.startWorker(surveyActivities(model, site.control.url))
      const handle = await harness.start(worker, 'survey', { heartbeatTimeout: '30s' }, 'through')
      await site.until('through', 'model-asked', 3)
      await first.kill()
      await using _second = await startTemporalServer(source.path, { stateFile, port: first.port })
      const run = await harness.client.workflow.getHandle(handle.workflowId).result()
      expect(run).toMatchObject({
        stop_reason: 'answered',
        answer: undisturbed('through'),
        rounds: undisturbedRequests,
      })
      expect(site.count('through', 'model-asked')).toBe(undisturbedRequests)
      expect(site.count('through', 'book Oslo')).toBe(1)
    } finally {
      await first.kill()
      await rm(folder, { recursive: true })
    }
  },
)
