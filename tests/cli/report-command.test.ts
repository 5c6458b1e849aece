import { readFile, writeFile } from 'node:fs/promises'
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
  ['a cut file', () => text.slice(0, text.length / 2), /not JSON; it may be cut off/],
  ['another document', () => '{"name":"x"}', /not a report/],
  ['a damaged member', () => text.replace(/"status": "unchanged"/, '"status": "great"'), /damaged/],
  ['an empty file', () => '', /not JSON/],
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
  [['report', 'tests'], /Pass the file: tests\/report\.json/],
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
