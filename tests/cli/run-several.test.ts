import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { completion, replyJson, startLocalServer } from '../minimax/support/local-server.ts'
import { reportFolder } from './support/report-folder.ts'
import { runMain, startMain } from './support/start-main.ts'

const two = ['healthy_control', 'kv_cache_crash_loop']

test('run of several incidents prints one line each while it runs, and a table with the report folders', async () => {
  await using reports = await reportFolder()
  const { code, stdout, stderr } = await runMain(['run', ...two, '--reports', reports.path])
  expect(code, stderr).toBe(0)
  const written = await reports.read()
  expect(written.map(({ json }) => JSON.parse(json).scenario)).toEqual(two)
  const [title, ...rows] = stdout.trim().split('\n')
  expect(title).toMatch(/^scenario +verdict +time +report$/)
  expect(rows.map((row) => row.trim().split(/ {2,}/))).toEqual([
    [two[0], 'unchanged', '3 rounds', expect.stringMatching(/^\d+\.\d s$/), join(reports.path, written[0]?.run ?? '')],
    [two[1], 'improved', '3 rounds', expect.stringMatching(/^\d+\.\d s$/), join(reports.path, written[1]?.run ?? '')],
  ])
  // The results are only in the table.
  expect(stderr).toMatch(/^1\/2 healthy_control ended after \d+\.\d s$/m)
  expect(stderr).toMatch(/^2\/2 kv_cache_crash_loop ended after \d+\.\d s$/m)
  // Steps are shown only for a single incident.
  expect(stderr).not.toContain('fetch_config')
})

test.each([1, 2])('run --json of %i incidents prints one document with an item per incident', async (count) => {
  await using reports = await reportFolder()
  const { code, stdout } = await runMain(['run', ...two.slice(0, count), '--json', '--reports', reports.path])
  expect(code).toBe(0)
  const { runs, not_run } = JSON.parse(stdout)
  expect({ runs, not_run }).toEqual({
    runs: two.slice(0, count).map((scenario) => ({
      scenario,
      status: expect.any(String),
      stop_reason: 'answered',
      headline: expect.any(String),
      root_cause: expect.any(String),
      rounds: 3,
      duration_ms: expect.any(Number),
      report_directory: expect.stringContaining(`${reports.path}/${scenario}-`),
      error: null,
    })),
    not_run: [],
  })
})

test.each([1, 2])('run --quiet of %i incidents prints one line per incident and nothing else', async (count) => {
  await using reports = await reportFolder()
  const { stdout, stderr } = await runMain(['--quiet', 'run', ...two.slice(0, count), '--reports', reports.path])
  expect(stderr).toBe('')
  expect(stdout.trimEnd().split('\n')).toHaveLength(count)
  expect(stdout).toMatch(/^healthy_control: unchanged, 3 rounds, \d+\.\d s, \S+$/m)
})

test('run --json and --quiet of a failed run print the reason as an error, and the exit code is 1', async () => {
  await using reports = await reportFolder()
  await using server = await startLocalServer((_request, response) =>
    response.writeHead(400).end('{"error":{"message":"No \\u001b[2J\\u009b."}}'),
  )
  const env = { MINIMAX_BASE_URL: server.url, ANTHROPIC_AUTH_TOKEN: 'any' }
  const json = await runMain(['run', ...two, '--json', '--reports', reports.path], env)
  expect(json.code).toBe(1)
  const { runs } = JSON.parse(json.stdout)
  for (const run of runs)
    expect(run).toMatchObject({ stop_reason: 'failed', error: expect.stringMatching(/^Failed: /) })
  expect(json.stdout + json.stderr).not.toMatch(/[^\P{Cc}\n]/u)
  const quiet = await runMain(['run', 'healthy_control', '--quiet', '--reports', reports.path], env)
  expect(quiet.code).toBe(1)
  expect(quiet.stderr).toMatch(/^Failed: [^\n]*\n$/)
})

test('one failed incident of several makes the exit code 1, and the others still run', async () => {
  await using reports = await reportFolder()
  let requests = 0
  await using server = await startLocalServer((_request, response) =>
    requests++ === 0
      ? response.writeHead(400).end('{"error":{"message":"No."}}')
      : replyJson(response, 200, completion),
  )
  const env = { MINIMAX_BASE_URL: server.url, ANTHROPIC_AUTH_TOKEN: 'any' }
  const { code, stdout, stderr } = await runMain(['run', ...two, '--reports', reports.path], env)
  expect(code).toBe(1)
  expect(await reports.read()).toHaveLength(2)
  expect(stdout).toMatch(/healthy_control +unknown \(failed\)/)
  expect(stdout).toMatch(/kv_cache_crash_loop +unknown \(rounds\)/)
  expect(stderr).toMatch(/^healthy_control: Failed: .*No\./m)
})

test('after Ctrl-C the reports so far are kept, the rest is named as not run, and the exit code is 130', async () => {
  await using reports = await reportFolder()
  let asked: () => void = () => {}
  const thinking = new Promise<void>((resolve) => {
    asked = resolve
  })
  await using server = await startLocalServer(() => asked())
  const env = { MINIMAX_BASE_URL: server.url, ANTHROPIC_AUTH_TOKEN: 'any' }
  const command = startMain(['run', ...two, 'nvidia_xid', '--json', '--reports', reports.path], env)
  await thinking
  command.interrupt()
  const { code, stdout, stderr } = await command.ended
  expect(code).toBe(130)
  expect(JSON.parse(stdout)).toMatchObject({
    runs: [{ scenario: two[0], stop_reason: 'cancelled', error: 'Stopped by Ctrl-C.' }],
    not_run: [two[1], 'nvidia_xid'],
  })
  expect(stderr).toMatch(/^Not run: kv_cache_crash_loop, nvidia_xid$/m)
  expect(await reports.read()).toHaveLength(1)
})

test('a terminal gets one status line that is rewritten and never wraps, and no line per incident', async () => {
  await using reports = await reportFolder()
  for (const columns of [8, 20, 200]) {
    const command = startMain(['run', 'healthy_control', 'healthy_control', '--reports', reports.path], {}, columns)
    const { code, stderr } = await command.ended
    expect(code).toBe(0)
    const erased = `\r\u001b[2K`
    const status = stderr.split(erased).slice(1)
    expect(status.length).toBeGreaterThan(4)
    for (const drawn of status) {
      expect(drawn).not.toContain('\n')
      expect([...stripVTControlCharacters(drawn)].length).toBeLessThan(columns)
    }
    expect(stderr).not.toMatch(/^1\/2/m)
  }
})

test('names are checked before the first run, and --all takes no names', async () => {
  await using reports = await reportFolder()
  const place = ['--reports', reports.path]
  const unknown = await runMain(['run', 'healthy_control', 'no_such_incident', ...place])
  expect(unknown).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('no_such_incident') })
  const both = await runMain(['run', '--all', 'healthy_control', ...place])
  expect(both).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--all') })
  expect(await reports.read()).toEqual([])
})

test('reports that cannot be written are wrong usage before anything is run', async () => {
  await using reports = await reportFolder()
  const file = join(reports.path, 'file')
  await writeFile(file, '')
  const { code, stderr } = await runMain(['run', ...two, '--reports', file])
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/^tenrounds: .*--reports\.\n$/) })
})
