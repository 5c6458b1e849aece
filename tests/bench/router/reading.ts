import type { AssistantMessage } from '../../../router/reading/assistant-message.ts'
import { measure, ratioOf, type Series, statisticOf, type Variant } from '../harness.ts'
import { loadProduct } from '../product.ts'
import { atMost, type Row, shown } from '../table.ts'
import { recordSample, sampleArguments, sampleDescription, sampleInput, sampleSchema } from './sample-tool.ts'

/**
 * Reading a native reply: the body of the response as one string, parsed, and its message read, the arguments of its
 * calls included. Compared with `JSON.parse` of the same body and nothing else.
 *
 * The arguments are JSON inside JSON, so a client that wants them parses twice. The second row of each reply shows the cost
 * of a bare `JSON.parse` of the body and of each arguments text. No reader can be below it. In a reply with almost nothing
 * but arguments that floor is above the goal, and the goal then applies to the reader's cost above the floor.
 */
export async function readingRows(): Promise<readonly Row[]> {
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
  for (const { name, body, calls, floorIsAbove } of replies) {
    const read = () => router.read(messageOf(body), { textFormat }).calls.map(({ input }) => input)
    if (JSON.stringify(read()) !== JSON.stringify(new Array(calls).fill(sampleInput))) {
      throw new Error(`The ${name} was not read as its ${calls} calls.`)
    }
    const [ours, parse, twice] = await measure([
      repeat('read', () => router.read(messageOf(body), { textFormat })),
      repeat('JSON.parse', () => JSON.parse(body)),
      repeat('JSON.parse of body and arguments', () => {
        for (const call of messageOf(body).tool_calls) JSON.parse(call.function.arguments)
      }),
    ])
    const ratio = ratioOf(ours, parse)
    const overhead = ratioOf(ours, twice)
    const most = (value: number) => atMost(value, 1.3, 'x')
    rows.push(
      {
        what: `${name} (${body.length} bytes): read / JSON.parse`,
        figure: shown(ratio, 'x'),
        aside: `${microseconds(ours)} / ${microseconds(parse)}`,
        ...(floorIsAbove ? {} : { goal: most(ratio.median) }),
      },
      { what: '  JSON.parse of body and arguments / JSON.parse', figure: shown(ratioOf(twice, parse), 'x') },
      {
        what: '  read / JSON.parse of body and arguments',
        figure: shown(overhead, 'x'),
        ...(floorIsAbove ? { goal: most(overhead.median) } : {}),
      },
    )
  }
  return rows
}

interface NativeMessage extends AssistantMessage {
  readonly tool_calls: readonly { readonly function: { readonly arguments: string } }[]
}

function messageOf(body: string): NativeMessage {
  return JSON.parse(body).choices[0].message
}

interface NativeReply {
  readonly name: string
  readonly body: string
  readonly calls: number
  /** Parsing its arguments alone takes more than the bound allows. */
  readonly floorIsAbove: boolean
}

const replies: readonly NativeReply[] = [
  { name: 'small reply, one call', body: bodyOf('', 1, 1024), calls: 1, floorIsAbove: false },
  { name: 'medium reply, thinking and two calls', body: bodyOf('<think>\n', 2, 8192), calls: 2, floorIsAbove: false },
  { name: 'large reply, thinking and two calls', body: bodyOf('<think>\n', 2, 65_536), calls: 2, floorIsAbove: false },
  { name: 'reply of 50 calls', body: bodyOf('', 50, 0), calls: 50, floorIsAbove: true },
]

/** A response as MiniMax sends it, its thinking filled up to so many bytes. */
function bodyOf(opener: string, calls: number, bytes: number): string {
  const sentence = 'The queue grows while the KV cache is at 97 %, so I look at "num_preemptions" first.\n'
  const whole = (filler: string) =>
    JSON.stringify({
      id: '055a72b3c5d04dd2a1e4c4b5a8b1c2d3',
      object: 'chat.completion',
      created: 1_770_000_000,
      model: 'MiniMax-M3',
      choices: [
        {
          index: 0,
          finish_reason: 'tool_calls',
          message: {
            role: 'assistant',
            name: 'MiniMax AI',
            audio_content: '',
            content: opener === '' ? filler : `${opener}${filler}</think>\n\nI record the samples.`,
            tool_calls: Array.from({ length: calls }, (_, index) => ({
              id: `call_function_4kq7v2m9x8_${index + 1}`,
              type: 'function',
              function: { name: 'record_sample', arguments: sampleArguments },
              index,
            })),
          },
        },
      ],
      usage: {
        total_tokens: 1873,
        prompt_tokens: 1520,
        completion_tokens: 353,
        completion_tokens_details: { reasoning_tokens: 280 },
        prompt_tokens_details: { cached_tokens: 1408 },
      },
      input_sensitive: false,
      output_sensitive: false,
      base_resp: { status_code: 0, status_msg: '' },
    })
  const room = bytes - whole('Ok.').length
  return whole(`Ok.${sentence.repeat(Math.max(0, Math.ceil(room / (sentence.length + 3))))}`)
}

function repeat(name: string, work: () => unknown): Variant {
  return {
    name,
    run: (times) => {
      for (let time = 0; time < times; time++) kept = work()
    },
  }
}

/** Keeps the results alive, so that the work cannot be optimised away. */
export let kept: unknown

function microseconds(series: Series | undefined): string {
  return `${(statisticOf(series?.cpu ?? []).median / 1000).toFixed(2)} µs`
}
