import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { chunk, events, streamServer } from '../minimax/support/event-stream.ts'
import { completion, replyJson, startLocalServer } from '../minimax/support/local-server.ts'
import { reportFolder } from './support/report-folder.ts'
import { runMain, startMain } from './support/start-main.ts'

/** No masking rule recognises this token, so a test finds it wherever it is printed. */
const token = 'plain-words-for-a-token'
/** Port 1 is reserved, so nothing listens there. */
const closed = 'http://127.0.0.1:1/v1/chat/completions'

test('without a token the mock server answers, and terminal and report say that no model was involved', async () => {
  await using reports = await reportFolder()
  const { code, stdout, stderr } = await runMain(['run', '--reports', reports.path])
  expect(code, stderr).toBe(0)
  expect(stdout).toMatch(/^Validation +improved: /m)
  expect(stdout).toMatch(/^ +time to first token p95 +\S+ \w+ +\S+ \w+ /m)
  const [report] = await reports.read()
  expect(report?.files).toEqual(['report.html', 'report.json', 'report.md'])
  const json = JSON.parse(report?.json ?? '')
  expect(json).toMatchObject({
    scenario: 'kv_cache_pressure',
    validation: { status: 'improved' },
    run: { run_id: report?.run, model: 'mock-server', stop_reason: 'answered' },
  })
  for (const text of [stdout, stderr, json.notice, report?.markdown]) expect(text).toContain('No model was used')
  // The whole notice is printed once, at the top.
  expect((stderr + stdout).split('Set ANTHROPIC_AUTH_TOKEN')).toHaveLength(2)
  // The fix has costs that the figures do not contain, and neither text hides them.
  for (const text of [stdout, report?.markdown]) expect(text).toMatch(/the change restarts the engine/i)
  expect(stdout).toContain(`${reports.path}/${report?.run}`)
  // Progress is for people: one line a step with time, round and tool, and no colours without a terminal.
  expect(stderr).toMatch(/^ +\d+\.\d s {2}round 1\/10: \d+ tool calls/m)
  expect(stderr).toMatch(/^ +\d+\.\d s {4}fetch_config ok \(\d+ ms\)/m)
  expect(stderr + stdout).not.toContain('\u001b')
})

test('only the owner can read a report', async () => {
  await using reports = await reportFolder()
  const folder = join(reports.path, 'new')
  await runMain(['run', 'healthy_control', '--reports', folder])
  const run = join(folder, (await readdir(folder))[0] ?? '')
  const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)
  expect(await Promise.all([folder, run].map(modeOf))).toEqual(['700', '700'])
  expect(await Promise.all(['report.html', 'report.json', 'report.md'].map((name) => modeOf(join(run, name))))).toEqual(
    ['600', '600', '600'],
  )
  expect((await readdir(run)).sort()).toEqual(['report.html', 'report.json', 'report.md'])
})

test('text of the server cannot control the terminal', async () => {
  await using reports = await reportFolder()
  await using server = await startLocalServer((_request, response) => {
    const message = 'wrong \u001b[2J\u001b]0;owned\u0007 \u202efdp.exe\u0085 model'
    response.writeHead(400).end(JSON.stringify({ error: { message, code: '\u001b[31m' } }))
  })
  const env = { MINIMAX_BASE_URL: server.url, ANTHROPIC_AUTH_TOKEN: token, MINIMAX_MODEL: 'm\u001b[1Ax\u2067' }
  const { stdout, stderr } = await runMain(['run', '--reports', reports.path], env)
  expect(stderr).toContain('wrong')
  expect(stdout + stderr).not.toMatch(/[^\P{Cc}\n]|[\u202a-\u202e\u2066-\u2069]/u)
})

test('an unknown scenario leaves no report', async () => {
  await using reports = await reportFolder()
  expect(await runMain(['run', 'no_such_incident', '--reports', reports.path])).toMatchObject({ code: 2 })
  expect(await reports.read()).toEqual([])
})

test('an endpoint that cannot be reached gives a report of the failure, without the token', async () => {
  await using reports = await reportFolder()
  const env = { MINIMAX_CHAT_COMPLETIONS_URL: closed, ANTHROPIC_AUTH_TOKEN: token }
  const { code, stdout, stderr } = await runMain(['run', '--reports', reports.path], env)
  expect(code, stderr).toBe(1)
  const [report] = await reports.read()
  expect(JSON.parse(report?.json ?? '')).toMatchObject({
    notice: expect.stringContaining('127.0.0.1:1 is on this machine'),
    validation: { status: 'unknown' },
    pre_telemetry: { scenario: 'kv_cache_pressure' },
    run: { stop_reason: 'failed', rounds: 0, error: { code: 'network' } },
  })
  expect(report?.markdown).toMatch(/\*\*Failed:\*\* 127\.0\.0\.1:1 refuses connections/)
  expect(stdout).toMatch(/^Validation +unknown/m)
  expect(stderr).toMatch(/^Failed: 127\.0\.0\.1:1 refuses connections/m)
  expect([stdout, stderr, report?.json, report?.markdown].join()).not.toContain(token)
})

test('a rejected token gives a report without it, and is not tried again', async () => {
  await using reports = await reportFolder()
  await using server = await startLocalServer(({ headers }, response) => {
    const message = `invalid api key, you sent ${headers.authorization} (2049)`
    response.writeHead(401).end(JSON.stringify({ error: { type: 'authorized_error', message } }))
  })
  const env = { MINIMAX_BASE_URL: server.url, ANTHROPIC_AUTH_TOKEN: token }
  const { code, stdout, stderr } = await runMain(['run', '--live', '--reports', reports.path], env)
  expect(code, stderr).toBe(1)
  expect(server.bodies).toHaveLength(1)
  const [report] = await reports.read()
  expect(JSON.parse(report?.json ?? '').run.error).toMatchObject({ code: 'authentication', status: 401 })
  expect([stdout, stderr, report?.json, report?.markdown].join()).not.toContain(token)
})

test('a server on this machine needs no token, and gets none', async () => {
  await using reports = await reportFolder()
  const sent: unknown[] = []
  await using server = await startLocalServer(({ headers }, response) => {
    sent.push(headers.authorization)
    response.writeHead(400).end('{"error":{"message":"No."}}')
  })
  const { code, stderr } = await runMain(['run', '--live', '--reports', reports.path], { MINIMAX_BASE_URL: server.url })
  expect(code).toBe(1)
  expect(stderr).toContain('is on this machine')
  expect(sent).toEqual([undefined])
})

test('a run whose answers are all rejected ends with the number of rounds and the last problem', async () => {
  await using reports = await reportFolder()
  await using server = await startLocalServer((_request, response) => replyJson(response, 200, completion))
  const env = { MINIMAX_BASE_URL: server.url, ANTHROPIC_AUTH_TOKEN: token }
  const { code, stderr } = await runMain(['run', '--reports', reports.path], env)
  expect(code).toBe(1)
  expect(stderr.trimEnd().split('\n').at(-1)).toMatch(
    /^Failed: no answer was accepted in 10 rounds; last problem: .+\.$/,
  )
})

test('Ctrl-C is named in the terminal and in the report, and is not a failure of the model', async () => {
  await using reports = await reportFolder()
  let asked: () => void = () => {}
  const thinking = new Promise<void>((resolve) => {
    asked = resolve
  })
  await using server = await startLocalServer(() => asked())
  const env = { MINIMAX_BASE_URL: server.url, ANTHROPIC_AUTH_TOKEN: token }
  const command = startMain(['run', '--reports', reports.path], env)
  await thinking
  command.interrupt()
  expect(command.output()).toMatch(/ s {2}Stopping\. The report is still written\.\n$/)
  const { code, stderr } = await command.ended
  expect(code).toBe(130)
  const [report] = await reports.read()
  expect(stderr.trimEnd().split('\n').at(-1)).toBe('Stopped by Ctrl-C.')
  expect(report?.markdown).toContain('Stopped by Ctrl-C.')
  expect(report?.markdown).toContain('No diagnosis: the run was cancelled before the first reply.')
  for (const text of [stderr, report?.markdown]) expect(text).not.toMatch(/model call failed|\*\*Failed|Failed:/)
})

test('a terminal shows the text of a reply while it arrives', async () => {
  await using reports = await reportFolder()
  await using server = await streamServer((response) =>
    response.write(events(...['The cache ', 'is full:\n', 'requests wait'].map((content) => chunk({ content })))),
  )
  const env = { MINIMAX_BASE_URL: server.url, ANTHROPIC_AUTH_TOKEN: token }
  const command = startMain(['run', '--reports', reports.path], env, 80)
  await command.until('round 1/10: cache is full: requests wait …')
  command.interrupt()
  expect(await command.ended).toMatchObject({ code: 130 })
})
