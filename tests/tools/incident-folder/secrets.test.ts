import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { incidentResponder } from '../../../lib/incident/responder/incident-responder.ts'
import { runIncident } from '../../../lib/incident/run-incident.ts'
import { minimax } from '../../../lib/minimax/minimax.ts'
import { startMockServer } from '../../../lib/testing/index.ts'
import { openIncident } from '../../../tools/incident-folder/open-incident.ts'
import { createIncidentTools, scenarioSource } from '../../../tools/index.ts'
import { call } from '../call.ts'
import { folderOf } from './folder.ts'

// Each value is a made-up secret. None of them may be in anything that a tool returns.
const secrets = {
  token: 'hf_abcdefghijklmnopqrstuvwxyz123456',
  password: 'hunter2secretpw',
  live: 'sk-live-abcdef1234567890abcd',
  jwt: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefghijk',
  url: 'pgpass99word',
  option: 'Option-Key+12/34',
  key: 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj',
} as const
const { token, password, live, jwt, url, option, key } = secrets

const line = (text: string) => `(APIServer pid=1) WARNING 11-27 21:12:01 [x.py:1] ${text}`
const engineLog = [
  line(`non-default args: {'model': 'meta-llama/Llama-3.1-8B-Instruct', 'max_num_seqs': 8, 'api_key': ['${live}']}`),
  line(`auth header Authorization: Bearer ${jwt} for postgres://user:${url}@db/x`),
  line(`ERROR cannot log in to the store with ${password}`),
  line(`ERROR request failed: https://store/?key=${encodeURIComponent(option)}`),
  line(`ERROR HF_TOKEN=${token} is refused`),
  '-----BEGIN PRIVATE KEY-----',
  key,
  'c2hvcnQ=',
  '-----END PRIVATE KEY-----',
  line('ERROR password="'),
  line('ERROR CUDA out of memory'),
].join('\n')
const journal = JSON.stringify({
  __REALTIME_TIMESTAMP: '1795813926000000',
  MESSAGE: `vllm failed with DB_PASSWORD=${password} and Bearer ${jwt}`,
  _HOSTNAME: 'n1',
  SYSLOG_IDENTIFIER: 'vllm',
})
const docker = JSON.stringify({
  log: `${line(`ERROR api_key: ${live} is wrong`)}\n`,
  stream: 'stderr',
  time: '2026-11-27T21:12:01Z',
})
const manifest = `apiVersion: apps/v1
kind: Deployment
spec:
  containers:
    - name: vllm
      image: vllm/vllm-openai:v0.15.0
      command: ["vllm", "serve"]
      args: ["meta-llama/Llama-3.1-8B-Instruct", "--max-num-seqs", "8", "--api-key", "${option}", "--override", "${live}"]
      env:
        - { name: HF_TOKEN, value: ${token} }
        - { name: DB_PASSWORD, value: ${password} }
        - { name: STORE, value: "postgres://user:${url}@db/x" }
        - { name: VLLM_LOGGING_LEVEL, value: DEBUG }
`
const page = (served: number) => `vllm:num_requests_running{engine="0",model_name="m",api_key="${live}"} 1.0
vllm:num_requests_waiting{engine="0",model_name="m",api_key="${live}"} 0.0
vllm:request_success_total{engine="0",finished_reason="stop",model_name="https://u:${url}@hub/m"} ${served}
`

async function incidentWithSecrets() {
  return await openIncident(
    await folderOf({
      'vllm.log': engineLog,
      'engine-old.log.gz': gzipSync(`${docker}\n`),
      'journal.json': `${journal}\n`,
      'deployment.yaml': manifest,
      'incident.yaml': `description: log in with ${password}, token ${token}\n`,
      'metrics-2026-11-27T21-10-00Z.prom': page(10),
      'metrics-2026-11-27T21-12-00Z.prom': page(30),
      'metrics-2026-11-27T21-11-00Z.prom': `${page(20)}vllm:x{api_key="${live}"`,
      [`notes-${token}.md`]: 'nothing\n',
    }),
  )
}

test('no secret of a folder is in what an incident has', async () => {
  const incident = await incidentWithSecrets()
  const shown = JSON.stringify([
    incident,
    incident.log('vllm'),
    incident.log('journal'),
    incident.metricsPage(),
    incident.inference(),
  ])
  for (const [name, secret] of Object.entries(secrets)) expect(shown, name).not.toContain(secret)
  expect(shown).not.toContain(encodeURIComponent(option))
  expect(shown).not.toContain('c2hvcnQ=')
})

test('masking keeps the facts of the files', async () => {
  const { observation, log, pages } = await incidentWithSecrets()
  expect(observation.deployment).toMatchObject({
    model: 'meta-llama/Llama-3.1-8B-Instruct',
    image: 'vllm/vllm-openai:v0.15.0',
    engine_args: { max_num_seqs: 8 },
    env: { HF_TOKEN: '[redacted]', DB_PASSWORD: '[redacted]', VLLM_LOGGING_LEVEL: 'DEBUG' },
  })
  expect(log('vllm')?.at(-1)).toContain('CUDA out of memory')
  expect(pages).toHaveLength(3)
  expect(observation.telemetry.requests.served).toBe(20)
})

test('the engine arguments of a log with a key are read', async () => {
  const { observation } = await openIncident(await folderOf({ 'vllm.log': engineLog }))
  expect(observation.deployment.engine_args).toMatchObject({ max_num_seqs: 8 })
})

test('the tools and the requests to the model have no secret of a folder', async () => {
  const incident = await incidentWithSecrets()
  const { id } = incident.observation
  const scenarios = scenarioSource([incident])
  const [vllmLogs, systemLogs, metrics, config, state] = createIncidentTools({ scenarios })
  const results = [
    await call(vllmLogs, { scenario: id, limit: 2000 }),
    await call(systemLogs, { scenario: id }),
    await call(metrics, { scenario: id }),
    await call(config, { scenario: id }),
    await call(state, { scenario: id }),
  ]
  for (const secret of Object.values(secrets)) expect(JSON.stringify(results)).not.toContain(secret)
  await using mockServer = await startMockServer({ responder: incidentResponder() })
  const model = minimax({ url: mockServer.url, token: 'mock-server', env: {} })
  await runIncident(id, { scenarios, model })
  await model.close()
  expect(mockServer.requests.length).toBeGreaterThan(1)
  const sent = JSON.stringify(mockServer.requests.map(({ body }) => body))
  for (const secret of Object.values(secrets)) expect(sent).not.toContain(secret)
})
