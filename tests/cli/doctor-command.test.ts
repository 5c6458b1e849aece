import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { faultTable, startMockServer } from '../../lib/testing/index.ts'
import { replyJson, startLocalServer } from '../minimax/support/local-server.ts'
import { reportFolder } from './support/report-folder.ts'
import { runMain } from './support/start-main.ts'

/** No masking rule recognises this token, so a test finds it wherever it is printed. */
const token = 'plain-words-for-a-token'
/** Port 1 is reserved, so nothing listens there. */
const noTemporal = { TEMPORAL_ADDRESS: '127.0.0.1:1' }

interface Check {
  readonly name: string
  readonly status: string
  readonly detail: string
  readonly next: string | null
}

/** Runs `doctor --json` and finds its checks by name. */
async function doctor(env: Readonly<Record<string, string>>, ...options: readonly string[]) {
  await using reports = await reportFolder()
  const { code, stdout, stderr } = await runMain(['doctor', '--json', '--reports', reports.path, ...options], env)
  expect(stdout + stderr).not.toContain(token)
  const { status, checks }: { status: string; checks: Check[] } = JSON.parse(stdout)
  expect(status).toBe(code === 0 ? 'ok' : 'fail')
  expect(code).toBe(checks.some((check) => check.status === 'fail') ? 1 : 0)
  return (name: string) => checks.find((check) => check.name === name)
}

test('doctor without a token warns, asks no endpoint, and fails only with --live', async () => {
  const found = await doctor({})
  expect(found('Node')).toMatchObject({ status: 'ok' })
  expect(found('token')).toMatchObject({ status: 'warn', next: expect.stringContaining('API key') })
  expect(found('endpoint')).toMatchObject({ status: 'warn', detail: expect.stringContaining('was not asked') })
  expect(found('reports')).toMatchObject({ status: 'ok', detail: expect.stringContaining('can be written') })
  expect((await doctor({}, '--live'))('token')).toMatchObject({ status: 'fail' })
})

test('doctor with a token sends one short request and names host, model and tokens', async () => {
  await using server = await startMockServer()
  const env = { MINIMAX_BASE_URL: server.url, ANTHROPIC_AUTH_TOKEN: token, MINIMAX_MODEL: 'MiniMax-M2.1' }
  const found = await doctor(env)
  expect(found('token')).toMatchObject({ status: 'ok' })
  expect(found('endpoint')).toMatchObject({
    status: 'ok',
    detail: expect.stringMatching(/accepts the model MiniMax-M2\.1.*tokens/),
  })
  expect(server.requests).toHaveLength(1)
  const local = await doctor({ MINIMAX_BASE_URL: server.url })
  expect(local('endpoint')).toMatchObject({ status: 'ok' })
})

test.each([
  ['401-quoting-the-token', 'fail', /token is wrong|rejected|401|ANTHROPIC_AUTH_TOKEN/i],
  ['404-page', 'fail', /name of the model|URL/],
  ['429-plan-used-up', 'fail', /plan|balance/],
  ['500-plan-without-model', 'fail', /Balance and plan belong to the account of one region|plan/],
  ['page-as-200', 'fail', /chat-completions endpoint|not a chat completion/],
  ['307-redirect', 'fail', /redirect/],
  ['529', 'warn', /High traffic.*Try again later/],
  ['429', 'warn', /Try again later/],
  ['refuse', 'fail', /connection|network/i],
])('doctor explains the endpoint fault %s: %s', async (name, status, message) => {
  const faults = faultTable.filter((fault) => fault.name === name)
  expect(faults).toHaveLength(1)
  await using server = await startMockServer({ faults })
  const found = await doctor({ MINIMAX_BASE_URL: server.url, ANTHROPIC_AUTH_TOKEN: token })
  const check = found('endpoint')
  expect(check).toMatchObject({ status })
  expect(`${check?.detail} ${check?.next}`).toMatch(message)
})

test('doctor explains an unknown model, a closed port, and an address that must not be used', async () => {
  await using server = await startLocalServer((_request, response) =>
    replyJson(response, 400, { error: { message: "unknown model 'my-model' (2013)" } }),
  )
  const unknown = await doctor({ MINIMAX_BASE_URL: server.url, ANTHROPIC_AUTH_TOKEN: token })
  expect(unknown('endpoint')).toMatchObject({
    status: 'fail',
    detail: expect.stringContaining('name of the model'),
    next: expect.stringContaining('MINIMAX_MODEL'),
  })
  const closed = await doctor({ MINIMAX_BASE_URL: 'http://127.0.0.1:1', ANTHROPIC_AUTH_TOKEN: token })
  expect(closed('endpoint')).toMatchObject({ status: 'fail', detail: expect.stringContaining('refuses connections') })
  const unsafe = await doctor({ MINIMAX_BASE_URL: 'http://api.minimax.io', ANTHROPIC_AUTH_TOKEN: token })
  expect(unsafe('endpoint')).toMatchObject({ status: 'fail', detail: expect.stringContaining('https') })
})

test('a Temporal server that the environment names must be there; another one need not be', async () => {
  expect((await doctor(noTemporal))('Temporal')).toMatchObject({
    status: 'fail',
    detail: expect.stringContaining('127.0.0.1:1'),
  })
})

test('doctor leaves nothing in the report folder, does not create it, and says why it cannot be written', async () => {
  await using folder = await reportFolder()
  await runMain(['doctor', '--reports', folder.path])
  const missing = join(folder.path, 'new', 'reports')
  expect((await runMain(['doctor', '--reports', missing])).stdout).toMatch(/^ok +reports /m)
  expect(await readdir(folder.path)).toEqual([])
  const file = join(folder.path, 'file')
  await writeFile(file, '')
  const { code, stdout } = await runMain(['doctor', '--reports', file, '--quiet'])
  expect(code).toBe(1)
  expect(stdout).toMatch(/^fail +reports .*--reports\.$/ms)
  expect(stdout).not.toMatch(/^ok/m)
})

test('text of an endpoint cannot control the terminal of doctor', async () => {
  await using server = await startLocalServer((_request, response) =>
    replyJson(response, 400, { error: { message: 'bad \u001b[2J\u009b31m\u202e model\nok    endpoint  fine' } }),
  )
  const env = { MINIMAX_BASE_URL: server.url, ANTHROPIC_AUTH_TOKEN: token }
  for (const option of ['--quiet', '--json']) {
    const { stdout } = await runMain(['doctor', option], env)
    expect(stdout).not.toMatch(/[^\P{Cc}\n]|[\u202a-\u202e\u2066-\u2069]/u)
    expect(stdout).not.toMatch(/^ok +endpoint/m)
  }
})
