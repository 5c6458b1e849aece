import { expect } from 'vitest'
import type { Answer } from '../../../lib/incident/index.ts'
import { incidentResponder } from '../../../lib/incident/responder/incident-responder.ts'
import { startMockServer } from '../../../lib/testing/index.ts'
import { incidentTools } from '../../../tools/index.ts'
import { post } from '../../testing/support/post.ts'
import { telemetry, toolResult, type World } from './made-up-incident.ts'

/** One tool call of the responder. */
export interface Call {
  readonly id: string
  readonly name: string
  readonly input: { readonly [key: string]: unknown }
}

/** Everything that the responder did in one incident. */
export interface Conversation {
  /** The calls of each round. */
  readonly rounds: readonly (readonly Call[])[]
  /** Texts of the tool results, by tool name. */
  readonly results: ReadonlyMap<string, string>
  /** The answer that ended the conversation. */
  readonly answer: Answer
}

const toolNames = incidentTools.map(({ name }) => name)

/** Changes to the usual conversation. */
export interface ConverseOptions {
  /** Rounds at most. @defaultValue 10 */
  readonly limit?: number
  /** The telemetry in the prompt; `null` if it is missing. @defaultValue that of the made-up incident */
  readonly preTelemetry?: object | null
  /** Shortens a result's JSON text on its way to the model. */
  readonly clip?: (text: string) => string
}

/** Runs the responder in the mock server as a tool loop would. The last round has no tools. */
export async function converse(world: World, options: ConverseOptions = {}): Promise<Conversation> {
  const { limit = 10, preTelemetry = telemetry, clip = (text) => text } = options
  await using mockServer = await startMockServer({ responder: incidentResponder() })
  const incident = JSON.stringify({ scenario: 'made_up', pre_telemetry: preTelemetry })
  const messages: object[] = [
    { role: 'system', content: 'You answer with {"diagnosis": …}; "pre_telemetry": is given.' },
    { role: 'user', content: `An incident:\n${incident}\nFind the cause.` },
  ]
  const rounds: Call[][] = []
  const results = new Map<string, string>()
  for (let round = 1; round <= limit; round++) {
    const tools = round === limit ? {} : { tools: toolNames.map(declare) }
    const { status, text } = await post(mockServer, { model: 'MiniMax-M2.1', messages, ...tools })
    expect(status, text).toBe(200)
    const { message } = JSON.parse(text).choices[0]
    if (message.tool_calls === undefined) {
      return { rounds, results, answer: JSON.parse(message.content.split('</think>\n').at(-1)) }
    }
    const calls: Call[] = message.tool_calls.map(
      ({
        id,
        function: { name, arguments: input },
      }: {
        id: string
        function: { name: string; arguments: string }
      }) => ({
        id,
        name,
        input: JSON.parse(input),
      }),
    )
    messages.push(message)
    for (const { id, name } of calls) {
      const number = rounds.flat().filter((call) => call.name === name).length
      const content = clip(JSON.stringify(toolResult(world, name, number)))
      results.set(name, content)
      messages.push({ role: 'tool', tool_call_id: id, content })
    }
    rounds.push(calls)
  }
  throw new Error('The responder called a tool in the last round, which has none.')
}

function declare(name: string): object {
  return { type: 'function', function: { name, parameters: { type: 'object', properties: {} } } }
}
