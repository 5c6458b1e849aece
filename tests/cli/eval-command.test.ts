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
