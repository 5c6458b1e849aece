import { afterAll, beforeAll } from 'vitest'
import { type ActivityHarness, activityHarness } from '../../support/activity-harness.ts'
import { openTemporal, type TemporalServer, type TemporalSource } from '../../support/temporal-server.ts'

/** A server, a client and workers that the tests of one `describe` share. Use it in tests only. */
export interface SharedHarness extends Pick<ActivityHarness, 'client' | 'startWorker' | 'start'> {
  readonly server: TemporalServer
  /** Warnings of the log so far, each with its fields. */
  warnings(): string[]
}

/** Opens a server and a harness before the tests of the enclosing `describe`, and closes both after them. */
export function useHarness(source: TemporalSource | undefined): SharedHarness {
  let server: TemporalServer | undefined
  let harness: ActivityHarness | undefined
  beforeAll(async () => {
    server = await openTemporal(source)
    harness = await activityHarness(server)
  })
  afterAll(async () => {
    await harness?.[Symbol.asyncDispose]()
    await server?.[Symbol.asyncDispose]()
  })
  return {
    get server() {
      return opened(server)
    },
    get client() {
      return opened(harness).client
    },
    startWorker: (...worker) => opened(harness).startWorker(...worker),
    start: (...workflow) => opened(harness).start(...workflow),
    warnings: () =>
      opened(harness)
        .logs.filter(({ level }) => level === 'WARN')
        .map(({ message, meta }) => `${message} ${JSON.stringify(meta)}`),
  }
}

function opened<T>(resource: T | undefined): T {
  if (resource === undefined) throw new Error('The harness is not open yet. Use it only in tests.')
  return resource
}
