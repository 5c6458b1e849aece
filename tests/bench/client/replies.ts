/** One reply as it goes over the wire. */
export interface BenchReply {
  readonly name: string
  readonly stream: boolean
  readonly body: string
  /** The content that a client must return. */
  readonly content: string
  readonly callArguments: string | undefined
}

const sentence = 'The queue grows while the KV cache is at 97 %, so I look at "num_preemptions" first.\n'
const content = sentence.repeat(300)
const callArguments = JSON.stringify({ samples: Array.from({ length: 400 }, (_, page) => ({ page, note: sentence })) })

const envelope = {
  created: 1_780_211_747,
  model: 'MiniMax-M2.1',
  usage: null,
  input_sensitive: false,
  output_sensitive: false,
  input_sensitive_type: 0,
  output_sensitive_type: 0,
  output_sensitive_int: 0,
}
const id = '066b13237d4accbb697b81f696876915'
const usage = { total_tokens: 1873, total_characters: 0, prompt_tokens: 1520, completion_tokens: 353 }
const callHead = { id: 'call_function_4kq7v2m9x8_1', type: 'function' }

function pieces(text: string, length: number): readonly string[] {
  return Array.from({ length: Math.ceil(text.length / length) }, (_, index) =>
    text.slice(index * length, (index + 1) * length),
  )
}

function streamOf(deltas: readonly object[], finishReason: string): string {
  const chunk = (delta: object, choice: object = {}) => ({
    id,
    choices: [{ ...choice, index: 0, delta: { role: 'assistant', name: 'MiniMax AI', audio_content: '', ...delta } }],
    object: 'chat.completion.chunk',
    ...envelope,
  })
  const frames = [
    ...deltas.map((delta) => chunk(delta)),
    chunk({ content: '' }, { finish_reason: finishReason }),
    { id, choices: [], object: 'chat.completion.chunk', ...envelope, usage },
  ]
  return `${frames.map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join('')}data: [DONE]\n\n`
}

function wholeOf(message: object, finishReason: string): string {
  const choices = [{ finish_reason: finishReason, index: 0, message: { role: 'assistant', ...message } }]
  return JSON.stringify({ id, choices, object: 'chat.completion', ...envelope, usage })
}

function callDeltas(length: number): readonly object[] {
  const call = (rest: object) => ({ tool_calls: [{ index: 0, ...rest }] })
  const opening = call({ ...callHead, function: { name: 'record_sample', arguments: '' } })
  return [opening, ...pieces(callArguments, length).map((piece) => call({ function: { arguments: piece } }))]
}

const textDeltas = (length: number) => pieces(content, length).map((piece) => ({ content: piece }))

/** The same text whole, in MiniMax's chunks of about 125 characters, and in chunks of a token each; and a call likewise. */
export const replies: readonly BenchReply[] = [
  { name: 'whole', stream: false, body: wholeOf({ content }, 'stop'), content, callArguments: undefined },
  {
    name: 'streamed in coarse chunks',
    stream: true,
    body: streamOf(textDeltas(125), 'stop'),
    content,
    callArguments: undefined,
  },
  {
    name: 'streamed by tokens',
    stream: true,
    body: streamOf(textDeltas(5), 'stop'),
    content,
    callArguments: undefined,
  },
  {
    name: 'call streamed in coarse chunks',
    stream: true,
    body: streamOf(callDeltas(125), 'tool_calls'),
    content: '',
    callArguments,
  },
]
