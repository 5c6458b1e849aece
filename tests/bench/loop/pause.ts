import type { Model, ModelReply } from '../../../lib/loop/model.ts'
import { measure, ratioOf, type Series, statisticOf } from '../harness.ts'
import { loadProduct } from '../product.ts'
import { type Row, shown } from '../table.ts'
import { answer, instructions, logPages, prompt, toolDescription, toolName, toolRounds, toolSchemas } from './work.ts'

const resultBytes = 16 * 1024
/** The round whose call waits for a decision. */
const pausedRound = 5

/**
 * The cost of a pause, with a checkpoint that goes through JSON, and of a follow-up question, against the same run without
 * them. The model is in the same process, so the figures show the loop alone.
 */
export async function pauseRows(): Promise<readonly Row[]> {
  const { defineTool, runLoop } = await loadProduct()
  const pages = logPages(resultBytes)
  const execute = ({ page }: { readonly page: number }) => pages[page]
  const tools = [
    defineTool({ name: toolName, description: toolDescription, inputSchema: toolSchemas.scalars, execute }),
  ]
  const given = { model: askingModel(), tools, instructions, prompt }
  const whole = async () => {
    const run = await runLoop(given)
    if (run.stopReason !== 'answered' || run.answer !== answer) throw new Error(`The run ended with ${run.stopReason}.`)
    return run
  }
  const paused = async () => {
    const first = await runLoop({ ...given, approve: ({ round }) => (round === pausedRound ? 'pause' : 'run') })
    if (first.stopReason !== 'paused') throw new Error(`The run ended with ${first.stopReason}.`)
    const decisions = Object.fromEntries(first.pending.map(({ callId }) => [callId, 'run' as const]))
    const resumeFrom = JSON.parse(JSON.stringify(first.checkpoint))
    const run = await runLoop({ ...given, resumeFrom, decisions })
    if (run.stopReason !== 'answered' || run.answer !== answer) throw new Error(`The run ended with ${run.stopReason}.`)
  }
  const stored = JSON.stringify((await whole()).messages)
  const asking = { model: answeringModel(), tools, instructions, prompt: 'And now?' }
  const fresh = async () => void (await runLoop(asking))
  const followUp = async () => void (await runLoop({ ...asking, history: JSON.parse(stored) }))
  const throughJson = () => JSON.stringify(JSON.parse(stored))
  const [plain, resumed] = await measure([variant('whole', whole), variant('paused', paused)])
  const [json, alone, continued] = await measure([
    variant('json', throughJson),
    variant('fresh', fresh),
    variant('follow-up', followUp),
  ])
  const bytes = `${Math.round(stored.length / 1024)} KiB`
  return [
    {
      what: 'ten rounds with a pause and a resume / without',
      figure: shown(ratioOf(resumed, plain), 'x'),
      aside: `${milliseconds(resumed)} / ${milliseconds(plain)} CPU, results of ${resultBytes / 1024} KiB`,
    },
    {
      what: `a follow-up question with a history of ${bytes} / JSON.parse and JSON.stringify of it`,
      figure: shown(ratioOf(continued, json), 'x'),
      aside: `${milliseconds(continued)} / ${milliseconds(json)} CPU, ${milliseconds(alone)} without history`,
    },
  ]
}

function variant(name: string, work: () => unknown) {
  return {
    name,
    run: async (times: number) => {
      for (let time = 0; time < times; time++) await work()
    },
  }
}

const usage = { inputTokens: 100, outputTokens: 20, cachedInputTokens: 0, reasoningTokens: 0 }

function answering(): ModelReply {
  return { message: { role: 'assistant', content: answer }, finishReason: 'stop', usage }
}

function answeringModel(): Model {
  return { name: 'bench', provider: 'bench', complete: async () => answering() }
}

/** Asks for nine calls, one per round, and then answers. */
function askingModel(): Model {
  return {
    name: 'bench',
    provider: 'bench',
    async complete({ messages }) {
      const round = messages.filter(({ role }) => role === 'tool').length
      if (round >= toolRounds) return answering()
      const asked = { name: toolName, arguments: JSON.stringify({ page: round, topic: 'scheduler' }) }
      const call = { id: `call_${round}`, type: 'function', function: asked }
      return { message: { role: 'assistant', tool_calls: [call] }, finishReason: 'tool_calls', usage }
    },
  }
}

function milliseconds(series: Series | undefined): string {
  return `${(statisticOf(series?.cpu ?? []).median / 1e6).toFixed(2)} ms`
}
