import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadScenario, readLog } from '../../fixtures/load-scenario.ts'
import { openIncident } from '../../tools/incident-folder/open-incident.ts'
import { folderParts } from '../../tools/incident-folder/template.ts'
import { vllmPage } from '../../tools/prometheus/vllm-page.ts'
import { folderWithTwoPages, scenarioFolder } from '../support/scenario-folder.ts'
import { scrapeOf } from '../support/scraped-pages.ts'
import { reportFolder } from './support/report-folder.ts'
import { runMain } from './support/start-main.ts'

const newFolder = () => mkdtemp(join(tmpdir(), 'incident-'))

/** A folder with the files of a built-in scenario. */
async function folderOf(id: string): Promise<string> {
  const folder = await newFolder()
  const scenario = loadScenario(id)
  for (const source of ['vllm', 'dmesg', 'journal'] as const) {
    const lines = readLog(scenario, source)
    if (lines.length > 0) await writeFile(join(folder, `${source}.log`), `${lines.join('\n')}\n`)
  }
  const page = vllmPage(scenario)
  if (page !== '') await writeFile(join(folder, 'metrics-2026-02-17T14-15-00Z.prom'), page)
  return folder
}

test('init writes a template that is valid as it is and with every line in use, and never overwrites one', async () => {
  const folder = join(await newFolder(), 'new', 'incident')
  const { code, stdout } = await runMain(['init', folder])
  expect(code).toBe(0)
  expect(stdout).toContain('tenrounds check')
  const file = join(folder, 'incident.yaml')
  const template = await readFile(file, 'utf8')
  for (const part of folderParts) expect(template).toContain(part.adds)
  await writeFile(join(folder, 'vllm.log'), 'INFO 02-17 14:00:00 [a.py:1] x\n')
  expect((await openIncident(folder)).observation.notStated).toContain('model')
  await writeFile(file, template.replaceAll(/^# (?=\w+: )/gm, ''))
  const { observation } = await openIncident(folder)
  expect(observation).toMatchObject({ id: 'slow_answers', window: { duration_s: 900 } })
  expect(observation.notStated).toEqual([
    'engine_args',
    'placement.gpus',
    'placement.spare_nodes',
    'history.engine_restarts',
    'history.gpu_resets',
  ])
  const again = await runMain(['init', folder])
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('is not overwritten') })
})

test('check says what was found, what was left out, and what each missing file would add', async () => {
  const folder = await folderOf('kv_cache_pressure')
  await rm(join(folder, 'dmesg.log'))
  await mkdir(join(folder, 'old'))
  await writeFile(join(folder, 'old', 'notes.md'), 'nothing\n')
  const { code, stdout, stderr } = await runMain(['check', folder])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^ {2}vllm\.log +engine log$/m)
  expect(stdout).toMatch(/metrics page of 2026-02-17T14:15:00\.000Z$/m)
  expect(stdout).toMatch(/^ {2}old\/notes\.md: Its content is not recognised/m)
  expect(stdout).toMatch(/^ {2}dmesg\.txt: .*Xid.*\n {4,}dmesg --time-format iso > dmesg\.txt$/m)
  expect(stdout).toMatch(/placement\.gpu_model/)
  expect(stdout).toMatch(/Not predicted:\n {4}No file states placement\.gpu_model.*gpu_model in incident\.yaml/)
  expect(stdout).not.toMatch(/^ {2}vllm\.log: /m)
})

test('check of a new folder says what can be put into it', async () => {
  const folder = await newFolder()
  await runMain(['init', folder])
  const { code, stdout, stderr } = await runMain(['check', folder])
  expect(code).toBe(2)
  for (const { file, adds } of folderParts) if (file !== 'incident.yaml') expect(stdout).toContain(`${file}: ${adds}`)
  expect(stdout).toMatch(/^Found\n {2}incident\.yaml {2}facts of the incident$/m)
  expect(stdout).not.toContain('incident.yaml: ')
  expect(stderr).toMatch(/has neither a log nor a metrics page/)
})

test('check lists a file that is not used once, with the reason, and says what was assumed', async () => {
  const folder = await folderOf('kv_cache_pressure')
  await writeFile(join(folder, 'service.yaml'), 'kind: Service\napiVersion: v1\n')
  await writeFile(join(folder, 'metrics-2026-02-17T14-15-00Z-copy.prom'), vllmPage(loadScenario('kv_cache_pressure')))
  const { stdout } = await runMain(['check', folder])
  expect(stdout.match(/service\.yaml/g)).toHaveLength(1)
  expect(stdout.match(/00Z-copy\.prom {2}|00Z-copy\.prom: It and \S+ have the same time/g)).toHaveLength(1)
  expect(stdout).toMatch(/^Assumed\n {2}The end of the window is the last time/m)
  expect(stdout).toMatch(/^ {2}a second metrics page, .*: the rates between the two/m)
})

test('check says which load was inferred, and how well its simulation reproduces the pages', async () => {
  const { code, stdout } = await runMain(['check', await folderWithTwoPages(loadScenario('prefill_interference'))])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^ {4}requests: [\d.]+\/s(?: from 0 s|$)/m)
  expect(stdout).toMatch(/^ {4}prompts of \d+ to \d+ tokens, median \d+/m)
  expect(stdout).toMatch(/^ {4}Time to first token p95: simulated [\d.]+ s, pages [\d.]+ s to [\d.]+ s$/m)
  expect(stdout).toMatch(/^ {4}The rate was constant between two pages\./m)
})

test('check says why nothing is predicted from one page', async () => {
  const scenario = loadScenario('prefill_interference')
  const folder = await scenarioFolder(scenario, [scrapeOf(scenario, scenario.window.duration_s)])
  const { stdout } = await runMain(['check', folder])
  expect(stdout).toMatch(/Not predicted:\n {4}One page does not show whether the rate changed\. Scrape a second page/)
})

test('run validates a fix for a folder with two pages, and the report shows the band and the residuals', async () => {
  await using reports = await reportFolder()
  const folder = await folderWithTwoPages(loadScenario('concurrency_cap'))
  const { code, stderr } = await runMain(['run', folder, '--reports', reports.path])
  expect(code, stderr).toBe(0)
  const [report] = await reports.read()
  const { validation, post_telemetry, fix_result } = JSON.parse(report?.json ?? '')
  expect(validation).toMatchObject({ status: 'improved' })
  for (const { prediction } of [validation, post_telemetry, fix_result]) {
    const { ratio, band } = prediction.ratios.find(({ figure }: { figure: string }) => figure === 'ttft_p95_s')
    expect(band.low).toBeLessThanOrEqual(ratio)
    expect(band.high).toBeLessThan(0.1)
  }
  expect(fix_result.expected_impact.at(-1)).toMatch(
    /^Predicted for the load of the pages.*time to first token p95 ×0\.0/,
  )
  expect(report?.markdown).toMatch(/^\| time to first token p95 \| ×0\.0\d* \| ×0\.0\d* to ×0\.0\d* \|$/m)
  expect(report?.markdown).toMatch(/^- Time to first token p95: simulated [\d.]+ s, pages 20 s to 40 s$/m)
})

test('run says in the validation why no fix of a folder was validated', async () => {
  await using reports = await reportFolder()
  const folder = await folderWithTwoPages(loadScenario('slow_tokenizer'))
  expect(await runMain(['run', folder, '--reports', reports.path])).toMatchObject({ code: 0 })
  const [report] = await reports.read()
  const { validation, fix_result } = JSON.parse(report?.json ?? '')
  expect(fix_result.not_predicted).toEqual([expect.stringContaining('does not reproduce the observed time')])
  expect(validation).toMatchObject({ status: 'unknown', summary: expect.stringContaining(fix_result.not_predicted[0]) })
  expect(report?.markdown).toMatch(/^- \*\*Verdict:\*\* \*\*unknown\*\*\..*does not reproduce the observed time/m)
})

test('run analyses a folder like a scenario, and predicts nothing that it cannot simulate', async () => {
  await using reports = await reportFolder()
  const folder = await folderOf('nvidia_xid')
  const { code, stderr } = await runMain(['run', folder, '--reports', reports.path])
  expect(code, stderr).toBe(0)
  const [report] = await reports.read()
  const json = JSON.parse(report?.json ?? '')
  expect(json).toMatchObject({
    validation: {
      status: 'unchanged',
      summary: expect.stringMatching(/^No change was made, so the incident continues/),
    },
    post_telemetry: null,
    run: { stop_reason: 'answered' },
  })
  expect(JSON.stringify(json.diagnosis)).toMatch(/Xid/)
  expect(json.scenario).toMatch(/^incident_/)
})

test.each([
  [['check', join(tmpdir(), 'no-such-incident-folder')], /it does not exist/],
  [['run', './no-such-incident-folder'], /it does not exist/],
  [['start', './no-such-incident-folder'], /it does not exist/],
  [['worker', '--reports', tmpdir(), '--incident', './no-such-incident-folder'], /it does not exist/],
  [['start', 'kv_cache_pressure', '--send'], /--send needs an incident folder, not the scenario kv_cache_pressure/],
  [['check'], /Missing required argument "folder"/],
  [['init', 'package.json'], /package\.json is a file\. Pass the path of a folder/],
  [['init', 'package.json/x'], /a part of the path is a file, not a folder/],
  [['init', ''], /The path of the folder is empty/],
  [['eval', 'healthy_control', '--out', 'package.json'], /written to package\.json: it is a file.*--out/],
  [['eval', 'healthy_control', '--out', '/proc/x/y'], /cannot be written to \/proc\/x\/y: .*--out/],
  [['check', ''], /The path of the incident folder is empty/],
  [['check', 'package.json'], /it is a file/],
  [['check', 'kv_cache_pressure'], /is a built-in incident, which "tenrounds run kv_cache_pressure" runs/],
  [['run', '--reports', ''], /--reports is empty/],
  [['run', '--reports', 'package.json'], /it is a file, not a folder\. Choose another folder with --reports/],
])('%j is wrong usage', async (args, message) => {
  const { code, stdout, stderr } = await runMain(args)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(message)
})

test('check --json of a folder without logs prints what is missing, with exit code 2', async () => {
  const folder = await newFolder()
  await runMain(['init', folder])
  const { code, stdout } = await runMain(['check', folder, '--json'])
  expect(code).toBe(2)
  const document = JSON.parse(stdout)
  expect(document).toMatchObject({
    ...{ incident: null, folder, error: expect.stringMatching(/neither a log nor/) },
    files: [{ file: 'incident.yaml', kind: 'incident' }],
  })
  const kinds = document.missing.map(({ kind }: { readonly kind: string }) => kind)
  expect(kinds).toEqual(folderParts.map(({ kind }) => kind).filter((kind) => kind !== 'incident'))
})

test('a wrong incident.yaml of a folder inside is named with the problem, which is a whole sentence', async () => {
  const folder = await folderOf('kv_cache_pressure')
  await mkdir(join(folder, 'notes'))
  await writeFile(join(folder, 'notes', 'incident.yaml'), 'a: b: c\n')
  const { code, stderr } = await runMain(['check', folder])
  expect(code).toBe(2)
  expect(stderr).toMatch(/notes\/incident\.yaml is not YAML: .* at line 1, column \d+\.\n$/)
})

// A file system that accepts no folders exists only there.
test.runIf(process.platform === 'linux')('a folder that the file system refuses ends with exit code 2', async () => {
  expect(await runMain(['run', '--reports', '/proc/x/y'])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/\/proc/),
  })
  expect(await runMain(['init', '/proc/x/y'])).toMatchObject({ code: 2, stderr: expect.stringMatching(/\/proc/) })
})
