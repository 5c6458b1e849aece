import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { beginLocalAttempt } from '../../lib/temporal/local-attempts.ts'
import { emptyCheckpoint } from '../temporal/support/empty-checkpoint.ts'

const ignore = (): void => {}

test.each([
  ['the attempt before', 2, undefined, true],
  ['the attempt before the last, if the last one never stored anything', 3, 1, true],
  ['the attempt before the last, if no attempt ever stored anything', 3, undefined, true],
  ['no attempt that another one has continued since', 3, 2, false],
  ['no attempt, if nobody can tell whose heartbeat the server has', 3, Number.POSITIVE_INFINITY, false],
])('an attempt takes over the local state of %s', async (_name, attempt, storedBy, takesOver) => {
  const runId = randomUUID()
  const first = await beginLocalAttempt(runId, 1, undefined, ignore)
  first.local.checkpoint = emptyCheckpoint
  first.local.end({ remember: true })
  const { previous } = await beginLocalAttempt(runId, attempt, storedBy, ignore)
  expect(previous).toBe(takesOver ? emptyCheckpoint : undefined)
})
