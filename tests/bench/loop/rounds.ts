import { measure, ratioOf, type Series, statisticOf } from '../harness.ts'
import { atLeast, atMost, type Row, shown } from '../table.ts'
import { names, startContender } from './contender.ts'
import type { BenchServer } from './server.ts'

const leastTimes: Readonly<Record<string, number>> = { ai: 5, '@openai/agents': 10, langchain: 15 }

/**
 * Ten rounds against the same server: nine tool calls with results of `bytes`, then an answer. Counted is the CPU time of
 * the contender's process, the client, a whole run each time, with nothing subtracted.
 */
export async function roundRows(server: BenchServer, bytes: number, mostOfNaive: number): Promise<readonly Row[]> {
  const contenders = names.map((name) => startContender(name, server.baseUrl, bytes))
  const sent = new Map<string, string>()
  for (const { name, cost } of contenders) {
    await server.received()
    await cost(1)
    sent.set(name, `${Math.round((await server.received()) / 1024)} KiB sent`)
  }
  const series = await measure(contenders, { samples: 15, sampleMs: 400 })
  for (const { close } of contenders) close()
  const costOf = (one: Series | undefined) => `${milliseconds(one)} (${sent.get(one?.name ?? '')})`
  const [ours, everyones, ...others] = series
  const ratio = ratioOf(ours, everyones)
  return [
    {
      what: 'tenrounds / naive',
      figure: shown(ratio, 'x'),
      aside: `${shown(ratioOf(ours, everyones, 'wall'), 'x')}, ${costOf(ours)} / ${costOf(everyones)}`,
      bound: atMost(ratio.median, mostOfNaive, 'x'),
    },
    ...others.map((other) => {
      const times = ratioOf(other, ours)
      return {
        what: `${other.name} / tenrounds`,
        figure: shown(times, 'x'),
        aside: `${shown(ratioOf(other, ours, 'wall'), 'x')}, ${costOf(other)}`,
        bound: atLeast(times.median, leastTimes[other.name] ?? 1, 'x'),
      }
    }),
  ]
}

function milliseconds(series: Series | undefined): string {
  return `${(statisticOf(series?.cpu ?? []).median / 1e6).toFixed(2)} ms`
}
