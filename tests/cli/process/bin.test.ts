/** The command in a real process: signals, a closed output, and streams and exit code as a shell sees them. */
import { spawnSync } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { startLocalServer } from '../../minimax/support/local-server.ts'
import { hello } from '../../testing/support/post.ts'
import { reportFolder } from '../support/report-folder.ts'
import { startProcess } from '../support/start-process.ts'

test.each(['SIGINT', 'SIGTERM'] as const)('mock-server ends with exit code 0 on %s', async (signal) => {
  const command = startProcess(['mock-server'])
  await command.until('ANTHROPIC_AUTH_TOKEN')
  command.kill(signal)
  expect(await command.ended).toMatchObject({ code: 0, signal: null })
})

test('a mock server that refuses connections keeps its process running until SIGTERM', async () => {
  const command = startProcess(['mock-server', '--faults', 'refuse'])
  await command.until('ANTHROPIC_AUTH_TOKEN')
  const url = /^export MINIMAX_CHAT_COMPLETIONS_URL=(\S+)$/m.exec(command.output())?.[1] ?? ''
  const headers = { authorization: 'Bearer any', 'content-type': 'application/json' }
  for (let count = 0; count < 2; count++) {
    await expect(fetch(url, { method: 'POST', headers, body: JSON.stringify(hello) })).rejects.toThrow()
  }
  command.kill('SIGTERM')
  expect(await command.ended).toMatchObject({ code: 0, signal: null })
})

test('wrong usage ends the process with exit code 2 and one line on stderr', async () => {
  const { code, stdout, stderr } = await startProcess(['walk']).ended
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(/^tenrounds: [^\n]*\n$/)
})

test('a run finishes and writes its report even if its output is closed early', async () => {
  await using reports = await reportFolder()
  const command = startProcess(['run', '--reports', reports.path])
  await command.until('round 1/10')
  command.closeOutput()
  expect((await command.ended).code).toBe(0)
  expect((await reports.read())[0]?.files).toEqual(['report.html', 'report.json', 'report.md'])
})

test.each([
  ['SIGINT', 1],
  ['SIGTERM', 1],
  ['SIGINT', 2], // npm forwards the signal that the terminal has already sent
] as const)(
  '%s, sent %i times during a model call, ends the process within a second and writes a report',
  async (name, times) => {
    await using reports = await reportFolder()
    let asked: () => void
    const thinking = new Promise<void>((resolve) => {
      asked = resolve
    })
    await using server = await startLocalServer(() => asked())
    const env = { MINIMAX_BASE_URL: server.url, ANTHROPIC_AUTH_TOKEN: 'test-token' }
    const command = startProcess(['run', '--reports', reports.path], env)
    await Promise.race([thinking, command.ended])
    const signalledAt = performance.now()
    for (let sent = 0; sent < times; sent++) {
      command.kill(name)
      await delay(2)
    }
    const { code, signal, stdout, stderr } = await command.ended
    // The promise is one second; the rest is slack for a busy machine.
    expect(performance.now() - signalledAt).toBeLessThan(3000)
    // A signal that arrives while the process is already exiting ends it too, and shells report that as 130.
    expect(times > 1 && signal === 'SIGINT' ? 130 : code, stderr).toBe(name === 'SIGINT' ? 130 : 143)
    const [report] = await reports.read()
    expect(report?.files).toEqual(['report.html', 'report.json', 'report.md'])
    expect(JSON.parse(report?.json ?? '')).toMatchObject({
      validation: { status: 'unknown' },
      run: { stop_reason: 'cancelled', rounds: 0 },
    })
    expect(stdout).toContain(`${reports.path}/${report?.run}`)
    expect(stderr).toContain('cancelled')
  },
)

test.each([
  ['SIGINT', 130, 'Stopped by Ctrl-C.'],
  ['SIGTERM', 143, 'Stopped by SIGTERM.'],
] as const)('%s while the commands are loaded says that there is no report', async (name, code, words) => {
  await using reports = await reportFolder()
  // The process signals itself as soon as it listens.
  const listener = `process.on('newListener', (name) => name === '${name}' && setImmediate(() => process.kill(process.pid, name)))`
  const command = startProcess(['run', '--reports', reports.path], {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(listener)}`,
  })
  const ended = await command.ended
  expect(ended).toMatchObject({ code, stdout: '' })
  expect(ended.stderr).toContain(`${words} The run had not begun, and no report was written.`)
  expect(await reports.read()).toEqual([])
})

test('a closed output ends a list quietly, and a run still writes its report', async () => {
  await using reports = await reportFolder()
  for (const args of [
    ['scenarios'],
    ['tools', '--json'],
    ['run', 'healthy_control', '--quiet', '--reports', reports.path],
  ]) {
    const command = startProcess(args)
    command.closeOutput()
    expect(await command.ended).toMatchObject({ code: 0, signal: null })
  }
  expect(await reports.read()).toHaveLength(1)
})

test('Ctrl-C during run of several keeps the reports and ends the process with 130', async () => {
  await using reports = await reportFolder()
  const command = startProcess([
    'run',
    'healthy_control',
    'kv_cache_crash_loop',
    'nvidia_xid',
    '--reports',
    reports.path,
  ])
  // Without a terminal nothing is printed until the end.
  await vi.waitUntil(async () => (await reports.read()).some(({ files }) => files.includes('report.md')), {
    timeout: 60_000,
  })
  command.kill('SIGINT')
  const { code, stdout, stderr } = await command.ended
  expect(code).toBe(130)
  expect(stdout).toMatch(/healthy_control +unchanged/)
  expect(stderr).toMatch(/^Not run: .*nvidia_xid$/m)
  expect((await reports.read()).length).toBeGreaterThanOrEqual(1)
})

test.runIf(process.platform === 'linux')(
  'an output that cannot be written is one line on stderr, and exit code 1',
  async () => {
    const command = 'exec "$0" --import tsx lib/cli/bin.ts scenarios > /dev/full'
    const { status, stderr } = spawnSync('sh', ['-c', command, process.execPath], { encoding: 'utf8' })
    expect({ code: status, stderr }).toEqual({
      code: 1,
      stderr: 'tenrounds: The output cannot be written: no space is left on the device.\n',
    })
  },
)
