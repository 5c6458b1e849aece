import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { runIncident } from '../../lib/incident/index.ts'
import { incidentResponder } from '../../lib/incident/responder/incident-responder.ts'
import { minimax } from '../../lib/minimax/minimax.ts'
import { startMockServer } from '../../lib/testing/index.ts'
import { reportFolder } from './support/report-folder.ts'
import { runMain } from './support/start-main.ts'

let text: string
let markdown: string

beforeAll(async () => {
  await using server = await startMockServer({ responder: incidentResponder() })
  const model = minimax({ url: server.url, token: 'any', env: {} })
  const { report } = await runIncident('healthy_control', { model })
  text = `${JSON.stringify(report.json, null, 2)}\n`
  markdown = report.markdown
})

test('report renders a report.json again: verdict, Markdown, HTML, JSON, and all files', async () => {
  await using folder = await reportFolder()
  const file = join(folder.path, 'report.json')
  await writeFile(file, text)
  const verdict = await runMain(['report', file])
  expect(verdict).toMatchObject({ code: 0, stderr: '' })
  expect(verdict.stdout).toMatch(/^Impact .*^Onset .*^Trigger .*^Cause .*^Fix .*^Validation +unchanged/ms)
  expect((await runMain(['report', file, '--format', 'md'])).stdout).toBe(markdown)
  expect((await runMain(['report', file, '--format', 'html'])).stdout).toMatch(/^<!DOCTYPE html>/)
  expect(JSON.parse((await runMain(['report', file, '--json'])).stdout)).toEqual(JSON.parse(text))
  const out = join(folder.path, 'again')
  expect(await runMain(['report', file, '--out', out, '--quiet'])).toEqual({ code: 0, stdout: `${out}\n`, stderr: '' })
  expect(await readFile(join(out, 'report.json'), 'utf8')).toBe(text)
  expect(await readFile(join(out, 'report.md'), 'utf8')).toBe(markdown)
  expect(await readFile(join(out, 'report.html'), 'utf8')).toMatch(/^<!DOCTYPE html>/)
})

test('the verdict fits into the terminal, from 40 to 120 columns', async () => {
  await using folder = await reportFolder()
  const file = join(folder.path, 'report.json')
  const document = JSON.parse(text)
  document.violations = ['A quote is not in any result.', 'Another one.']
  document.fix_steps = [
    { title: 'Restart the engine.', commands: [`vllm serve ${'--option '.repeat(30)}`], note: null },
  ]
  await writeFile(file, JSON.stringify(document))
  for (const columns of [10, 40, 60, 120, 400]) {
    const { stdout } = await runMain(['report', file], { COLUMNS: String(columns) })
    const lines = stdout.split('\n').filter((line) => !line.includes('vllm serve'))
    const widest = Math.max(...lines.map((line) => line.length))
    expect(widest).toBeLessThanOrEqual(Math.min(Math.max(columns, 40), 120))
    // A command is never wrapped, so that it can be copied.
    expect(stdout).toContain(`\n  vllm serve ${'--option '.repeat(30)}\n`)
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('Violations 2: A quote is not in any result. (and 1 more')
  }
})

test('colours follow NO_COLOR and FORCE_COLOR', async () => {
  await using folder = await reportFolder()
  const file = join(folder.path, 'report.json')
  await writeFile(file, text)
  const colours = async (env: Readonly<Record<string, string>>) =>
    (await runMain(['report', file], env)).stdout.includes('\u001b[')
  expect(await colours({})).toBe(false)
  expect(await colours({ FORCE_COLOR: '1' })).toBe(true)
  expect(await colours({ FORCE_COLOR: '0' })).toBe(false)
})

test.each([
  ['another version', () => text.replace('"report_version": 2', '"report_version": 99'), /version 99/],
  ['a cut file', () => text.slice(0, text.length / 2), /The report is cut off/],
  ['another document', () => '{"name":"x"}', /not a report/],
  ['a damaged member', () => text.replace(/"status": "unchanged"/, '"status": "great"'), /damaged/],
  ['an empty file', () => '', /The report is empty/],
  ['a list', () => '[]', /This is not a report of tenrounds: it is \[\]/],
  ['a text', () => 'report', /The report is not JSON/],
])('%s is refused with a clear error and exit code 2', async (_, content, message) => {
  await using folder = await reportFolder()
  const file = join(folder.path, 'report.json')
  await writeFile(file, content())
  const { code, stdout, stderr } = await runMain(['report', file, '--out', join(folder.path, 'out')])
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(message)
  expect(stderr).toContain(file)
})

test.each([
  [['report', 'no-such-report.json'], /no-such-report\.json/],
  [['report', 'tests'], /it is a folder\. It has no report\.json\./],
  [['report', ''], /The path of the report is empty/],
  [['report', 'package.json', '--out', ''], /--out is empty/],
  [['report', 'package.json', '--format', 'mdx'], /Did you mean "md"\?/],
  [['report', 'package.json', '--format', 'md', '--json'], /exclude each other/],
  [['report', 'package.json', '--format', 'md', '--out', 'x'], /Leave out --format/],
  [['report'], /Missing required argument "report\.json"/],
])('%j is wrong usage', async (args, message) => {
  const { code, stdout, stderr } = await runMain(args)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(message)
})

test('hostile text in a report cannot control the terminal, and --json keeps it as data', async () => {
  await using folder = await reportFolder()
  const file = join(folder.path, 'report.json')
  const hostile = fc
    .array(
      fc.constantFrom(
        '\u001b[2J',
        '\u001b]0;x\u0007',
        '\u009b31m',
        '\r',
        '\b',
        '\u202e',
        '\u2067',
        'a',
        '\n',
        '\u007f',
      ),
    )
    .map((parts) => `x${parts.join('')}`)
  await fc.assert(
    fc.asyncProperty(hostile, async (words) => {
      const document = JSON.parse(text)
      document.diagnosis.root_cause = words
      document.headline.text = words
      document.onset.text = words
      document.trigger.text = words
      document.validation.summary = words
      document.violations = [words, words]
      document.notice = words
      document.fix_steps = [{ title: words, commands: [words, words], note: words }]
      await writeFile(file, JSON.stringify(document))
      for (const format of ['text', 'md', 'html', 'json']) {
        const { code, stdout } = await runMain(['report', file, '--format', format])
        expect(code).toBe(0)
        expect(stdout).not.toMatch(/[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/u)
        if (format === 'json') expect(JSON.parse(stdout)).toEqual(document)
      }
    }),
    { numRuns: 15 },
  )
})

test('a folder instead of a report gets the path of its report, or of the latest report in it', async () => {
  await using folder = await reportFolder()
  for (const [name, time] of [
    ['old', 1],
    ['new', 2],
  ] as const) {
    const file = join(folder.path, name, 'report.json')
    await mkdir(join(folder.path, name))
    await writeFile(file, text)
    await utimes(file, time, time)
  }
  const latest = join(folder.path, 'new', 'report.json')
  expect((await runMain(['report', folder.path])).stderr).toContain(`The latest report in it is ${latest}.`)
  expect((await runMain(['report', join(folder.path, 'new')])).stderr).toContain(`Pass the file: ${latest}.`)
})

test('the verdict states each time and each sentence once, and says where the other steps are', async () => {
  await using folder = await reportFolder()
  const file = join(folder.path, 'report.json')
  const document = JSON.parse(text)
  document.onset = { ...document.onset, time: '2026-02-17T14:08:20.000Z', text: 'The KV cache is full.' }
  document.trigger = {
    ...document.trigger,
    time: '2026-02-17T14:04:00.000Z',
    text: 'The load rises at 14:04:00 UTC. The first symptom follows at 14:08:20 UTC: The KV cache is full.',
  }
  document.fix_steps = [
    { title: 'Restart the engine.', commands: ['vllm serve m'], note: null },
    { title: 'Check it.', commands: ['curl localhost'], note: null },
  ]
  await writeFile(file, JSON.stringify(document))
  const { stdout } = await runMain(['report', file], { COLUMNS: '120' })
  expect(stdout).toMatch(/^Onset +2026-02-17 14:08:20 UTC: The KV cache is full\.$/m)
  expect(stdout).toMatch(
    /^Trigger +The load rises at 2026-02-17 14:04:00 UTC\. The first symptom follows at 14:08:20 UTC\.$/m,
  )
  expect(stdout).toMatch(
    /^Run now +Step 1 of 2: Restart the engine\.\n {2}vllm serve m\n {12}The other step is in the report\.$/m,
  )
})

test('the verdict shows characters that nobody sees by their numbers', async () => {
  await using folder = await reportFolder()
  const file = join(folder.path, 'report.json')
  const document = JSON.parse(text)
  document.diagnosis.root_cause = 'a\u200bb\u001b[2Jc\u202ed'
  await writeFile(file, JSON.stringify(document))
  expect((await runMain(['report', file])).stdout).toContain('a⟨U+200B⟩b⟨U+001B⟩[2Jc⟨U+202E⟩d')
})

test('the table of figures keeps the names of its columns in a narrow terminal', async () => {
  await using folder = await reportFolder()
  const file = join(folder.path, 'report.json')
  await writeFile(file, text)
  const { stdout } = await runMain(['report', file], { COLUMNS: '40' })
  expect(stdout).toMatch(/^ {2}served requests\n {4}before \d+, after \d+, change/m)
})
