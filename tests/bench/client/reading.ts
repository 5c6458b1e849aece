import { measure, ratioOf, type Series, statisticOf } from '../harness.ts'
import { loadProduct } from '../product.ts'
import { atMost, type Row, shown } from '../table.ts'
import { bare } from './bare.ts'
import { type BenchReply, replies } from './replies.ts'
import type { ReplyServer } from './server.ts'

/**
 * One call of the client, from the request to the reply, against undici and `JSON.parse` of the same bytes. With
 * `onText`, the visible text of a stream is handed on as well, piece by piece.
 */
export async function readingRows(server: ReplyServer): Promise<readonly Row[]> {
  const { minimax } = await loadProduct()
  const rows: Row[] = []
  for (const [index, reply] of replies.entries()) {
    const url = server.urlOf(index)
    const options = { url, token: 'bench', env: {}, stream: reply.stream, retries: 0 }
    let told = 0
    const onText = (text: string) => (told += text.length)
    const requests = reply.stream ? [request, { ...request, onText }] : [request]
    const client = minimax(options)
    for (const one of requests) check(reply, (await client.complete(one)).message)
    if (reply.stream && told !== reply.content.length) {
      throw new Error(`Of "${reply.name}" ${told} characters were handed on.`)
    }
    const reference = bare(url, reply.stream)
    const variants = [reference.run, ...requests.map((one) => () => client.complete(one))]
    const [least, ...ours] = await measure(
      variants.map((run, position) => ({
        name: String(position),
        run: async (times) => {
          for (let time = 0; time < times; time++) await run()
        },
      })),
      longSamples,
    )
    ours.forEach((series, position) => {
      const ratio = ratioOf(series, least)
      rows.push({
        what: `${reply.name} (${Math.round(reply.body.length / 1024)} KiB)${position === 0 ? '' : ', onText'}`,
        figure: shown(ratio, 'x'),
        aside: `${shown(ratioOf(series, least, 'wall'), 'x')}, ${milliseconds(series)} / ${milliseconds(least)}`,
        goal: atMost(ratio.median, 1.2, 'x'),
      })
    })
    await Promise.all([reference, client].map((one) => one.close()))
  }
  return rows
}

/** So long that each sample holds several collections of the heap: they are part of what a reply costs. */
const longSamples = { samples: 9, sampleMs: 1000 }

interface Message {
  readonly content?: unknown
  readonly tool_calls?: readonly { readonly function?: { readonly arguments?: unknown } | null }[] | null
}

function check({ name, content, callArguments }: BenchReply, message: Message): void {
  const read = message.tool_calls?.[0]?.function?.arguments
  if ((message.content ?? '') !== content || read !== callArguments) throw new Error(`"${name}" was not read right.`)
}

/** Calls of one run have one signal and one transcript. */
const request = {
  messages: [{ role: 'user', json: JSON.stringify({ role: 'user', content: 'Go on.' }) }],
  signal: new AbortController().signal,
  timeoutMs: 60_000,
} as const

function milliseconds(series: Series | undefined): string {
  return `${(statisticOf(series?.cpu ?? []).median / 1e6).toFixed(2)} ms`
}
