import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Model, ModelReply } from '../../../lib/loop/model.ts'
import { collectGarbage } from '../harness.ts'
import { loadProduct } from '../product.ts'
import { atMost, type Row } from '../table.ts'
import { answer, instructions, logPages, prompt, toolDescription, toolName, toolRounds, toolSchemas } from './work.ts'

const runs = 1000
const resultBytes = 4096

/** Goal for the heap of a run, as a multiple of its messages. */
const goalTimes = 2.2

/** Noise of the heap per run; far less than one message. */
const noiseBytes = 64

interface Measured {
  /** Heap per run while all of them wait for their last reply, and bytes of its messages then. */
  readonly held: number
  readonly transcript: number
  /** Heap per run that is left when all have ended and their results are dropped. */
  readonly left: number
}

/**
 * 1 000 runs at once in their own process, with a model in the same process: the heap that each holds after nine rounds
 * with new tool results of 4 KiB, and the heap that is left afterwards.
 */
export async function memoryRows(): Promise<readonly Row[]> {
  const child = fork(fileURLToPath(import.meta.url), ['measure'], { stdio: 'inherit' })
  const [{ held, transcript, left }] = (await once(child, 'message')) as [Measured]
  return [
    {
      what: `${runs} runs in their last round: heap per run`,
      figure: `${(held / 1024).toFixed(1)} KiB`,
      aside: `${(held / transcript).toFixed(2)}x its messages of ${(transcript / 1024).toFixed(1)} KiB`,
      goal: atMost(held / transcript, goalTimes, 'x'),
    },
    {
      what: `${runs} runs ended and dropped: heap left per run`,
      figure: `${left.toFixed(1)} B`,
      goal: { text: `≤ ${noiseBytes} B`, met: left <= noiseBytes },
    },
  ]
}

async function settle(): Promise<number> {
  for (let time = 0; time < 5; time++) {
    collectGarbage()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

async function measureHere(): Promise<Measured> {
  const { defineTool, runLoop } = await loadProduct()
  const texts = logPages(resultBytes).map((page) => JSON.stringify(page))
  const execute = ({ page }: { readonly page: number }) => JSON.parse(texts[page] ?? 'null')
  const tools = [
    defineTool({ name: toolName, description: toolDescription, inputSchema: toolSchemas.scalars, execute }),
  ]
  const batch = async (): Promise<Omit<Measured, 'left'>> => {
    const before = await settle()
    const waiting = waitingModel()
    const all = Promise.all(
      Array.from({ length: runs }, () => runLoop({ model: waiting.model, tools, instructions, prompt })),
    )
    await waiting.allInLastRound
    const held = (await settle()) - before
    waiting.answerAll()
    const wrong = (await all).find((run) => run.stopReason !== 'answered' || run.answer !== answer)
    if (wrong !== undefined) throw new Error(`A run ended with ${wrong.stopReason}.`)
    return { held: held / runs, transcript: waiting.messageBytes() / runs }
  }
  let measured = await batch()
  const sizes = [await settle()]
  for (let time = 0; time < 4; time++) {
    measured = await batch()
    sizes.push(await settle())
  }
  // The least growth of four batches: what is kept for ever grows in each of them.
  const left = Math.min(...sizes.slice(1).map((size, index) => size - (sizes[index] ?? 0)))
  return { ...measured, left: left / runs }
}

/** Asks for nine calls. The last replies wait for `answerAll`. */
function waitingModel() {
  const last: (() => void)[] = []
  let bytes = 0
  let arrived = () => {}
  const allInLastRound = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const model: Model = {
    name: 'bench',
    provider: 'bench',
    async complete({ messages }) {
      const round = messages.filter(({ role }) => role === 'tool').length
      if (round < toolRounds) return replyOf(round)
      for (const { json } of messages) bytes += Buffer.byteLength(json)
      await new Promise<void>((resolve) => {
        last.push(resolve)
        if (last.length === runs) arrived()
      })
      return replyOf(round)
    },
  }
  const answerAll = () => {
    for (const resolve of last) resolve()
  }
  return { model, allInLastRound, messageBytes: () => bytes, answerAll }
}

function replyOf(round: number): ModelReply {
  const usage = { inputTokens: 100, outputTokens: 20, cachedInputTokens: 0, reasoningTokens: 0 }
  if (round >= toolRounds) return { message: { role: 'assistant', content: answer }, finishReason: 'stop', usage }
  const asked = { name: toolName, arguments: JSON.stringify({ page: round, topic: 'scheduler' }) }
  const call = { id: `call_${round}`, type: 'function', function: asked }
  return { message: { role: 'assistant', tool_calls: [call] }, finishReason: 'tool_calls', usage }
}

if (process.argv[2] === 'measure') {
  const measured = await measureHere()
  process.send?.(measured, () => process.exit())
}
