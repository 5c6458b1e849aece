import { readdirSync, readFileSync, statSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { redact, redactDeep } from '../../../router/text/redact.ts'
import { numberOfCases } from '../support/runs.ts'

const fixtures = new URL('../../../fixtures/logs/', import.meta.url)

function linesOf(file: URL): readonly string[] {
  return readFileSync(file, 'utf8').split('\n')
}

const logLines = readdirSync(fixtures, { recursive: true, encoding: 'utf8' })
  .map((name) => new URL(name, fixtures))
  .filter((file) => statSync(file).isFile())
  .flatMap(linesOf)

test('no line of the logs or of the table of engine arguments is changed', () => {
  expect(logLines.length).toBeGreaterThan(5_000)
  const tables = new URL('../../../tools/arguments/', import.meta.url)
  const table = ['argument-effects.ts', 'engine-arguments.tsv'].flatMap((name) => linesOf(new URL(name, tables)))
  expect([...logLines, ...table].filter((line) => redact(line) !== line)).toEqual([])
})

test.each([
  '/password: expected string, received a number',
  ...['hf_overrides', 'hf_config_path', 'hf_text_config', 'hf_hub_download', 'hf_transformers_text_config_overrides'],
  ...['max_tokens: 4096', 'total_tokens=123456', 'secretary', 'tokenizer: bpe', 'inter-token latency: 0.0123'],
  ...['per-token: 0.0123456789012', 'time per output token: 0.012345678901', '"token": "Hello", "logprob": -0.1'],
  ...[
    'a basic idea',
    'basic authentication',
    'a basic configuration',
    'bearer token required',
    'Unexpected token: end',
  ],
  ...['WWW-Authenticate: Bearer realm="x"', 'authorization: Bearer token required', 'authorization: failed for x'],
  ...['api_key: null', 'Namespace(api_key=None)'],
  ...['use --api-key to set the key', 'HF_TOKEN=$HF_TOKEN', 'token > 5'],
  ...['eos_token="<|im_end|>"', 'eos_token=abcdefgh12345678', 'image_token: <image>', '"mask_token": "[MASK]"'],
  ...['https://host/path?q=1', 'https://host/path?mail=a@b', 'http://localhost:8000/v1/@scope/x', 'ssh://git@host:a/b'],
  ...['oci://img@sha256:0123456789abcdef', 'docker-pullable://vllm/vllm-openai:v0.6@sha256:0123456789abcdef'],
  ...['commit 9d2a436f0c5b7e1d2a3f4b5c6d7e8f9a0b1c2d3e', 'docker run -u 1000:1000 x', 'task-1234567ab', 'ASIA-PACIFIC'],
  ...[
    'Token::new_from_identifier12',
    'Credentials::from_env()',
    'secret://vault/path',
    'login <user> <password>\nhelp </a>',
  ],
])('%j contains no secret and is not changed', (text) => {
  expect(redact(text)).toBe(text)
})

const alphabet = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
const secret = fc.string({ unit: fc.constantFrom(...alphabet), minLength: 24, maxLength: 700, size: 'max' })
const forms: readonly ((secret: string) => string)[] = [
  ...[
    'sk-',
    'sk-cp-',
    'hf_',
    'ghp_',
    'xoxb-',
    'glpat-',
    'nvapi-',
    'sk_live_',
    'AIza',
    'eyJ',
    'Bearer ',
    'Cookie: sid=',
  ],
  ...['password=', 'api_key: ', 'HF_TOKEN=', 'client_secret=', 'token=', '--api-key ', '--hf-token='],
  ...['Authorization: Token ', 'Authorization: ApiKey ', 'Authorization: Unheard ', 'name: HF_TOKEN\n  value: '],
].map((prefix) => (body: string) => prefix + body)

const wrapped: readonly ((secret: string) => string)[] = [
  (body) => JSON.stringify({ password: `it's ${body}`, other: 1 }),
  (body) => JSON.stringify({ text: JSON.stringify({ api_key: `"${body}" \\`, other: 1 }) }),
  (body) => JSON.stringify({ credentials: { value: body, list: [1, body] }, api_key: [body] }),
  (body) => JSON.stringify([{ name: 'HF_TOKEN', value: body }]),
  (body) => JSON.stringify(['serve', '--api-key', body, '--port', '80']),
  (body) => `{password: '${body} ${body}'}`,
  (body) => `<parameter name="password">${body}</parameter>`,
  (body) => `-----BEGIN PRIVATE KEY-----\n${body}\n${body}\n-----END PRIVATE KEY-----`,
  (body) => `postgres://user:${body}/a@${body}@host/db`,
]

test('every form of a secret is masked at any place in a log, and masking twice changes nothing', () => {
  const property = fc.property(
    fc.constantFrom(...forms, ...wrapped),
    secret,
    fc.constantFrom(...logLines),
    fc.constantFrom(...logLines),
    (form, body, before, after) => {
      const text = `${before}\n${form(body)}\n${after}`
      for (const shown of [redact(text), JSON.stringify(redactDeep({ text })), redact(JSON.stringify(text))]) {
        for (const piece of [body.slice(0, 12), body.slice(-12), body.slice(6, 18)]) expect(shown).not.toContain(piece)
      }
      expect(redact(text).startsWith(`${before}\n`)).toBe(true)
      expect(redact(text).endsWith(`\n${after}`)).toBe(true)
      expect(redact(redact(text))).toBe(redact(text))
    },
  )
  fc.assert(property, { numRuns: numberOfCases(2_000), endOnFailure: true })
})
