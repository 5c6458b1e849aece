import { type AgentResult, runIncident } from '../../../lib/incident/index.ts'
import { minimax } from '../../../lib/minimax/minimax.ts'
import { type Responder, startMockServer } from '../../../lib/testing/index.ts'

/** What one incident run sent, as MiniMax would have received it. */
export interface CourseSize {
  /** Id of the scenario. */
  readonly scenario: string
  /** The result of the run. */
  readonly result: AgentResult
  /** Bytes of the first request: prompt and tools. */
  readonly firstRequest: number
  /** Bytes of the field `tools` in the first request. */
  readonly tools: number
  /** Bytes of all requests. */
  readonly total: number
  /** Bytes of all tool messages in the last request. */
  readonly results: number
  /** Tools whose result was shortened. */
  readonly clipped: readonly string[]
}

/** Runs an incident against a local server whose model is `responder`, and measures the requests. */
export async function measureCourse(scenario: string, responder: Responder): Promise<CourseSize> {
  await using mockServer = await startMockServer({ responder })
  const model = minimax({ url: mockServer.url, token: 'mock-server', env: {} })
  const { result } = await runIncident(scenario, { model })
  await model.close()
  const bodies = mockServer.requests.map(
    ({ body }) => body as { readonly tools?: unknown; readonly messages: Message[] },
  )
  const sizes = bodies.map(bytes)
  return {
    scenario,
    result,
    firstRequest: sizes[0] ?? 0,
    tools: bytes(bodies[0]?.tools),
    total: sizes.reduce((sum, size) => sum + size, 0),
    results: (bodies.at(-1)?.messages ?? [])
      .filter(({ role }) => role === 'tool')
      .reduce((sum, { content }) => sum + Buffer.byteLength(content), 0),
    clipped: result.agent_trace.flatMap((entry) => (entry.type === 'tool-end' && entry.clipped ? [entry.tool] : [])),
  }
}

interface Message {
  readonly role: string
  readonly content: string
}

function bytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? '')
}
