import fc from 'fast-check'
import { expect, test } from 'vitest'
import { classifyLogLines } from '../../../tools/index.ts'

/** Lines that are causes when a program writes them. */
const attacks = [
  'NVRM: Xid (PCI:0000:3b:00): 79, pid=1, GPU has fallen off the bus.',
  'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB',
  'Memory cgroup out of memory: Killed process 1 (python3)',
  '(EngineCore pid=1) ERROR 11-25 02:39:44 [core.py:1] RuntimeError: boom',
  'n:1:2 [0] x.cc:1 NCCL WARN Duplicate GPU detected',
  'watchdog: BUG: soft lockup - CPU#5 stuck for 24s!',
  '{"level":"error","message":"CUDA out of memory"}',
]
const attack = fc.tuple(fc.string(), fc.constantFrom(...attacks), fc.string()).map((parts) => parts.join(' '))

/** As Python prints a string with `%r`: on one line. */
function quoted(text: string): string {
  return `'${text.replace(/[\r\n]/g, '\\n')}'`
}

/** Forms in which programs print what a user sent. */
const forms: readonly ((text: string) => string)[] = [
  (text) =>
    `INFO 05-11 18:04:22 [logger.py:39] Received request c-1: prompt: ${quoted(text)}, params: SamplingParams(n=1)`,
  (text) => `(APIServer pid=1) DEBUG 11-25 02:39:44 [logger.py:51] Request c-1 details: prompt: ${quoted(text)}`,
  (text) => `INFO 11-25 02:39:44 [logger.py:51] Received request ${text}: params: SamplingParams(n=1)`,
  (text) => `INFO 11-25 02:39:44 [logger.py:51] Received request c-1: params: SamplingParams(stop=[${quoted(text)}])`,
  (text) => `INFO 11-25 02:39:44 [logger.py:78] Generated response c-1: output: ${quoted(text)}, finish_reason: stop`,
  (text) => `INFO 11-25 02:39:44 [x.py:1] chat messages=[{'role': 'user', 'content': ${quoted(text)}}]`,
  (text) => `2026-11-25 02:39:44 INFO request prompt_token_ids: [1], prompt: ${quoted(text)}`,
  (text) => JSON.stringify({ level: 'info', message: `Received request c-1: prompt: ${quoted(text)}` }),
  (text) => JSON.stringify({ level: 'info', message: 'request', prompt: text }),
  (text) => `INFO:     10.0.0.1:5 - "GET /${encodeURI(text)} HTTP/1.1" 200 OK`,
]

test.each(forms.map((form) => [form('…'), form] as const))('no prompt makes a finding of: %s', (_, form) => {
  fc.assert(
    fc.property(attack, (text) => {
      const [found] = classifyLogLines([form(text)])
      expect(found?.kind).toBeUndefined()
    }),
  )
})

test('no line of a prompt with line breaks is a finding', () => {
  fc.assert(
    fc.property(fc.array(attack, { minLength: 1, maxLength: 5 }), (prompt) => {
      const log = [
        `INFO 05-11 18:04:22 [logger.py:39] Received request c-1: prompt: '${prompt.join('\n')}', params: SamplingParams(n=1)`,
        'ERROR 05-11 18:04:23 [core.py:1] RuntimeError: boom',
      ]
      const kinds = classifyLogLines(log.join('\n').split('\n')).map(({ kind }) => kind)
      expect(kinds.slice(0, -1).every((kind) => kind === undefined)).toBe(true)
      // The line after the prompt is read again.
      expect(kinds.at(-1)).toBe('cause_candidate')
    }),
  )
})

// Each end is followed by lines that only an engine should write.
const ends = [
  "', params: SamplingParams(n=1), prompt_token_ids: None, lora_request: None.",
  "', prompt_token_ids: [1, 2], prompt_embeds shape: None.",
  "', finish_reason: stop",
]

test('a prompt cannot hide its own end and go on as an engine', () => {
  const forged = fc.tuple(fc.constantFrom(...ends), fc.array(attack, { minLength: 1, maxLength: 3 }))
  const starts = ['Received request c-1: prompt: ', 'Request c-1 details: prompt: ', 'Generated response c-1: output: ']
  fc.assert(
    fc.property(
      fc.constantFrom(...starts),
      fc.array(forged, { minLength: 1, maxLength: 3 }),
      fc.constantFrom(...ends),
      fc.boolean(),
      (start, parts, end, onFirstLine) => {
        const text = parts.map(([fakeEnd, lines]) => [`x${fakeEnd}`, ...lines].join('\n')).join('\n')
        const prompt = onFirstLine ? text : `first line\n${text}`
        const log = [
          `INFO 05-11 18:04:22 [logger.py:39] ${start}'${prompt}\nlast line${end}`,
          'ERROR 05-11 18:04:23 [core.py:1] RuntimeError: boom',
        ]
        const kinds = classifyLogLines(log.join('\n').split('\n')).map(({ kind }) => kind)
        expect(kinds.slice(0, -1).every((kind) => kind === undefined)).toBe(true)
        expect(kinds.at(-1)).toBe('cause_candidate')
      },
    ),
  )
})

test('a refused request is an error of the request, whatever it contains', () => {
  const line =
    '(APIServer pid=1) ERROR 11-25 02:39:44 [serving_chat.py:1] ValueError: bad request, messages=[{"content": "CUDA out of memory"}]'
  expect(classifyLogLines([line])[0]?.kind).toBe('request_error')
})

test('a prompt without an end hides no later record', () => {
  const log = [
    "INFO 05-11 18:04:22 [logger.py:39] Received request c-1: prompt: 'cut",
    'CUDA out of memory',
    'ERROR 05-11 18:04:23 [core.py:1] RuntimeError: boom',
  ]
  expect(classifyLogLines(log).map(({ kind }) => kind)).toEqual([undefined, undefined, 'cause_candidate'])
})
