import { generateText, type LanguageModel, tool } from 'ai'
import { measure, ratioOf, statisticOf, type Variant } from '../harness.ts'
import { loadProduct } from '../product.ts'
import { atLeast, type Row, shown } from '../table.ts'
import { recordSample, sampleArguments, sampleDescription, sampleSchema, sampleZodSchema } from './sample-tool.ts'

/**
 * Calls in one reply. `generateText` has costs of its own per step; with many calls in the step they vanish, which is
 * in favour of `ai`.
 */
const callsPerReply = 100

/**
 * Dispatch of valid calls of a synchronous tool.
 *
 * The first two rows are `router.dispatch` alone, on calls that were read already. The third compares the whole way
 * from a reply to its results, with nothing subtracted: `router.read` and `router.dispatch` of a native reply of 100
 * calls, against `generateText` with a model that asks for the same 100 calls in its only step. Both parse the same
 * argument texts, check them against the same schema and run the same function.
 */
export async function dispatchRows(): Promise<readonly Row[]> {
  const { createRouter, defineTool } = await loadProduct()
  const router = createRouter([
    defineTool({
      name: 'record_sample',
      description: sampleDescription,
      inputSchema: sampleSchema,
      execute: recordSample,
    }),
  ])
  const reply = nativeReply(callsPerReply)
  const { calls } = router.read(reply)
  const [first] = calls
  if (first === undefined) throw new Error('The reply was read as holding no call.')
  const single: Variant = {
    name: 'one call a reply',
    run: async (times) => {
      for (let time = 0; time < times; time++) await router.dispatch([first])
    },
  }
  const many: Variant = {
    name: 'many calls a reply',
    run: async (times) => {
      for (let time = 0; time < times; time++) await router.dispatch(calls)
    },
  }
  const whole: Variant = {
    name: 'tenrounds',
    run: async (times) => {
      for (let time = 0; time < times; time++) await router.dispatch(router.read(reply).calls)
    },
  }
  await assertAllRun(async () => (await router.dispatch(calls)).filter(({ status }) => status === 'ok').length)

  const [singleCost, manyCost] = await measure([single, many])
  const [ours, theirs] = await measure([whole, await peer()])
  const perSecond = (nanoseconds: number, count: number) => (count * 1e6) / nanoseconds
  const rate = (series: typeof singleCost, count: number) => ({
    cpu: statisticOf((series?.cpu ?? []).map((value) => perSecond(value, count))),
    wall: statisticOf((series?.wall ?? []).map((value) => perSecond(value, count))),
  })
  const one = rate(singleCost, 1)
  const hundred = rate(manyCost, callsPerReply)
  const ratio = ratioOf(theirs, ours)
  return [
    {
      what: 'dispatch, one call a reply',
      figure: shown(one.cpu, ' k/s', 0),
      aside: shown(one.wall, ' k/s', 0),
      goal: atLeast(one.cpu.median, 300, ' k/s'),
    },
    {
      what: `dispatch, ${callsPerReply} calls a reply`,
      figure: shown(hundred.cpu, ' k/s', 0),
      aside: shown(hundred.wall, ' k/s', 0),
      goal: atLeast(hundred.cpu.median, 300, ' k/s'),
    },
    {
      what: `ai / tenrounds, a reply of ${callsPerReply} calls`,
      figure: shown(ratio, 'x'),
      aside: shown(ratioOf(theirs, ours, 'wall'), 'x'),
      goal: atLeast(ratio.median, 3, 'x'),
    },
  ]
}

function nativeReply(count: number) {
  const tool_calls = Array.from({ length: count }, (_, index) => ({
    id: `call_${index}`,
    type: 'function',
    function: { name: 'record_sample', arguments: sampleArguments },
  }))
  return { role: 'assistant', content: null, tool_calls } as const
}

async function peer(): Promise<Variant> {
  const content = Array.from({ length: callsPerReply }, (_, index) => ({
    type: 'tool-call' as const,
    toolCallId: `call_${index}`,
    toolName: 'record_sample',
    input: sampleArguments,
  }))
  const count = (total: number) => ({ total, noCache: total, cacheRead: 0, cacheWrite: 0 })
  const usage = { inputTokens: count(10), outputTokens: { total: 10, text: 10, reasoning: 0 } }
  const model: Exclude<LanguageModel, string> = {
    specificationVersion: 'v3',
    provider: 'bench',
    modelId: 'bench',
    supportedUrls: {},
    doGenerate: async () => ({
      content,
      finishReason: { unified: 'tool-calls', raw: 'tool_calls' },
      usage,
      warnings: [],
    }),
    doStream: () => Promise.reject(new Error('This model does not stream.')),
  }
  const tools = {
    record_sample: tool({ description: sampleDescription, inputSchema: sampleZodSchema, execute: recordSample }),
  }
  await assertAllRun(async () => (await generateText({ model, tools, prompt: 'Record.' })).toolResults.length)
  return {
    name: 'ai',
    run: async (times) => {
      for (let time = 0; time < times; time++) await generateText({ model, tools, prompt: 'Record.' })
    },
  }
}

async function assertAllRun(count: () => Promise<number>): Promise<void> {
  const executed = await count()
  if (executed !== callsPerReply) throw new Error(`${executed} of ${callsPerReply} calls were executed.`)
}
