import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { listScenarios } from '../../fixtures/load-scenario.ts'
import { runMain } from './support/start-main.ts'

/** No masking rule recognises this token, so a test finds it wherever it is printed. */
const token = 'plain-words-for-a-token'

test.each<readonly [string, readonly string[], Readonly<Record<string, string>>, RegExp]>([
  ['--live without a token', ['run', '--live'], {}, /--live.*ANTHROPIC_AUTH_TOKEN/],
  ['--live with an empty token', ['run', '--live'], { ANTHROPIC_AUTH_TOKEN: ' ' }, /--live.*ANTHROPIC_AUTH_TOKEN/],
  [
    'a URL that would show the token',
    ['run'],
    { ANTHROPIC_AUTH_TOKEN: token, ANTHROPIC_BASE_URL: 'http://api.minimax.io' },
    /ANTHROPIC_BASE_URL.*https/,
  ],
  [
    'an address without a token',
    ['run'],
    { MINIMAX_BASE_URL: 'https://a.b' },
    /MINIMAX_BASE_URL.*ANTHROPIC_AUTH_TOKEN/,
  ],
  ['an unknown scenario', ['run', 'no_such_incident'], {}, /"no_such_incident".*kv_cache_pressure/],
  ['a misspelled scenario', ['run', 'kv_cache_presure'], {}, /Did you mean "kv_cache_pressure"\?/],
  ['a misspelled command', ['scenario'], {}, /Unknown command "scenario"\. Did you mean "scenarios"\? Run/],
  ['a misspelled fault', ['mock-server', '--faults', 'no-dome'], {}, /Did you mean "no-done"\? List them/],
  ['a worker that cannot write reports', ['worker', '--reports', 'package.json'], {}, /package\.json.*--reports/],
  ['an unknown option', ['run', '--lively'], {}, /--lively.*tenrounds help/],
  ['an option of another command', ['mock-server', '--wait'], {}, /"tenrounds mock-server" has no option --wait/],
  ['an unknown command', ['walk'], {}, /"walk".*tenrounds help/],
  ['an argument too many', ['scenarios', 'kv_cache_pressure'], {}, /Too many arguments: kv_cache_pressure/],
  ['an argument of the worker', ['worker', 'x'], {}, /Too many arguments: x/],
  ['a start without a scenario', ['start'], {}, /needs a scenario/],
  ['a start of an unknown scenario', ['start', 'no_such_incident'], {}, /no_such_incident/],
  ['a watch without an id', ['watch'], {}, /needs a workflow id/],
  ['a port that is too large', ['mock-server', '--port', '70000'], {}, /65535, not "70000"/],
  ['a port that is not a number', ['mock-server', '--port', 'x'], {}, /65535, not "x"/],
  ['an unknown fault', ['mock-server', '--faults', '529,nope'], {}, /"nope".*tenrounds mock-server --faults list/],
])(
  '%s is wrong usage: exit code 2 and one line that says what to do, without the token',
  async (_, args, env, message) => {
    const { code, stdout, stderr } = await runMain(args, env)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
    expect(stderr).toMatch(/^tenrounds: [^\n]*\n$/)
    expect(stderr).not.toContain(token)
  },
)

test('an unknown scenario is answered with all ids', async () => {
  const { stderr } = await runMain(['run', 'no_such_incident'])
  for (const id of listScenarios()) expect(stderr).toContain(id)
})

test.each([[['--help']], [['-h']], [['help']], [[]], [['run', '--help']]])('%j prints the help', async (args) => {
  const { code, stdout, stderr } = await runMain(args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/tenrounds run \[scenario\].*tenrounds worker.*--live.*--reports/s)
})

test('--version prints the version of the package', async () => {
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  expect(await runMain(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
})

test('scenarios prints one line per scenario: its id and what users complain about', async () => {
  const { code, stdout } = await runMain(['scenarios'])
  expect(code).toBe(0)
  const lines = stdout.trim().split('\n')
  expect(lines.map((line) => line.split(' ')[0])).toEqual(listScenarios())
  for (const line of lines) expect(line).toMatch(/^\w+ {2,}[A-Z].*\.$/)
})
