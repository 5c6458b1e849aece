import { loadProduct } from '../product.ts'
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

/** `runLoop` as a user calls it; only the limits that would clip the results are raised. */
export async function tenrounds({ baseUrl, schema, readLog }: Course): Promise<Contender> {
  const { defineTool, minimax, runLoop } = await loadProduct()
  const model = minimax({ url: baseUrl, token: 'bench', model: modelName, env: {} })
  const tools = [
    defineTool({ name: toolName, description: toolDescription, inputSchema: toolSchemas[schema], execute: readLog }),
  ]
  const limits = { resultBytes: 1_048_576, messageBytes: 16_777_216 }
  return {
    name: 'tenrounds',
    close: () => model.close(),
    run: async () => {
      const run = await runLoop({ model, tools, instructions, prompt, limits })
      if (run.stopReason !== 'answered') throw new Error(`The run ended with ${run.stopReason}.`)
      if (run.results.some(({ status, clipped }) => status !== 'ok' || clipped)) throw new Error('A result was lost.')
      return run.answer
    },
  }
}
