import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { operand, serveCommand, shellWord, valueWord } from '../../../lib/incident/report/shell-commands.ts'
import { config } from '../support/made-up-incident.ts'

/** The arguments that a real shell passes for words, each as hexadecimal bytes. Other output would be that of a command. */
function argumentsOf(words: readonly string[]): readonly string[] {
  const script = words
    .map((word) => `printf '[%s]' "$(printf '%s' ${word} | od -An -v -tx1 | tr -d ' \\n')"`)
    .join('\n')
  const { stdout, stderr, status } = spawnSync('sh', [], {
    input: script,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  })
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  return [...stdout.matchAll(/\[([\da-f]*)\]/g)].map(([, hex = '']) => Buffer.from(hex, 'hex').toString())
}

/** A shell passes no U+0000, and a text with hidden characters loses line breaks at its end. */
const passed = (text: string) => Buffer.from(text.replaceAll('\0', '').replace(/\n+$/, '')).toString()

const hostile = [
  '$(touch /tmp/owned)',
  '`id`',
  "'; id; '",
  '"; id; "',
  '\\',
  "\\'",
  '$HOME',
  '!!',
  '!$',
  '*',
  '~',
  '~root',
  '#x',
  '&& id',
  '| id',
  '> x',
  '< /etc/passwd',
  '{a,b}',
  '[redacted]',
  'a b',
  '',
  '-x',
  '=ls',
  '%s %d',
  'line\nid\n',
  '\u001b[201~\nid\n',
  '\u202eevil',
  'tab\there',
  '-x\ttab',
  '{"method": "eagle3", "it\'s": 1}',
  'ünï 🚀',
]

test('a real shell passes every text unchanged, and runs nothing of it', () => {
  expect(argumentsOf(hostile.map(shellWord))).toEqual(hostile.map(passed))
  const pieces = fc.array(fc.oneof(fc.constantFrom(...hostile), fc.string({ unit: 'binary' })), { maxLength: 5 })
  fc.assert(
    fc.property(
      fc.array(
        pieces.map((parts) => parts.join('')),
        { minLength: 1, maxLength: 30 },
      ),
      (texts) => {
        expect(argumentsOf(texts.map(shellWord))).toEqual(texts.map(passed))
      },
    ),
    { numRuns: 30 },
  )
})

test('a pasted word has no character that a terminal obeys, and is on one line', () => {
  for (const text of hostile) expect(shellWord(text)).not.toMatch(/[\p{Cc}\u202e]/u)
})

test('usual values need no quotes', () => {
  for (const text of ['0.92', 'meta-llama/Llama-3.3-70B-Instruct', 'vllm/vllm-openai:v0.15.0', 'tcp,cuda_copy']) {
    expect(shellWord(text)).toBe(text)
  }
})

test('an operand that looks like an option is not read as one', () => {
  expect(operand('gpu-node-1')).toBe('gpu-node-1')
  expect(operand('--all')).toBe('-- --all')
})

test('a secret is filled in by the reader', () => {
  expect(valueWord('HF_TOKEN', 'QQQQQQQQQQQQ')).toBe("'<value of HF_TOKEN>'")
  expect(valueWord('NCCL_PROTO', 'LL128')).toBe('LL128')
})

test('the command has every argument as vllm serve takes it', () => {
  const engine_args = {
    max_num_seqs: 128,
    enforce_eager: false,
    enable_chunked_prefill: true,
    'kv-cache-dtype': 'fp8',
    speculative_config: '{"method": "ngram"}',
    disable_log_stats: true,
    chat_template: "it's; id",
    tensor_parallel_size: null,
    served_model_name: 'one two',
    made_up: '--flag',
  }
  expect(serveCommand({ ...config, engine_args })).toBe(
    'vllm serve meta-llama/Llama-3.1-8B-Instruct --max-num-seqs 128 --no-enforce-eager --enable-chunked-prefill ' +
      `--kv-cache-dtype fp8 --speculative-config '{"method": "ngram"}' --disable-log-stats --chat-template 'it'\\''s; id' ` +
      '--served-model-name one two --made-up=--flag',
  )
})

test('an unknown model is filled in by the reader', () => {
  expect(serveCommand({ ...config, model: 'unknown', vllm_version: 'unknown', engine_args: {} })).toBe(
    "vllm serve '<model>'",
  )
})
