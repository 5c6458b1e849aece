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
  ['an unknown option', ['run', '--lively'], {}, /--lively".*Did you mean "--live"\?.*tenrounds run --help/],
  [
    'an option of another command',
    ['mock-server', '--wait'],
    {},
    /Unknown option "--wait"\..*tenrounds mock-server --help/,
  ],
  ['an unknown command', ['walk'], {}, /"walk".*tenrounds help/],
  ['an empty command', [''], {}, /Unknown command ""\..*tenrounds help/],
  ['an option without a command', ['--json'], {}, /No command.*tenrounds help/],
  ['two dashes without a command', ['--'], {}, /No command.*tenrounds help/],
  [
    'help of an unknown command',
    ['help', 'walk'],
    {},
    /Unknown command "walk"\. The commands are run, .*tenrounds help/,
  ],
  ['help of a misspelled command', ['help', 'reprot'], {}, /Unknown command "reprot"\. Did you mean "report"\?/],
  ['help of two commands', ['help', 'run', 'eval'], {}, /Too many arguments.*tenrounds help --help/],
  ['an empty scenario', ['run', ''], {}, /"".*kv_cache_pressure/],
  ['an option without its value', ['run', '--reports'], {}, /--reports <folder>" argument missing/],
  [
    'an argument too many',
    ['scenarios', 'kv_cache_pressure'],
    {},
    /Too many arguments for "scenarios".*tenrounds scenarios --help/,
  ],
  ['an argument of the worker', ['worker', 'x'], {}, /Too many arguments for "worker"/],
  ['a start without a scenario', ['start'], {}, /Missing required argument "scenario\|folder".*tenrounds start --help/],
  ['a start of an unknown scenario', ['start', 'no_such_incident'], {}, /no_such_incident/],
  ['a watch without an id', ['watch'], {}, /Missing required argument "workflow-id"/],
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

test.each([[['--help']], [['-h']], [['help']], [[]]])('%j prints the help of the program', async (args) => {
  const { code, stdout, stderr } = await runMain(args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/--json.*run \[options\].*worker.*Exit codes:/s)
})

test('every command has help with a description, examples that exist, and exit codes', async () => {
  const { stdout: all } = await runMain(['help'])
  const names = [...all.matchAll(/^ {2}([a-z][a-z-]+)(?: \[| <| {2})/gm)].map(([, name = '']) => name)
  const commands = names.filter((name) => name !== 'help')
  expect(commands).toEqual(expect.arrayContaining(['run', 'init', 'check', 'scenarios', 'mock-server', 'worker']))
  for (const name of commands) {
    const { code, stdout, stderr } = await runMain([name, '--help'], { COLUMNS: '120' })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^Usage: tenrounds .*\n\n[A-Z].*\.\n/)
    expect(stdout).toMatch(/^Examples:\n(?: {2}# .*\n {2}tenrounds .*\n)+\nExit codes:\n(?: {2}\S.*\n){3,}$/m)
    expect(stdout).toMatch(/ --help +show this help$/m)
    expect(await runMain(['help', name], { COLUMNS: '120' })).toEqual({ code: 0, stdout, stderr })
    const examples = [...stdout.matchAll(/^ {2}tenrounds (.*)$/gm)].map(([, line = '']) => line)
    for (const line of examples) expect(line.split(' ')[0]).toBe(name)
    for (const [option] of examples.join(' ').matchAll(/--[a-z-]+/g)) expect(stdout).toContain(`  ${option}`)
  }
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

test.each([
  ['help'],
  ['run', '--help'],
  ['check', '--help'],
  ['mock-server', '--help'],
  ['scenarios'],
  ['tools'],
  ['tools', 'fetch_config'],
  ['mock-server', '--faults', 'list'],
  ['run', 'no_such_incident'],
])('the output of %s %s %s fits a terminal of 40 columns, except for examples and words', async (...args) => {
  const { code, stdout, stderr } = await runMain(args, { COLUMNS: '40' })
  expect([0, 2]).toContain(code)
  const wide = (stdout + stderr).split('\n').filter((line) => line.length > 40 && !line.startsWith('  tenrounds '))
  // A longer line is a single word with its indentation.
  for (const line of wide) expect(line.trim()).not.toContain(' ')
  expect(stdout + stderr).toMatch(/\n {2,}\S|\n.*\n/)
})

test('the help of mock-server says that Ctrl-C is its usual end', async () => {
  const { stdout } = await runMain(['mock-server', '--help'])
  expect(stdout).toMatch(/^ {2}0 +the server was stopped by Ctrl-C or SIGTERM$/m)
  expect(stdout).not.toContain('130')
})
