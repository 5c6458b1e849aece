/** `tenrounds eval` in a real process: Ctrl-C, kill -9, and wrong usage. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { reportFolder } from '../support/report-folder.ts'
import { startProcess } from '../support/start-process.ts'

const evaluation = ['eval', 'healthy_control', '--arm', 'no-op', '--runs', '12']

test.each([
  ['SIGINT', { code: 130, signal: null }],
  ['SIGTERM', { code: 143, signal: null }],
  ['SIGKILL', { code: null, signal: 'SIGKILL' }],
] as const)('after %s an evaluation continues with its finished runs', async (signal, end) => {
  await using folder = await reportFolder()
  const out = join(folder.path, 'evaluation')
  const first = startProcess([...evaluation, '--out', out])
  await first.until('2/12 ')
  first.kill(signal)
  const { stderr, ...ended } = await first.ended
  expect(ended).toMatchObject(end)
  if (signal !== 'SIGKILL') expect(stderr).toContain(`--out ${out} --resume`)

  const second = await startProcess([...evaluation, '--out', out, '--resume', '--json']).ended
  expect(second.code, second.stderr).toBe(0)
  expect(JSON.parse(second.stdout)).toMatchObject({ complete: true, total: { runs: 12, passed: 12 } })
  const numbers = (await readFile(join(out, 'runs.jsonl'), 'utf8'))
    .trimEnd()
    .split('\n')
    .flatMap((line) => JSON.parse(line).run ?? [])
  expect(numbers.filter((number) => Number.isInteger(number))).toHaveLength(12)
})

test.each([
  [['eval', '--arm', 'no-opp'], /Did you mean "no-op"\?/],
  [['eval', '--arm', 'no-op', '--live'], /one of --arm, --live and --temporal/],
  [['eval', '--resume'], /--out/],
  [['eval', '--runs', 'many'], /--runs is "many"/],
  [['eval', '--price-in', '1'], /--price-out/],
  [['eval', 'no_such_scenario'], /Unknown scenario "no_such_scenario"/],
])('%j is wrong usage', async (args, message) => {
  const { code, stdout, stderr } = await startProcess(args).ended
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(message)
})
