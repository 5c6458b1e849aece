import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Model, ModelReply } from '../../../lib/loop/model.ts'
import type { RunOptions } from '../../../lib/loop/run.ts'
import type { Tool } from '../../../router/tool.ts'
import { statisticOf } from '../harness.ts'
import { buildProduct } from '../product.ts'
import { atMost, type Row } from '../table.ts'
import { type HostileRun, type HostileTool, hostileRuns } from './hostile-runs.ts'

/** Longest time in milliseconds for which a run may block the process, at the default limits. */
const goalMs = 50

/** Runs of each kind. Their median is shown, because a collection of garbage may fall into any of them. */
const repetitions = 5

/** In milliseconds. */
interface Measured {
  /** The longest block of each run, in order. */
  readonly blocks: readonly number[]
  readonly totalMs: number
  readonly stopReason: string
}

/**
 * How long hostile input blocks the process: the longest turn of the event loop in a run, for each kind of input. Each kind has
 * its own process.
 *
 * @param names words from the names of the kinds to measure. @defaultValue all
 */
export async function longestBlockRows(names: readonly string[] = []): Promise<readonly Row[]> {
  const product = buildProduct()
  const rows: Row[] = []
  for (const name of Object.keys(hostileRuns)) {
    if (names.length > 0 && !names.some((word) => name.includes(word))) continue
    const child = fork(fileURLToPath(import.meta.url), ['measure', product, name], { stdio: 'inherit' })
    const [{ blocks, totalMs, stopReason }] = (await once(child, 'message')) as [Measured]
    const { median, high } = statisticOf(blocks)
    rows.push({
      what: name,
      figure: `${median.toFixed(1)} ms`,
      aside: `first ${(blocks[0] ?? 0).toFixed(1)} ms, high ${high.toFixed(1)} ms, ${totalMs.toFixed(0)} ms per run, ${stopReason}`,
      goal: atMost(median, goalMs, ' ms'),
    })
  }
  return rows
}

async function measureHere(product: string, name: string): Promise<Measured> {
  const { runLoop, defineTool, minimax }: typeof import('../../../lib/index.ts') = await import(
    pathToFileURL(join(product, 'lib/index.js')).href
  )
  const make = hostileRuns[name]
  if (make === undefined) throw new Error(`There is no input "${name}".`)
  const hostile = make()
  const { textFormat } = minimax({ token: 'unused' })
  // The schemas are data here, so their types say nothing about the tools.
  const define = defineTool as (tool: HostileTool) => Tool
  const tools = (hostile.tools ?? []).map(define)
  const blocks: number[] = []
  let totalMs = 0
  let stopReason = ''
  for (let time = 0; time < repetitions; time++) {
    const options = optionsOf(hostile, textFormat, tools)
    await quiet()
    const longest = watchTurns()
    const startedAt = performance.now()
    const run = await runLoop(options)
    stopReason = run.stopReason
    await new Promise((resolve) => setImmediate(resolve))
    blocks.push(longest())
    totalMs += performance.now() - startedAt
  }
  return { blocks, totalMs: totalMs / repetitions, stopReason }
}

async function quiet(): Promise<void> {
  for (let time = 0; time < 10; time++) await new Promise((resolve) => setImmediate(resolve))
}

/**
 * Watches the turns of the event loop. The result ends it and returns the milliseconds of the longest one. The smaller of
 * CPU time and wall time counts: CPU time contains other threads of V8, and wall time contains other work on the machine.
 */
function watchTurns(): () => number {
  let longest = 0
  let isWatching = true
  let cpu = process.cpuUsage()
  let wall = performance.now()
  const turn = () => {
    const { user, system } = process.cpuUsage(cpu)
    longest = Math.max(longest, Math.min((user + system) / 1000, performance.now() - wall))
    cpu = process.cpuUsage()
    wall = performance.now()
    if (isWatching) setImmediate(turn)
  }
  setImmediate(turn)
  return () => {
    isWatching = false
    return longest
  }
}

function optionsOf(
  { replies, run }: HostileRun,
  textFormat: Model['textFormat'],
  tools: RunOptions<never>['tools'],
): RunOptions<never> {
  let round = 0
  const model: Model = {
    name: 'bench',
    provider: 'bench',
    textFormat,
    async complete() {
      const message = replies[round++] ?? { role: 'assistant', content: 'Done.' }
      await new Promise((resolve) => setImmediate(resolve))
      return replyOf(message)
    },
  }
  return { model, prompt: 'Begin.', tools, ...run }
}

function replyOf(message: ModelReply['message']): ModelReply {
  const usage = { inputTokens: 100, outputTokens: 20, cachedInputTokens: 0, reasoningTokens: 0 }
  return { message, finishReason: 'tool_calls' in message ? 'tool_calls' : 'stop', usage }
}

const [, , task, product = '', name = ''] = process.argv
if (task === 'measure') {
  const measured = await measureHere(product, name)
  process.send?.(measured, () => process.exit())
}
