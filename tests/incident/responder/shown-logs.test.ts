import { expect, test } from 'vitest'
import { listScenarios } from '../../../fixtures/load-scenario.ts'
import { shownLogs } from '../../../lib/incident/responder/conversation.ts'
import { fetchSystemLogs, fetchVllmLogs } from '../../../tools/index.ts'
import { logView } from '../../../tools/views/log-view.ts'
import { call } from '../../tools/call.ts'

/** The cause candidates of a log, and what the rules read of the log from the view of it. */
function readBack(logs: Parameters<typeof logView>[0]) {
  const causes = (logs.findings ?? []).filter(({ kind }) => kind === 'cause_candidate')
  return {
    causes: causes.map(({ kind, class: name, count }) => ({ kind, class: name, count })),
    read: shownLogs(logView(logs, {})),
  }
}

test.for(listScenarios())('every cause candidate is read back from the views of the logs of %s', async (scenario) => {
  for (const { causes, read } of [
    readBack(await call(fetchVllmLogs, { scenario })),
    readBack(await call(fetchSystemLogs, { scenario })),
  ]) {
    expect(read?.['findings']).toEqual(expect.arrayContaining(causes.map((cause) => expect.objectContaining(cause))))
  }
})
