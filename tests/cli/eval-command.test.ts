import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { reportFolder } from './support/report-folder.ts'
import { runMain, startMain } from './support/start-main.ts'

const evaluation = ['eval', 'healthy_control', '--arm', 'no-op']

test('eval --quiet prints the result and no progress', async () => {
  await using folder = await reportFolder()
  const { code, stdout, stderr } = await runMain([...evaluation, '--quiet', '--out', join(folder.path, 'quiet')])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('1 of 1 run passed')
})

test('eval --json prints one document after Ctrl-C too', async () => {
  await using folder = await reportFolder()
  const out = join(folder.path, 'stopped')
  const command = startMain([...evaluation, '--runs', '50', '--json', '--out', out])
  await command.until('2/50 ')
  command.interrupt()
  const { code, stdout } = await command.ended
  expect(code).toBe(130)
  expect(JSON.parse(stdout)).toMatchObject({ complete: false, settings: { runs: 50 } })
  expect(JSON.parse(await readFile(join(out, 'eval.json'), 'utf8'))).toEqual(JSON.parse(stdout))
})

test.for([
  ['a folder without runs has nothing to resume', ['--resume', '--out', 'missing-folder'], /nothing to resume/],
  ['a price that is not a number is named', ['--price-in', 'abc'], /--price-in is "abc"/],
  ['one price alone is not enough', ['--price-in', '1'], /both prices/],
  ['an unknown scenario is named with those that exist', ['saturated'], /saturated.*kv_cache_pressure/],
  ['a number of runs out of its range is named', ['--runs', '0'], /runs is 0/],
] as const)('eval: %s, and nothing is begun', async ([, args, message]) => {
  const { code, stdout, stderr } = await runMain(['eval', ...args])
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(message)
  expect(stderr).not.toContain('evaluating')
})

test('a resumed evaluation without open runs says so, and the interval has a name', async () => {
  await using folder = await reportFolder()
  const out = join(folder.path, 'done')
  const first = await runMain([...evaluation, '--runs', '2', '--out', out])
  expect(first.stdout).toContain('(95 % confidence interval: ')
  const again = await runMain([...evaluation, '--runs', '2', '--out', out, '--resume'])
  expect(again.code).toBe(0)
  expect(again.stderr).toContain('nothing is left to run')
})
