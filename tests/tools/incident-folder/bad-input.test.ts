import { execFileSync } from 'node:child_process'
import { chmod, mkdir, open, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { loadScenario, readLog } from '../../../fixtures/load-scenario.ts'
import type { FolderFile } from '../../../tools/incident-folder/find-files.ts'
import { readLines } from '../../../tools/incident-folder/read-text.ts'
import { createIncidentTools, scenarioSource } from '../../../tools/index.ts'
import { vllmPage } from '../../../tools/prometheus/vllm-page.ts'
import { call } from '../call.ts'
import { type Content, described, folderOf, opened } from './folder.ts'

const scenario = loadScenario('kv_cache_pressure')
const lines = readLog(scenario, 'vllm')
const engineLog = `${lines.join('\n')}\n`
const page = vllmPage(scenario)
const pageName = 'm-2026-02-17T14-15-00Z.prom'

const utf16be = (text: string) => Buffer.from(text, 'utf16le').swap16()

test.each([
  ['little endian', Buffer.from(engineLog, 'utf16le'), Buffer.from(page, 'utf16le')],
  ['little endian with a mark', Buffer.from(`\ufeff${engineLog}`, 'utf16le'), Buffer.from(`\ufeff${page}`, 'utf16le')],
  ['big endian', utf16be(engineLog), utf16be(page)],
  ['big endian with a mark', utf16be(`\ufeff${engineLog}`), utf16be(`\ufeff${page}`)],
])('a log and a page in UTF-16, %s, have the same lines as in UTF-8', async (_, log, stored) => {
  const incident = await opened({ 'vllm.log': log, [pageName]: stored })
  expect(incident.reasons).toEqual([])
  expect(incident.log('vllm')).toEqual(lines)
  expect(incident.metricsPage()).toBe(page)
})

test('a UTF-16 file that is cut within a character loses no whole line', async () => {
  const { log } = await opened({ 'vllm.log': Buffer.from(engineLog, 'utf16le').subarray(0, -3) })
  expect(log('vllm')?.slice(0, -1)).toEqual(lines.slice(0, -1))
})

test('a block of NULs within a log is removed, and the text around it is kept', async () => {
  const { log, reasons } = await opened({ 'vllm.log': `${engineLog}${'\0'.repeat(9_000)}${lines[0]}\n` })
  expect(log('vllm')).toEqual([...lines, lines[0]])
  expect(reasons).toEqual(['vllm.log: NUL characters were removed from 1 line.'])
})

test('pipes, sockets, devices and links are left out by name, and nothing waits for them', async () => {
  const folder = await folderOf({ 'engine.log': engineLog })
  execFileSync('mkfifo', [join(folder, 'vllm.log')])
  await symlink('/dev/zero', join(folder, 'dmesg.txt'))
  const server = createServer().listen(join(folder, 'journal.sock'))
  try {
    const { files, reasons } = await described(folder)
    expect(files).toEqual([{ file: 'engine.log', kind: 'engine_log' }])
    expect(reasons).toEqual([
      'dmesg.txt: It is a link. Links are not followed; copy the file into the folder.',
      'journal.sock: It is not a regular file.',
      'vllm.log: It is not a regular file.',
    ])
  } finally {
    server.close()
  }
})

test('a file and a subfolder that may not be read are left out, and the rest is read', async () => {
  const folder = await folderOf({ 'vllm.log': engineLog, 'dmesg.txt': 'x\n', 'private/journal.txt': 'x\n' })
  await chmod(folder, 0o755)
  await chmod(join(folder, 'dmesg.txt'), 0o000)
  await chmod(join(folder, 'private'), 0o000)
  const { reasons, log } = await asAnybody(() => described(folder))
  expect(log('vllm')).toEqual(lines)
  expect(reasons).toEqual([
    expect.stringMatching(/^dmesg\.txt: It cannot be read: EACCES/),
    expect.stringMatching(/^private: It cannot be read: EACCES/),
  ])
})

/** Permissions do not apply to root. */
async function asAnybody<T>(work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return work()
  process.seteuid?.(65_534)
  try {
    return await work()
  } finally {
    process.seteuid?.(0)
  }
}

test('of a folder with 10,000 files those whose names say what they are come first, and the rest is counted', async () => {
  const folder = await folderOf({ 'vllm.log': engineLog, [pageName]: page })
  for (let index = 0; index < 10_000; index += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, at) => writeFile(join(folder, `a${index + at}.txt`), 'x\n')))
  }
  const { files, notes } = await described(folder)
  await rm(folder, { recursive: true })
  expect(files.map(({ file }) => file)).toEqual([pageName, 'vllm.log'])
  const texts = notes?.map(({ text }) => text)
  expect(texts).toContainEqual(
    expect.stringMatching(/^9002 files \(.*, …\): The folder has 10002 files, of which 1000 were read\.$/),
  )
  expect(JSON.stringify(texts).length).toBeLessThan(2_000)
})

test('of a series of many pages some are read at equal distances, among them the first and the last', async () => {
  const short = '# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running 1\n'
  const start = 1_771_336_800
  const names = Array.from({ length: 250 }, (_, index) => `m-${start + 5 * index}.prom`)
  const { pages, notes } = await opened(Object.fromEntries(names.map((name) => [name, short])))
  expect(pages).toHaveLength(100)
  expect([pages[0]?.file, pages.at(-1)?.file]).toEqual([names[0], names.at(-1)])
  expect(notes?.map(({ text }) => text)).toContainEqual(
    expect.stringMatching(/^150 files .*: Of 250 pages 100 were read, at equal distances\.$/),
  )
})

test('many pages of another exporter do not displace those of the engine', async () => {
  const node = '# TYPE node_load1 gauge\nnode_load1 1\n'
  const start = Date.parse('2026-02-17T14:00:00Z') / 1000
  const others = Array.from({ length: 230 }, (_, index) => [`node-${start + 5 * index}.prom`, node] as const)
  const early = vllmPage({ ...scenario, window: { ...scenario.window, duration_s: 301 } })
  const { pages } = await opened({
    ...Object.fromEntries(others),
    'm-2026-02-17T14-05-01Z.prom': early,
    [pageName]: page,
  })
  expect(pages.map(({ file }) => file)).toEqual(['m-2026-02-17T14-05-01Z.prom', pageName])
})

test('a page whose last number may lack digits loses its last line', async () => {
  const whole = page.trimEnd()
  const { metricsPage, reasons } = await opened({ [pageName]: whole.slice(0, -1) })
  expect(metricsPage()).toBe(`${whole.split('\n').slice(0, -1).join('\n')}\n`)
  expect(reasons).toEqual([expect.stringContaining('Its last line has no line end, so it may be cut off')])
})

test.each([
  ['a folder of other exporters', { 'node-2026-02-17T14-15-10Z.prom': '# TYPE node_load1 gauge\nnode_load1 1\n' }],
  ['a page without samples', { 'z-2026-02-17T14-15-10Z.prom': '# HELP x y\n<html>\n' }],
])('%s does not displace the page of the engine', async (_, files: Readonly<Record<string, Content>>) => {
  const { metricsPage, reasons } = await opened({ [pageName]: page, ...files })
  expect(metricsPage()).toBe(page)
  expect(reasons.join()).toMatch(/It has no vllm: metrics|It is not a metrics page/)
})

test('a file of zeros with 2 GB is left out at once', async () => {
  const folder = await folderOf({ 'engine.log': engineLog })
  await sparse(join(folder, 'vllm.log'), 2 ** 31, [])
  const { reasons } = await described(folder)
  expect(reasons).toEqual(['vllm.log: It is binary or damaged.'])
})

test('of a log with 2 GB the start and the end are read', async () => {
  const folder = await folderOf({})
  const size = 2 ** 31
  const last = `\n${lines.at(-1)}\n`
  await sparse(join(folder, 'vllm.log'), size, [
    [0, engineLog.repeat(3)],
    [size - last.length, last],
  ])
  const { log, reasons } = await described(folder)
  expect(log('vllm')?.slice(0, lines.length)).toEqual(lines)
  expect(log('vllm')?.at(-1)).toBe(lines.at(-1))
  expect(reasons).toContain('vllm.log: Only its first 64 MiB and its last 448 MiB of 2048 MiB were read.')
})

/** A file that takes no space where nothing is written. */
async function sparse(path: string, size: number, parts: readonly (readonly [number, string])[]): Promise<void> {
  const file = await open(path, 'w')
  await file.truncate(size)
  for (const [position, text] of parts) await file.write(text, position)
  await file.close()
}

test('at the gap within a long log no part of a line is taken for a line', async () => {
  const all = Array.from({ length: 1_000 }, (_, index) => `line ${index}`)
  for (const encoding of ['utf8', 'utf16le'] as const) {
    const bytes = Buffer.from(`${all.join('\n')}\n`, encoding)
    const folder = await folderOf({ 'vllm.log': bytes })
    const path = join(folder, 'vllm.log')
    const file: FolderFile = { name: 'vllm.log', path, size: bytes.length, modifiedMs: 0, head: bytes }
    for (const maxBytes of [2_000, 2_001, 2_006, 2_013]) {
      const read: string[] = []
      await readLines(file, (line) => read.push(line), { maxBytes })
      expect(all).toEqual(expect.arrayContaining(read))
      expect(read[0]).toBe('line 0')
      expect(read.at(-1)).toBe('line 999')
      expect(read.length).toBeGreaterThan(80)
    }
  }
})

test('a gzip bomb is read up to a bound, and a truncated file up to its end', async () => {
  const bomb = gzipSync(Buffer.alloc(200 * 2 ** 20, `${lines[0]}\n`), { level: 9 })
  const { log, reasons } = await opened({ 'vllm.log.gz': bomb })
  expect(log('vllm')?.[0]).toBe(lines[0])
  expect(reasons[0]).toMatch(/^vllm\.log\.gz: It expands to more than 300 times its size, so only its first \d+ MiB/)
  const whole = gzipSync(engineLog.repeat(20))
  const cut = await opened({ 'vllm.log.gz': whole.subarray(0, whole.length - 100) })
  expect(cut.log('vllm')?.slice(0, lines.length)).toEqual(lines)
  expect(cut.reasons[0]).toMatch(/It could be read only in part/)
})

test('a small document that expands to a large one is read up to a bound', async () => {
  const { reasons } = await opened({
    'vllm.log': engineLog,
    'deploy.yaml.gz': gzipSync(`a: b\n${'# comment\n'.repeat(1_000_000)}`),
  })
  expect(reasons).toEqual([
    'deploy.yaml.gz: Only the first 2 MiB of its text were read.',
    'deploy.yaml.gz: It is not used, because it could not be read as a whole.',
  ])
})

test('an archive is named as what it is', async () => {
  const folder = await folderOf({ 'logs/vllm.log': engineLog })
  execFileSync('tar', ['-czf', join(folder, 'logs.tar.gz'), '-C', folder, 'logs'])
  await writeFile(join(folder, 'logs.zst'), Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3))
  const { reasons } = await described(folder)
  expect(reasons).toEqual([
    'logs.tar.gz: It is packed as tar. Unpack it into the folder.',
    'logs.zst: It is packed as zstd. Unpack it into the folder.',
  ])
})

test('a line that docker or the container runtime split into parts is one line', async () => {
  const long = `(EngineCore pid=1) ERROR 02-17 14:00:00 [core.py:1] ${'"x\\'.repeat(5_000)}end`
  const parts = [long.slice(0, 8_000), `${long.slice(8_000)}\n`]
  const docker = (log: string, stream = 'stdout') => JSON.stringify({ log, stream, time: '2026-02-17T14:00:00Z' })
  const [first = '', second = ''] = parts
  const json = [docker(first), docker('INFO other\n', 'stderr'), docker(second), docker('INFO next\n')]
  const ofDocker = await opened({ 'vllm.log': `${json.join('\n')}\n` })
  expect(ofDocker.log('vllm')).toEqual(['INFO other', long.slice(0, 16_000), 'INFO next'])
  const time = '2026-02-17T14:00:00.123456789Z'
  const cri = [
    `${time} stdout P ${first}`,
    `${time} stderr F INFO other`,
    `${time} stdout F ${second.trimEnd()}`,
    `${time} stdout P INFO cut`,
  ]
  const ofRuntime = await opened({ 'vllm.log': `${cri.join('\n')}\n` })
  expect(ofRuntime.log('vllm')).toEqual([
    cri[1],
    `${time} stdout F ${long}`.slice(0, 16_000),
    `${time} stdout F INFO cut`,
  ])
})

test("lines without a time have docker's time, unless a line close to them has one", async () => {
  const docker = (log: string, time: string) => JSON.stringify({ log: `${log}\n`, stream: 'stderr', time })
  const text = [
    docker('Killed by the kernel', '2026-02-17T14:00:00Z'),
    docker('second line', '2026-02-17T14:00:59Z'),
    docker('(EngineCore pid=1) INFO 02-17 14:10:00 [core.py:1] started', '2026-02-17T14:10:00Z'),
    docker('plain', '2026-02-17T14:10:05Z'),
    docker('  indented', '2026-02-17T14:15:00Z'),
    docker('CUDA error: an illegal memory access was encountered', '2026-02-17T14:20:00Z'),
  ].join('\n')
  const { log, observation } = await opened({ 'vllm.log': text })
  expect(log('vllm')).toEqual([
    '2026-02-17T14:00:00Z stderr F Killed by the kernel',
    'second line',
    '(EngineCore pid=1) INFO 02-17 14:10:00 [core.py:1] started',
    'plain',
    '  indented',
    '2026-02-17T14:20:00Z stderr F CUDA error: an illegal memory access was encountered',
  ])
  expect(observation.window).toEqual({ start: '2026-02-17T14:00:00.000Z', duration_s: 1_200 })
})

test('a coloured log is that without colours', async () => {
  const coloured = lines.map((line) => line.replace(/^(\([^)]*\))/, '\u001b[1;36m$1\u001b[0;0m'))
  const json = coloured.map((log) => JSON.stringify({ log: `${log}\n`, stream: 'stdout', time: 'x' }))
  expect(coloured).not.toEqual(lines)
  for (const text of [coloured, json]) {
    const { log, kinds, observation } = await opened({ 'pod.txt': `${text.join('\n')}\n` })
    expect(kinds).toEqual({ 'pod.txt': 'engine_log' })
    expect(log('vllm')).toEqual(lines)
    expect(observation.window).toEqual((await opened({ 'pod.txt': engineLog })).observation.window)
  }
})

test('a log without times has findings without times', async () => {
  const incident = await opened({
    'dmesg.txt': '[  812.000001] NVRM: Xid (PCI:0000:9b:00): 79, pid=1, GPU has fallen off the bus.\n',
  })
  const [, systemLogs] = createIncidentTools({ scenarios: scenarioSource([incident]) })
  const { findings } = await call(systemLogs, { scenario: incident.observation.id, window: '10m' })
  expect(findings).toHaveLength(1)
  expect(findings[0]).not.toHaveProperty('first_time')
  expect(findings[0]).not.toHaveProperty('last_time')
})

test('a JSON line of docker with many escapes is whole', async () => {
  const log = `INFO 02-17 14:00:00 [a.py:1] ${'"'.repeat(15_000)}`
  const { log: read, reasons } = await opened({ 'vllm.log': `${JSON.stringify({ log: `${log}\n` })}\n` })
  expect(read('vllm')).toEqual([log])
  expect(reasons).toEqual([])
})

test('an entry of journald with repeated, binary or omitted messages has its lines', async () => {
  const entry = { __REALTIME_TIMESTAMP: '1773954900000000', _HOSTNAME: 'n', SYSLOG_IDENTIFIER: 'kernel' }
  const messages = [[104, 105], ['one', [116, 119, 111]], null]
  const text = messages.map((MESSAGE) => JSON.stringify({ ...entry, MESSAGE })).join('\n')
  const { log } = await opened({ 'journal.json': `${text}\n` })
  const prefix = 'Mar 19 21:15:00 n kernel: '
  expect(log('journal')).toEqual([
    `${prefix}hi`,
    `${prefix}one`,
    `${prefix}two`,
    expect.stringContaining('exported without this long message'),
  ])
})

test('the second file of a kind says that it is not used', async () => {
  const { reasons, observation } = await opened({
    'vllm.log': engineLog,
    'a.sh': 'vllm serve one --max-num-seqs 1\n',
    'b.sh': 'vllm serve two --max-num-seqs 2\n',
  })
  expect(observation.deployment.engine_args).toEqual({ max_num_seqs: 2 })
  expect(reasons).toEqual(['a.sh: It is not used, because b.sh is of the same kind and the last one by name counts.'])
})

test('a folder that changes while it is read gives what can be read', async () => {
  const folder = await folderOf({ 'vllm.log': engineLog })
  await mkdir(join(folder, 'more'))
  const removing = Array.from({ length: 200 }, async (_, index) => {
    const path = join(folder, 'more', `${index}.log`)
    await writeFile(path, engineLog)
    await rm(path)
  })
  const [incident] = await Promise.all([described(folder), ...removing])
  expect(incident.log('vllm')).toEqual(expect.arrayContaining([...lines]))
})

test.each([
  [
    'kubectl logs --prefix --timestamps',
    (line: string) => `[pod/llm-5d9f/vllm] 2026-02-17T14:00:00.123456789Z ${line}`,
  ],
  ['kubectl logs --all-containers --prefix', (line: string) => `[pod/llm-5d9f/vllm] ${line}`],
  ['kubectl logs --timestamps', (line: string) => `2026-02-17T14:00:00.123456789Z ${line}`],
  ['docker compose logs', (line: string) => `vllm-1  | ${line}`],
  ['the container runtime', (line: string) => `2026-02-17T14:00:00.123456789Z stdout F ${line}`],
])('%s gives the same messages and findings as the log itself', async (_, prefixed) => {
  const resultOf = async (text: string) => {
    const incident = await opened({ 'pod.txt': text })
    expect(incident.kinds).toEqual({ 'pod.txt': 'engine_log' })
    const [fetchLogs] = createIncidentTools({ scenarios: scenarioSource([incident]) })
    const { parsed, errors } = await call(fetchLogs, { scenario: incident.observation.id, limit: 2_000 })
    return { parsed, errors, version: incident.observation.deployment.vllm_version }
  }
  // Indented lines and empty lines belong to the record before them.
  const own = lines.filter((line) => /^\(/.test(line))
  const text = (form: (line: string) => string) => `${own.map(form).join('\n')}\n`
  const plain = await resultOf(text((line) => line))
  expect(plain.parsed).toHaveLength(own.length)
  expect(await resultOf(text(prefixed))).toEqual(plain)
})

test.each([
  ['docker', 'abc-json.log', (line: string) => JSON.stringify({ log: `${line}\n`, stream: 'stderr', time: 'x' })],
  ['docker', 'vllm-pod.json', (line: string) => JSON.stringify({ log: `${line}\n`, stream: 'stderr', time: 'x' })],
])('a JSON log of %s is a log, whatever its name: %s', async (_, name, form) => {
  const { log } = await opened({ [name]: `${lines.map(form).join('\n')}\n` })
  expect(log('vllm')).toEqual(lines)
})

test('without times in the log, the window of one page begins with the engine', async () => {
  const { observation } = await opened({ 'vllm.log': 'INFO no time here\n', [pageName]: page })
  expect(observation.window).toEqual({ start: '2026-02-17T13:59:22.000Z', duration_s: 938 })
})

test('a copy of a log is left out, so that no line counts twice', async () => {
  const { log, reasons } = await opened({ 'vllm.log': engineLog, 'vllm-copy.log': engineLog })
  expect(log('vllm')).toEqual(lines)
  expect(reasons).toEqual(['vllm.log: It has the size and the start of vllm-copy.log, so it is a copy.'])
})
