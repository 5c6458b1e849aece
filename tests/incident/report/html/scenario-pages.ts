import { type IncidentOptions, type Report, renderHtml, runIncident } from '../../../../lib/incident/index.ts'
import { incidentResponder } from '../../../../lib/incident/responder/incident-responder.ts'
import { minimax } from '../../../../lib/minimax/minimax.ts'
import { type MockServerOptions, startMockServer } from '../../../../lib/testing/index.ts'

/** The page of a built-in scenario that the mock server's rules analyse. */
export async function scenarioPage(
  scenario: string,
  options: IncidentOptions = {},
  server: MockServerOptions = {},
): Promise<string> {
  return renderHtml((await scenarioReport(scenario, options, server)).json)
}

/** The report of a built-in scenario that the mock server's rules analyse. */
export async function scenarioReport(
  scenario: string,
  options: IncidentOptions = {},
  server: MockServerOptions = {},
): Promise<Report> {
  await using mockServer = await startMockServer({ responder: incidentResponder(), ...server })
  const model = minimax({ url: mockServer.url, token: 'mock-server', env: {} })
  const { report } = await runIncident(scenario, { ...options, model })
  await model.close()
  return report
}
