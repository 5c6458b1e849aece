import { Pool } from 'undici'
import {
  type Contender,
  type Course,
  instructions,
  modelName,
  prompt,
  toolDescription,
  toolName,
  toolSchemas,
} from './work.ts'

interface Message {
  readonly role: string
  readonly content: string
  readonly tool_calls?: readonly {
    readonly id: string
    readonly function: { readonly name: string; readonly arguments: string }
  }[]
  readonly tool_call_id?: string
}

/**
 * The loop that everyone writes first: `Pool.request` of undici, all messages through `JSON.stringify` in each round,
 * arguments through `JSON.parse`. It has no validation, no limits except the rounds, and no trace.
 */
export function naive({ baseUrl, schema, readLog }: Course): Contender {
  const { origin, pathname } = new URL(`${baseUrl}/chat/completions`)
  const pool = new Pool(origin)
  const tools = [
    { type: 'function', function: { name: toolName, description: toolDescription, parameters: toolSchemas[schema] } },
  ]
  const headers = { authorization: 'Bearer bench', 'content-type': 'application/json' }
  return {
    name: 'naive',
    close: () => pool.close(),
    run: async () => {
      const messages: Message[] = [
        { role: 'system', content: instructions },
        { role: 'user', content: prompt },
      ]
      for (let round = 0; round < 10; round++) {
        const response = await pool.request({
          path: pathname,
          method: 'POST',
          headers,
          body: JSON.stringify({ model: modelName, messages, tools }),
        })
        const completion = (await response.body.json()) as {
          readonly choices: readonly { readonly message: Message }[]
        }
        const message = completion.choices[0]?.message
        if (message === undefined) throw new Error('No choice.')
        messages.push(message)
        if (message.tool_calls === undefined) return message.content
        for (const call of message.tool_calls) {
          const result = readLog(JSON.parse(call.function.arguments))
          messages.push({ role: 'tool', tool_call_id: call.id, content: JSON.stringify(result) })
        }
      }
      throw new Error('No answer in ten rounds.')
    },
  }
}
