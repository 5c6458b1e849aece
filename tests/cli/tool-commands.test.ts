import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { loadScenario, readLog } from '../../fixtures/load-scenario.ts'
import { incidentTools } from '../../tools/index.ts'
import { runMain } from './support/start-main.ts'

const names = incidentTools.map(({ name }) => name)
const input = '{"scenario":"kv_cache_pressure"}'

test('tools prints one line per tool, its names with --quiet, and MCP definitions with --json', async () => {
  const { stdout } = await runMain(['tools'])
  expect(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ')[0]),
  ).toEqual(names)
  expect(await runMain(['tools', '--quiet'])).toEqual({ code: 0, stdout: `${names.join('\n')}\n`, stderr: '' })
  const definitions = JSON.parse((await runMain(['tools', '--json'])).stdout)
  expect(definitions.map(({ name }: { name: string }) => name)).toEqual(names)
  expect(definitions[3]).toMatchObject({ inputSchema: { type: 'object' }, outputSchema: { type: 'object' } })
  const one = await runMain(['tools', 'fetch_config', '--json'])
  expect(JSON.parse(one.stdout)).toEqual(definitions[3])
  expect((await runMain(['tools', 'fetch_config'])).stdout).toMatch(/^Input:\n {2}scenario +string/m)
})

test('call prints the result of a tool, and with --json the whole document', async () => {
  const { code, stdout, stderr } = await runMain(['call', 'fetch_runtime_state', input])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const json = await runMain(['call', 'fetch_runtime_state', input, '--json'])
  expect(JSON.parse(json.stdout)).toEqual({
    tool: 'fetch_runtime_state',
    status: 'ok',
    value: JSON.parse(stdout),
    content: JSON.stringify(JSON.parse(stdout)),
    clipped: false,
    repairs: [],
    duration_ms: expect.any(Number),
  })
})

test('call reads a file and stdin, and reports what the router repaired', async () => {
  const file = join(await mkdtemp(join(tmpdir(), 'call-')), 'input.json')
  await writeFile(file, '\ufeff{"scenario":"nvidia_xid","limit":"3"}')
  const fromFile = await runMain(['call', 'fetch_vllm_logs', `@${file}`])
  expect(fromFile).toMatchObject({
    code: 0,
    stderr: 'The input was repaired: a value had the wrong type. /limit: 3, now of the right type\n',
  })
  const fromStdin = await runMain(['call', 'fetch_vllm_logs', '-'], {}, '{"scenario":"nvidia_xid","limit":3}')
  expect(fromStdin).toEqual({ ...fromFile, stderr: '' })
  const quiet = await runMain(['call', 'fetch_vllm_logs', `@${file}`, '--quiet'])
  expect(quiet).toEqual(fromStdin)
})

test('call works on an incident folder, and $input refers to its telemetry', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'call-'))
  await writeFile(join(folder, 'dmesg.txt'), `${readLog(loadScenario('nvidia_xid'), 'dmesg').join('\n')}\n`)
  const logs = await runMain(['call', 'fetch_system_logs', '--incident', folder])
  expect(logs).toMatchObject({ code: 0, stdout: expect.stringContaining('Xid') })
  const references = '{"pre_telemetry":{"$input":"pre_telemetry"},"prometheus_samples":[]}'
  const analysed = await runMain(['call', 'analyze_metrics', references, '--incident', 'healthy_control', '--json'])
  expect(JSON.parse(analysed.stdout)).toMatchObject({ status: 'ok', value: { hotspot: expect.anything() } })
})

test.each([
  ['{"scenario":"no_such_incident"}', 'tool_failed', /no_such_incident.*kv_cache_pressure/],
  ['{"scenario":[]}', 'invalid_input', /\/scenario/],
  ['{"scenario":"healthy_control","limits":1}', 'invalid_input', /limits/],
  ['[1]', 'unreadable_call', /one JSON object/],
  ['{"scenario":{"$result":"fetch_config#/x"}}', 'unresolved_reference', /fetch_config/],
])(
  'call of fetch_vllm_logs with %s is a tool error: exit code 1, in words; its kind is in the JSON document',
  async (json, kind, message) => {
    const { code, stdout, stderr } = await runMain(['call', 'fetch_vllm_logs', json])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^tenrounds: [A-Za-z]/)
    expect(stderr).not.toContain(kind)
    expect(stderr.replaceAll('\n', ' ')).toMatch(message)
    const document = JSON.parse((await runMain(['call', 'fetch_vllm_logs', json, '--json'])).stdout)
    expect(document).toMatchObject({ status: 'error', error: { kind } })
  },
)

test.each([
  [['call', 'fetch_vllm', '{}'], /Unknown tool "fetch_vllm"\. Did you mean "fetch_vllm_logs"\?/],
  [['tools', 'nonsense'], /Unknown tool "nonsense"\. The tools are fetch_vllm_logs, /],
  [['call', 'fetch_config', '{} x'], /unexpected "x" at line 1, column 4/],
  [['call', 'fetch_config', '{"a":1,\n"b" 2}'], /unexpected "2}" at line 2, column 5/],
  [['call', 'fetch_config', '{"a":[1,,]}'], /unexpected ",\]}" at line 1, column 9\. Pass one JSON object/],
  [['call', 'fetch_config', '{a b}'], /at line 1, column 2.*double quotes/],
  [['call', 'fetch_config', '@'], /After @ the path of a file is missing/],
  [['call', 'fetch_config', '@tests'], /"tests": it is a folder\./],
  [['call', 'fetch_config', '{"a":'], /ends too early/],
  [['call', 'fetch_config', ''], /is empty/],
  [['call', 'fetch_config', '-'], /stdin is empty/],
  [['call', 'fetch_config', '@no-such-file.json'], /no-such-file\.json/],
  [['call', 'fetch_config', '{}', '--incident', 'no_such_incident'], /no_such_incident/],
  [['call'], /Missing required argument "tool"/],
])('%j is wrong usage', async (args, message) => {
  const { code, stdout, stderr } = await runMain(args)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(message)
})

test('whatever text is passed, call ends with 0, 1 or 2, prints no control characters, and --json prints JSON', async () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.json(), fc.constant('{"scenario":"\u001b[2J\u009b\u202e"}'))
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...names), text, async (name, argument) => {
      // An argument that begins with a dash is an option, and one with @ is a file.
      const json = argument.replace(/^[-@]+/, '')
      const shown = await runMain(['call', name, json])
      expect([0, 1, 2]).toContain(shown.code)
      expect(shown.stdout + shown.stderr).not.toMatch(/[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/u)
      const document = await runMain(['call', name, json, '--json'])
      expect(document.code).toBe(shown.code)
      expect(document.stdout).not.toMatch(/[^\P{Cc}\n]|[\u202a-\u202e\u2066-\u2069]/u)
      if (document.code !== 2) expect(JSON.parse(document.stdout)).toMatchObject({ tool: name })
    }),
    { numRuns: 60 },
  )
})

test.each([
  ['a trailing comma', '{"scenario":"nvidia_xid",}'],
  ['single quotes', "{'scenario':'nvidia_xid'}"],
  ['a Markdown fence', '```json\n{"scenario":"nvidia_xid"}\n```'],
])('call repairs %s, as a run does, and says so in words', async (_name, json) => {
  const { code, stdout, stderr } = await runMain(['call', 'fetch_config', json])
  expect({ code, stderr }).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^The input was repaired: it was not valid JSON\./),
  })
  expect(stdout).toBe((await runMain(['call', 'fetch_config', '{"scenario":"nvidia_xid"}'])).stdout)
})
