import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listScenarios } from '../../fixtures/load-scenario.ts'
import { faultTable } from '../../lib/testing/index.ts'
import { runMain, startMain } from './support/start-main.ts'

const hostile = '\u001b[2J\u001b]0;owned\u0007\u009b31m\u202e\u0008'
// Line feeds and tabs are not control characters for a terminal in this sense.
const unsafe = /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/u

test('scenarios --json and --quiet list the ids', async () => {
  const json = JSON.parse((await runMain(['scenarios', '--json'])).stdout)
  expect(json.map(({ id }: { id: string }) => id)).toEqual(listScenarios())
  expect((await runMain(['scenarios', '--quiet'])).stdout).toBe(`${listScenarios().join('\n')}\n`)
})

test('init and check print one JSON document, or only the file and the id', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'json-'))
  const file = join(folder, 'incident.yaml')
  expect(JSON.parse((await runMain(['init', folder, '--json'])).stdout)).toEqual({ file })
  const empty = await runMain(['check', folder, '--json'])
  expect(JSON.parse(empty.stdout)).toMatchObject({ incident: null, missing: expect.any(Array) })
  expect(empty).toMatchObject({ code: 2, stderr: expect.stringMatching(/^tenrounds: [^\n]*\n$/) })
  await writeFile(join(folder, 'vllm.log'), 'INFO 02-17 14:00:00 [a.py:1] x\n')
  expect(JSON.parse((await runMain(['check', folder, '--json'])).stdout)).toMatchObject({
    incident: expect.any(String),
    files: expect.arrayContaining([{ file: 'vllm.log', kind: 'engine_log' }]),
    effects: { predicted: false, reasons: [expect.any(String)] },
  })
  expect((await runMain(['check', folder, '--quiet'])).stdout).toMatch(/^\S+\n$/)
})

test('check shows hostile names of files and models without control characters, and JSON keeps them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hostile-'))
  const model = `m${hostile}`
  await writeFile(join(folder, 'incident.yaml'), `model: ${JSON.stringify(model)}\n`)
  const log = `vllm${hostile.replaceAll('/', '')}.log`
  await writeFile(join(folder, log), `INFO 02-17 14:00:00 [a.py:1] ${hostile}\n`)
  const shown = await runMain(['check', folder])
  const json = await runMain(['check', folder, '--json'])
  for (const { stdout, stderr } of [shown, json]) expect(stdout + stderr).not.toMatch(unsafe)
  expect([shown.code, json.code]).toEqual([0, 0])
  const { files } = JSON.parse(json.stdout)
  expect(files.map(({ file }: { file: string }) => file)).toEqual(expect.arrayContaining([log, 'incident.yaml']))
})

test('mock-server --json prints the variables that select it, and --quiet only the lines to copy', async () => {
  const json = startMain(['mock-server', '--json'])
  await json.until('ANTHROPIC_AUTH_TOKEN')
  json.interrupt()
  expect(JSON.parse((await json.ended).stdout)).toEqual({
    MINIMAX_CHAT_COMPLETIONS_URL: expect.stringMatching(/^http:\/\/127/),
    ANTHROPIC_AUTH_TOKEN: 'mock-server',
  })
  const quiet = startMain(['mock-server', '--quiet'])
  await quiet.until('ANTHROPIC_AUTH_TOKEN')
  quiet.interrupt()
  expect((await quiet.ended).stderr).toBe('')
  const faults = JSON.parse((await runMain(['mock-server', '--faults', 'list', '--json'])).stdout)
  expect(faults).toHaveLength(faultTable.length)
})
