import { measure, type Series, statisticOf } from '../harness.ts'
import { loadProduct } from '../product.ts'
import { atMost, type Row } from '../table.ts'
import { type HostileText, hostileTexts, textOf } from './hostile-texts.ts'
import { recordSample, sampleDescription, sampleSchema } from './sample-tool.ts'

const sizes = [64, 256, 1024].map((kilobytes) => kilobytes * 1024)

/** A linear reader costs the same per byte at every size; what is left is the heap's growth and the machine. */
const mostGrowth = 2

const mostMs = 100

/** Where a smaller size takes as long as this, the larger ones would take minutes: they count as missed unmeasured. */
const hopelessMs = 200

/** Calls of one reply that the loop runs by default. */
const maxCalls = 16

/**
 * Markup and repair paths under hostile texts, at three lengths: a reply is read, and what was found in it is dispatched.
 * Two bounds on both together: 1 MiB takes under 100 ms, and a byte costs about the same at 1 MiB as at 64 KiB.
 */
export async function hostileRows(): Promise<readonly Row[]> {
  const { createRouter, defineTool, minimax } = await loadProduct()
  const { textFormat } = minimax({ token: 'unused' })
  const router = createRouter([
    defineTool({
      name: 'record_sample',
      description: sampleDescription,
      inputSchema: sampleSchema,
      execute: recordSample,
    }),
  ])
  const rows: Row[] = []
  for (const hostile of hostileTexts) {
    const costs: Cost[] = []
    for (const size of sizes) {
      const message = messageOf(hostile, textOf(hostile, size))
      const { calls } = router.read(message, { textFormat })
      const read = repeat(() => router.read(message, { textFormat }))
      const dispatch = repeat(() => router.dispatch(calls, { maxCalls }))
      const [reading, dispatching] = await measure(
        [
          { name: 'read', run: read },
          { name: 'dispatch', run: dispatch },
        ],
        { samples: 5, sampleMs: 20 },
      )
      const cost = { size, calls: calls.length, read: median(reading), dispatch: median(dispatching) }
      costs.push(cost)
      if (cost.read + cost.dispatch > hopelessMs * 1e6) break
    }
    rows.push(rowOf(hostile, costs))
  }
  return rows
}

/** CPU time in nanoseconds. */
interface Cost {
  readonly size: number
  readonly calls: number
  readonly read: number
  readonly dispatch: number
}

function rowOf(hostile: HostileText, costs: readonly Cost[]): Row {
  const perByte = costs.map(({ size, read, dispatch }) => (read + dispatch) / size)
  const { size, calls, read, dispatch } = costs.at(-1) ?? { size: 0, calls: 0, read: 0, dispatch: 0 }
  const measured = `${milliseconds(read)} + ${milliseconds(dispatch)} ms`
  const isWhole = size === sizes.at(-1)
  const time = atMost((read + dispatch) / 1e6, mostMs, ' ms')
  const linear = atMost((perByte.at(-1) ?? 0) / (perByte[0] ?? 1), mostGrowth, 'x')
  return {
    what: `${hostile.place}: ${hostile.name}`,
    figure: isWhole ? measured : `${measured} at ${size / 1024} KiB`,
    aside: `${perByte.map((cost) => cost.toFixed(cost < 10 ? 1 : 0)).join(' · ')} ns/B, ${calls} calls`,
    // Far below the time goal, what grows is only the share of memory that caches hold.
    goal: {
      text: `${time.text}, ${linear.text}`,
      met: isWhole && time.met && (linear.met || read + dispatch < 1e7),
    },
  }
}

function repeat(work: () => unknown): (times: number) => Promise<void> {
  return async (times) => {
    for (let time = 0; time < times; time++) await work()
  }
}

function milliseconds(nanoseconds: number): string {
  return (nanoseconds / 1e6).toFixed(1)
}

function median(series: Series | undefined): number {
  return statisticOf(series?.cpu ?? []).median
}

function messageOf({ place }: HostileText, text: string) {
  if (place === 'content') return { role: 'assistant', content: text } as const
  const call = { id: 'call_1', type: 'function', function: { name: 'record_sample', arguments: text } }
  return { role: 'assistant', content: '', tool_calls: [call] } as const
}
