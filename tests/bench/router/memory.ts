import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { collectGarbage } from '../harness.ts'
import { loadProduct } from '../product.ts'
import type { Row } from '../table.ts'
import { recordSample, sampleDescription, sampleSchema } from './sample-tool.ts'

const routers = 10_000

/** Noise of the heap per router; far less than one object that was kept. */
const noiseBytes = 8

/**
 * Routers created, used once and dropped, in a process of its own: how far 10 000 more of them raise the heap. Once with the tools of a long-lived process, once with tools (and compiled schemas) of each router's own.
 */
export async function memoryRows(): Promise<readonly Row[]> {
  const child = fork(fileURLToPath(import.meta.url), ['measure'], { stdio: 'inherit' })
  const [measured] = (await once(child, 'message')) as [Readonly<Record<string, number>>]
  return Object.entries(measured).map(([what, bytes]) => ({
    what,
    figure: `${(bytes / routers).toFixed(2)} B/router`,
    aside: `${Math.round(bytes / 1024)} KiB in all`,
    goal: { text: `≤ ${noiseBytes} B/router`, met: bytes / routers <= noiseBytes },
  }))
}

/** The least growth of three batches: what is kept for ever grows in each of them, what is compiled once does not. */
async function growthOf(once: () => Promise<unknown>): Promise<number> {
  const settle = async () => {
    for (let time = 0; time < 5; time++) {
      collectGarbage()
      await new Promise((resolve) => setImmediate(resolve))
    }
    return process.memoryUsage().heapUsed
  }
  const sizes: number[] = []
  for (let batch = 0; batch < 4; batch++) {
    for (let time = 0; time < routers; time++) await once()
    sizes.push(await settle())
  }
  return Math.min(...sizes.slice(1).map((size, batch) => size - (sizes[batch] ?? 0)))
}

async function measureHere(): Promise<Readonly<Record<string, number>>> {
  const { createRouter, defineTool } = await loadProduct()
  const makeTool = () =>
    defineTool({
      name: 'record_sample',
      description: sampleDescription,
      inputSchema: { ...sampleSchema },
      execute: recordSample,
    })
  const reply = {
    role: 'assistant',
    tool_calls: [{ type: 'function', function: { name: 'record_sample', arguments: '{"host":"a","gpu":"1"}' } }],
  } as const
  const use = (tools: readonly ReturnType<typeof makeTool>[]) => {
    const router = createRouter(tools)
    return router.dispatch([...router.read(reply).calls, ...router.read({ role: 'assistant', content: '{' }).calls])
  }
  const shared = [makeTool()]
  return {
    'routers of shared tools: heap growth': await growthOf(() => use(shared)),
    'routers of new tools: heap growth': await growthOf(() => use([makeTool()])),
  }
}

if (process.argv[2] === 'measure') {
  const measured = await measureHere()
  process.send?.(measured, () => process.exit())
}
