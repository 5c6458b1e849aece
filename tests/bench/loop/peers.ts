import { measure, ratioOf, type Series, statisticOf } from '../harness.ts'
import { atLeast, type Row, shown } from '../table.ts'
import { peerNames, startContender } from './contender.ts'
import type { BenchServer } from './server.ts'

/** The least CPU time that each peer is expected to take, as a multiple of ours. */
const expected: Readonly<Record<string, number>> = { ai: 5, '@openai/agents': 10, langchain: 15 }

/** CPU time of the peers for the same runs, as a multiple of ours; one run at a time. */
export async function peerRows(server: BenchServer, bytes: number): Promise<readonly Row[]> {
  const names = ['tenrounds', ...peerNames] as const
  const contenders = names.map((name) =>
    startContender(name, { baseUrl: server.baseUrl, bytes, schema: 'scalars', concurrency: 1 }),
  )
  const series = await measure(contenders, { samples: 15, sampleMs: 400 })
  for (const { close } of contenders) close()
  const [ours, ...peers] = series
  return peers.map((peer) => {
    const times = ratioOf(peer, ours)
    return {
      what: `${peer.name} / tenrounds`,
      figure: shown(times, 'x'),
      aside: `${milliseconds(peer)} / ${milliseconds(ours)} CPU, wall ${shown(ratioOf(peer, ours, 'wall'), 'x')}`,
      goal: atLeast(times.median, expected[peer.name] ?? 1, 'x'),
    }
  })
}

function milliseconds(series: Series | undefined): string {
  return `${(statisticOf(series?.cpu ?? []).median / 1e6).toFixed(2)} ms`
}
