import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { listScenarios } from '../../fixtures/load-scenario.ts'
import { startLocalServer } from '../minimax/support/local-server.ts'
import { reportFolder, startCommand } from './support/command.ts'

const timeout = 30_000
/** Of a form that no redaction rule knows: where it does not show, it was not written. */
const token = 'plain-words-for-a-token'
/** Port 1 is reserved, so nobody listens there. */
const closed = 'http://127.0.0.1:1/v1/chat/completions'

test(
  'without a token the incident runs behind the mock server and everybody is told that no model was involved',
  async () => {
    await using reports = await reportFolder()
    const { code, stdout, stderr } = await startCommand(['run', '--reports', reports.path]).ended
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(/^Validation +improved: /m)
    expect(stdout).toMatch(/^ +latency\.ttft_s\.p95 +\S+ \w+ +\S+ \w+ /m)
    const [report] = await reports.read()
    expect(report?.files).toEqual(['report.json', 'report.md'])
    const json = JSON.parse(report?.json ?? '')
    expect(json).toMatchObject({
      scenario: 'kv_cache_pressure',
      validation: { status: 'improved' },
      agent_trace: { run_id: report?.run, model: 'mock-server', stop_reason: 'answered' },
    })
    for (const text of [stdout, stderr, json.notice, report?.markdown]) expect(text).toContain('No model was involved')
    // The fix has its price, and neither hides it.
    for (const text of [stdout, report?.markdown]) expect(text).toContain('worse all the same')
    expect(stdout).toContain(`${reports.path}/${report?.run}`)
    // Progress is for people: one line a step with round, tool and elapsed time, and no colours where no terminal is.
    expect(stderr).toMatch(/^ +\d+\.\d s {2}round 1\/10: \d+ tool calls/m)
    expect(stderr).toMatch(/^ +\d+\.\d s {4}fetch_config ok \(\d+ ms\)/m)
    expect(stderr + stdout).not.toContain('\u001b')
  },
  timeout,
)

test(
  'an unknown scenario is wrong usage and is answered with the ids',
  async () => {
    await using reports = await reportFolder()
    const { code, stdout, stderr } = await startCommand(['run', 'no_such_incident', '--reports', reports.path]).ended
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('no_such_incident')
    for (const id of listScenarios()) expect(stderr).toContain(id)
    expect(await reports.read()).toEqual([])
  },
  timeout,
)

test.each([
  ['--live without a token', ['run', '--live'], {}, /--live.*ANTHROPIC_AUTH_TOKEN/],
  ['--live with an empty token', ['run', '--live'], { ANTHROPIC_AUTH_TOKEN: ' ' }, /--live.*ANTHROPIC_AUTH_TOKEN/],
  [
    'a URL that would show the token',
    ['run'],
    { ANTHROPIC_AUTH_TOKEN: token, ANTHROPIC_BASE_URL: 'http://api.minimax.io' },
    /ANTHROPIC_BASE_URL.*https/,
  ],
  ['an unknown option', ['run', '--lively'], {}, /--lively.*tenrounds help/],
  ['an unknown command', ['walk'], {}, /"walk".*tenrounds help/],
  [
    'an address without a token',
    ['run'],
    { MINIMAX_BASE_URL: 'https://a.b' },
    /MINIMAX_BASE_URL.*ANTHROPIC_AUTH_TOKEN/,
  ],
  ['a worker that could not write reports', ['worker', '--reports', 'package.json'], {}, /package\.json.*--reports/],
])(
  '%s is wrong usage: exit 2, one line that says what to do, no stack and no secret',
  async (_name, args, env, message) => {
    const { code, stdout, stderr } = await startCommand(args, env).ended
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
    expect(stderr).toMatch(/^tenrounds: [^\n]*\n$/)
    expect(stderr).not.toContain(token)
  },
  timeout,
)

test(
  'a run whose output nobody reads any more comes to its end and its report',
  async () => {
    await using reports = await reportFolder()
    const command = startCommand(['run', '--reports', reports.path])
    await command.until('round 1/10')
    command.leave()
    expect((await command.ended).code).toBe(0)
    expect((await reports.read())[0]?.files).toEqual(['report.json', 'report.md'])
  },
  timeout,
)

test(
  'help explains the command',
  async () => {
    const { code, stdout } = await startCommand(['--help']).ended
    expect(code).toBe(0)
    expect(stdout).toMatch(/tenrounds run \[scenario\].*--live.*--reports/s)
  },
  timeout,
)

test(
  'the version is that of the package',
  async () => {
    const { code, stdout } = await startCommand(['--version']).ended
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${version}\n` })
  },
  timeout,
)

test(
  'scenarios lists the ids',
  async () => {
    const { code, stdout } = await startCommand(['scenarios']).ended
    expect(code).toBe(0)
    expect(stdout.trim().split('\n')).toEqual(listScenarios())
  },
  timeout,
)

test(
  'an endpoint that cannot be reached ends in a report of what failed, without the token',
  async () => {
    await using reports = await reportFolder()
    const env = { MINIMAX_CHAT_COMPLETIONS_URL: closed, ANTHROPIC_AUTH_TOKEN: token }
    const { code, stdout, stderr } = await startCommand(['run', '--reports', reports.path], env).ended
    expect(code, stderr).toBe(1)
    const [report] = await reports.read()
    expect(JSON.parse(report?.json ?? '')).toMatchObject({
      notice: expect.stringContaining('127.0.0.1:1 is on this machine'),
      validation: { status: 'unknown' },
      pre_telemetry: { scenario: 'kv_cache_pressure' },
      agent_trace: { stop_reason: 'failed', rounds: 0, error: { code: 'network' } },
    })
    expect(report?.markdown).toMatch(/\*\*Failed:\*\* 127\.0\.0\.1:1 refuses connections/)
    expect(stdout).toMatch(/^Validation +unknown/m)
    expect(stderr).toMatch(/^Failed: 127\.0\.0\.1:1 refuses connections/m)
    expect([stdout, stderr, report?.json, report?.markdown].join()).not.toContain(token)
  },
  timeout,
)

test(
  'a token that the server refuses ends in a report without it, and is not tried again',
  async () => {
    await using reports = await reportFolder()
    await using server = await startLocalServer(({ headers }, response) => {
      const message = `invalid api key, you sent ${headers.authorization} (2049)`
      response.writeHead(401).end(JSON.stringify({ error: { type: 'authorized_error', message } }))
    })
    const env = { MINIMAX_BASE_URL: server.url, ANTHROPIC_AUTH_TOKEN: token }
    const { code, stdout, stderr } = await startCommand(['run', '--live', '--reports', reports.path], env).ended
    expect(code, stderr).toBe(1)
    expect(server.bodies).toHaveLength(1)
    const [report] = await reports.read()
    expect(JSON.parse(report?.json ?? '').agent_trace.error).toMatchObject({ code: 'authentication', status: 401 })
    expect([stdout, stderr, report?.json, report?.markdown].join()).not.toContain(token)
  },
  timeout,
)

test.each([
  ['SIGINT', 1],
  ['SIGTERM', 1],
  ['SIGINT', 2], // npm passes on what the terminal has sent already
] as const)(
  '%s, sent %i times, while the model is thinking ends the process within a second, with a report of what there is',
  async (name, times) => {
    await using reports = await reportFolder()
    let asked: () => void
    const thinking = new Promise<void>((resolve) => {
      asked = resolve
    })
    await using server = await startLocalServer(() => asked())
    const env = { MINIMAX_BASE_URL: server.url, ANTHROPIC_AUTH_TOKEN: token }
    const command = startCommand(['run', '--reports', reports.path], env)
    await Promise.race([thinking, command.ended])
    const signalledAt = performance.now()
    for (let sent = 0; sent < times; sent++) {
      command.kill(name)
      await delay(2)
    }
    const { code, signal, stdout, stderr } = await command.ended
    // A second is what is promised; the rest is slack for a busy machine.
    expect(performance.now() - signalledAt).toBeLessThan(3000)
    // A signal that comes when the process is leaving already ends it as shells count 130, too.
    expect(times > 1 && signal === 'SIGINT' ? 130 : code, stderr).toBe(130)
    const [report] = await reports.read()
    expect(report?.files).toEqual(['report.json', 'report.md'])
    expect(JSON.parse(report?.json ?? '')).toMatchObject({
      validation: { status: 'unknown' },
      agent_trace: { stop_reason: 'cancelled', rounds: 0 },
    })
    expect(stdout).toContain(`${reports.path}/${report?.run}`)
    expect(stderr).toContain('cancelled')
  },
  timeout,
)
