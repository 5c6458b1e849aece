import { measure, ratioOf, type Series, statisticOf } from '../harness.ts'
import { atMost, type Row, shown } from '../table.ts'
import { startContender } from './contender.ts'
import type { BenchServer } from './server.ts'
import type { SchemaName } from './work.ts'

/** One run at a time, as in a command-line tool, and 16 at once, as in a worker. */
const concurrencies = [1, 16]

/** A tool with two scalars, and one with arrays of objects as incident tools have. */
const schemas: readonly SchemaName[] = ['scalars', 'arrays']

/**
 * CPU time of whole runs after the warm-up, as a multiple of the naive loop's, for each schema and concurrency.
 *
 * @param goal highest ratio that meets the goal.
 */
export async function steadyRows(server: BenchServer, bytes: number, goal: number): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const schema of schemas) {
    for (const concurrency of concurrencies) {
      const contenders = (['tenrounds', 'naive'] as const).map((name) =>
        startContender(name, { baseUrl: server.baseUrl, bytes, schema, concurrency }),
      )
      const [ours, naive] = await measure(contenders, { samples: 15, sampleMs: 400 })
      for (const { close } of contenders) close()
      const ratio = ratioOf(ours, naive)
      rows.push({
        what: `steady state, ${concurrency} at once, ${schema}`,
        figure: shown(ratio, 'x'),
        aside: `${milliseconds(ours)} / ${milliseconds(naive)} CPU, wall ${shown(ratioOf(ours, naive, 'wall'), 'x')}`,
        goal: atMost(ratio.median, goal, 'x'),
      })
    }
  }
  return rows
}

const firstRuns = 150

/** CPU time of the first 150 runs of a fresh process, one after another: compilation is included. */
export async function firstRunsRow(server: BenchServer, bytes: number, goal: number | undefined): Promise<Row> {
  const costs: { readonly ours: number; readonly naive: number }[] = []
  for (let sample = 0; sample < 9; sample++) {
    const order = sample % 2 === 0 ? (['tenrounds', 'naive'] as const) : (['naive', 'tenrounds'] as const)
    const cost = { tenrounds: 0, naive: 0 }
    for (const name of order) {
      const contender = startContender(name, { baseUrl: server.baseUrl, bytes, schema: 'arrays', concurrency: 1 })
      await contender.ready
      cost[name] = (await contender.cost(firstRuns)).cpu / firstRuns
      contender.close()
    }
    costs.push({ ours: cost.tenrounds, naive: cost.naive })
  }
  const ratio = statisticOf(costs.map(({ ours, naive }) => ours / naive))
  const median = (pick: (cost: (typeof costs)[number]) => number) => statisticOf(costs.map(pick)).median / 1e6
  return {
    what: `first ${firstRuns} runs of a process, arrays`,
    figure: shown(ratio, 'x'),
    aside: `${median(({ ours }) => ours).toFixed(2)} ms / ${median(({ naive }) => naive).toFixed(2)} ms CPU`,
    ...(goal === undefined ? {} : { goal: atMost(ratio.median, goal, 'x') }),
  }
}

function milliseconds(series: Series | undefined): string {
  return `${(statisticOf(series?.cpu ?? []).median / 1e6).toFixed(2)} ms`
}
