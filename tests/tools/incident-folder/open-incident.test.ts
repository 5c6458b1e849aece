import { appendFile, symlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { loadScenario, readLog } from '../../../fixtures/load-scenario.ts'
import { openIncident } from '../../../tools/incident-folder/open-incident.ts'
import { createIncidentTools, scenarioSource } from '../../../tools/index.ts'
import { vllmPage } from '../../../tools/prometheus/vllm-page.ts'
import { call } from '../call.ts'
import { type Content, folderOf, opened } from './folder.ts'

const scenario = loadScenario('kv_cache_pressure')
const engineLog = `${readLog(scenario, 'vllm').join('\n')}\n`
const page = vllmPage(scenario)
const earlierPage = vllmPage({ ...scenario, window: { ...scenario.window, duration_s: 300 } })
const xid = loadScenario('nvidia_xid')
const dmesg = `${readLog(xid, 'dmesg').join('\n')}\n`
const journal = `${readLog(xid, 'journal').join('\n')}\n`

const table = `index, name, driver_version, utilization.gpu [%], utilization.memory [%], memory.used [MiB], memory.total [MiB], power.draw [W], temperature.gpu
0, NVIDIA H100 80GB HBM3, 580.105.08, 98 %, 45 %, 72000 MiB, 81559 MiB, 612.44 W, 64
1, NVIDIA H100 80GB HBM3, 580.105.08, [N/A], [N/A], 71000 MiB, 81559 MiB, [N/A], 61
`
const query = `
==============NVSMI LOG==============

Timestamp                                 : Thu Mar 19 21:15:00 2026
Driver Version                            : 580.105.08
CUDA Version                              : 13.0

Attached GPUs                             : 1
GPU 00000000:17:00.0
    Product Name                          : NVIDIA H100 80GB HBM3
    FB Memory Usage
        Total                             : 81559 MiB
        Reserved                          : 600 MiB
        Used                              : 72000 MiB
        Free                              : 8959 MiB
    BAR1 Memory Usage
        Total                             : 131072 MiB
        Used                              : 1 MiB
    Utilization
        Gpu                               : 98 %
        Memory                            : 45 %
    Temperature
        GPU Current Temp                  : 64 C
    GPU Power Readings
        Average Power Draw                : N/A
        Instantaneous Power Draw          : 612.44 W
`
const manifest = `apiVersion: apps/v1
kind: Deployment
metadata: { name: llm }
spec:
  template:
    spec:
      containers:
        - name: proxy
          image: envoy:1.30
          args: ["--concurrency", "2"]
        - name: vllm
          image: vllm/vllm-openai:v0.15.0
          command: ["vllm", "serve"]
          args: ["meta-llama/Llama-3.3-70B-Instruct", "--tensor-parallel-size=4", "--max-num-seqs", "256", "--api-key", "sk-123456789"]
          env:
            - { name: NCCL_DEBUG, value: WARN }
            - { name: HF_TOKEN, valueFrom: { secretKeyRef: { name: hf, key: token } } }
`

test('all kinds of files are found by name and content, in any folder', async () => {
  const { kinds, reasons } = await opened({
    'pod.txt': engineLog,
    'old/engine.log.gz': gzipSync(engineLog),
    'kernel-ring.txt': dmesg,
    'node.txt': journal,
    'scrape-2026-02-17T14-15-00Z.txt': page,
    'smi.csv': table,
    'smi.txt': query,
    'run.sh': '#!/bin/sh\nvllm serve meta-llama/Llama-3.3-70B-Instruct --max-num-seqs 64\n',
    'config.json': '{"architectures": ["LlamaForCausalLM"], "hidden_size": 8192}',
    'deploy.yaml': manifest,
    'slo.yaml': 'ttft_p95_s: 4\ninter_token_p99_s: 0.2\nserved_ratio: 0.9\n',
    'incident.yaml': '# nothing stated\n',
    'notes.md': 'Looked at it until 3 am.\n',
    'core.bin': Uint8Array.from({ length: 5_000 }, (_, index) => (index * 37) % 256),
  })
  expect(kinds).toEqual({
    'pod.txt': 'engine_log',
    'old/engine.log.gz': 'engine_log',
    'kernel-ring.txt': 'kernel_log',
    'node.txt': 'journal',
    'scrape-2026-02-17T14-15-00Z.txt': 'metrics_page',
    'smi.csv': 'gpu_table',
    'smi.txt': 'gpu_query',
    'run.sh': 'engine_arguments',
    'config.json': 'model_config',
    'slo.yaml': 'slo',
    'incident.yaml': 'incident',
  })
  expect(reasons).toEqual(
    expect.arrayContaining([
      'notes.md: Its content is not recognised.',
      'core.bin: It is binary or damaged.',
      expect.stringMatching(/^deploy\.yaml: It is not used, because run\.sh is of the same kind/),
    ]),
  )
})

test('the tools report what the files state, and nothing else', async () => {
  const folder = await folderOf({
    'vllm.log': engineLog,
    'dmesg.txt': dmesg,
    'metrics-2026-02-17T14-05-00Z.prom': earlierPage,
    'metrics-2026-02-17T14-15-00Z.prom': page,
    'gpus.csv': table,
    'deploy.yaml': manifest,
  })
  const incident = await openIncident(folder)
  const { id } = incident.observation
  const tools = createIncidentTools({ scenarios: scenarioSource([incident]) })
  const [vllmLogs, systemLogs, metrics, config, state, gpus, , apply, collect] = tools
  expect((await call(vllmLogs, { scenario: id, limit: 2000 })).lines).toEqual(readLog(scenario, 'vllm'))
  expect(await call(systemLogs, { scenario: id })).toMatchObject({ not_collected: ['journal'] })
  expect((await call(metrics, { scenario: id })).raw_text).toBe(page)
  const found = await call(config, { scenario: id })
  expect(found).toMatchObject({
    version: '0.15.0',
    config: {
      model: 'meta-llama/Llama-3.3-70B-Instruct',
      image: 'vllm/vllm-openai:v0.15.0',
      engine_args: { tensor_parallel_size: 4, max_num_seqs: 256 },
      env: { NCCL_DEBUG: 'WARN' },
      resources: {},
      placement: { node: 'unknown', gpu_model: 'NVIDIA H100 80GB HBM3', driver_version: '580.105.08', gpus: [0, 1] },
    },
    runtime: { max_num_seqs: 256, max_num_batched_tokens: null },
  })
  expect(found.not_stated).toEqual([
    'env.HF_TOKEN',
    'resources.host_memory_gb',
    'resources.cpu_cores',
    'resources.shm_gb',
    'placement.node',
    'placement.spare_nodes',
    'history.engine_restarts',
    'history.gpu_resets',
  ])
  expect(JSON.stringify(found)).not.toContain('sk-123456789')
  const notStated = { ecc: null, free: null, mem_temp_c: null, pci_bus_id: null, row_remap: null }
  expect(await call(gpus, { scenario: id })).toEqual({
    gpus: [
      {
        id: 0,
        util: 98,
        mem_util: 45,
        mem_used_gb: 70.3,
        mem_total_gb: 79.6,
        power_w: 612.44,
        temp_c: 64,
        ...notStated,
      },
      {
        id: 1,
        util: null,
        mem_util: null,
        mem_used_gb: 69.3,
        mem_total_gb: 79.6,
        power_w: null,
        temp_c: 61,
        ...notStated,
      },
    ],
  })
  const { running, waiting, scheduler_backlog_ms } = await call(state, { scenario: id })
  expect(running).toBeGreaterThan(0)
  expect(waiting).toBeGreaterThan(0)
  expect(scheduler_backlog_ms).toBeNull()
  const fix_plan = { summary: 'x', actions: [{ action: 'set_engine_args' as const, args: { max_num_seqs: 64 } }] }
  const { updated_config } = await call(apply, { current_config: found.config, fix_plan })
  expect(updated_config.engine_args).toMatchObject({ max_num_seqs: 64 })
  await expect(call(collect, { scenario: id, updated_config })).rejects.toThrow(/is not simulated.*No effect of a fix/)
  expect(incident.observation.window).toEqual({ start: '2026-02-17T14:05:00.000Z', duration_s: 600 })
})

test.each([
  [
    'docker logs',
    engineLog
      .trimEnd()
      .split('\n')
      .map((log) => JSON.stringify({ log: `${log}\n`, stream: 'stdout', time: '2026-02-17T14:00:00Z' })),
  ],
  ['UTF-16', undefined],
  ['gzip', undefined],
  ['CRLF', undefined],
  ['NUL', undefined],
] as const)('the lines of an engine log are the same as %s', async (form, stored) => {
  const bytes: Record<string, Content> = {
    'docker logs': `${stored?.join('\n')}\n`,
    'UTF-16': Buffer.from(`\ufeff${engineLog}`, 'utf16le'),
    gzip: gzipSync(engineLog),
    CRLF: engineLog.replaceAll('\n', '\r\n'),
    NUL: engineLog.replaceAll('INFO', 'IN\0FO'),
  }
  const { log } = await opened({ [form === 'gzip' ? 'vllm.log.gz' : 'vllm.log']: bytes[form] ?? '' })
  expect(log('vllm')).toEqual(readLog(scenario, 'vllm'))
})

test('entries of journald in JSON become lines with time, host and program', async () => {
  const entry = { __REALTIME_TIMESTAMP: '1773954900000000', _HOSTNAME: 'gpu-node-31', SYSLOG_IDENTIFIER: 'kernel' }
  const { log, kinds } = await opened({
    'node.json.txt': `${JSON.stringify({ ...entry, MESSAGE: 'NVRM: Xid 79' })}\n${JSON.stringify({ ...entry, MESSAGE: [104, 105] })}\n`,
  })
  expect(kinds).toEqual({ 'node.json.txt': 'journal' })
  expect(log('journal')).toEqual([
    'Mar 19 21:15:00 gpu-node-31 kernel: NVRM: Xid 79',
    'Mar 19 21:15:00 gpu-node-31 kernel: hi',
  ])
})

test('an output of nvidia-smi -q gives the GPUs', async () => {
  const { observation } = await opened({ 'vllm.log': engineLog, 'smi.txt': query })
  expect(observation.gpus).toEqual([
    {
      id: 0,
      name: 'NVIDIA H100 80GB HBM3',
      driver: '580.105.08',
      util: 98,
      mem_util: 45,
      mem_used_gb: 70.3,
      mem_total_gb: 79.6,
      power_w: 612.44,
      temp_c: 64,
      pci_bus_id: '0000:17:00.0',
      ecc: null,
      free: null,
      mem_temp_c: null,
      row_remap: null,
    },
  ])
})

test('a log alone is an incident, with the arguments that vLLM wrote into it', async () => {
  const { observation } = await opened({
    'vllm.log': `(APIServer pid=1) INFO 11-27 21:10:03 [api_utils.py:286] non-default args: {'model_tag': '/m/tiny', 'port': 18233, 'max_model_len': 2048, 'enforce_eager': True, 'quantization': None}\n`,
  })
  expect(observation.deployment).toMatchObject({
    model: '/m/tiny',
    engine_args: { max_model_len: 2048, enforce_eager: true },
    vllm_version: 'unknown',
  })
  expect(observation.deployment.engine_args).not.toHaveProperty('port')
  expect(observation.notStated).toContain('vllm_version')
  expect(observation.telemetry.missing).toContain('requests')
})

test.each([
  ['an empty folder', {}, 'has no files that can be read'],
  [
    'only binary files',
    { 'a.bin': Uint8Array.from({ length: 4_000 }, (_, index) => (index * 91) % 256) },
    'a.bin: It is binary',
  ],
  ['no log and no page', { 'run.sh': 'vllm serve x\n' }, 'has neither a log nor a metrics page'],
  ['a misspelt member', { 'vllm.log': engineLog, 'incident.yaml': 'modell: x\n' }, 'modell'],
  ['a wrong SLO', { 'vllm.log': engineLog, 'slo.json': '{"ttft_p95_s": -1}' }, 'ttft_p95_s'],
  ['broken YAML', { 'vllm.log': engineLog, 'incident.yaml': 'a: [\n' }, 'incident.yaml is not YAML'],
] as const)('%s is refused with a clear message', async (_, files, message) => {
  await expect(folderOf(files).then(openIncident)).rejects.toMatchObject({
    code: 'invalid_incident',
    message: expect.stringContaining(message),
  })
})

test('a missing folder and a file are refused', async () => {
  const folder = await folderOf({ 'vllm.log': engineLog })
  await expect(openIncident(join(folder, 'no'))).rejects.toThrow('it does not exist')
  await expect(openIncident(join(folder, 'vllm.log'))).rejects.toThrow('it is a file')
})

test('a page that is cut in mid-line loses that line only, and a page that is no page is left out', async () => {
  const cut = page.slice(0, page.lastIndexOf('vllm:') + 20)
  const { reasons, metricsPage } = await opened({ 'a-2026-02-17T14-15-00Z.prom': cut })
  expect(reasons).toEqual([expect.stringContaining('Its last line has no line end')])
  expect(metricsPage()).toBe(cut.slice(0, cut.lastIndexOf('\n') + 1))
  const other = await opened({ 'vllm.log': engineLog, 'b.prom': '# HELP x y\n<html>\nx 1\n' })
  expect(other.reasons).toEqual([expect.stringContaining('b.prom: It is not a metrics page that can be read')])
})

test.each([
  [
    'of another server',
    earlierPage.replaceAll(/model_name="[^"]*"/g, 'model_name="other"'),
    page,
    /It and m-.*-15-00Z.prom are of different servers: they serve the models other and/,
  ],
  [
    'of a server with other engines',
    earlierPage.replaceAll('engine="0"', 'engine="1"').replaceAll(/^.*(?:process_start|_created).*$\n/gm, ''),
    page,
    /are of different servers: they have the engines 1 and 0/,
  ],
  ['with times out of order', page, earlierPage, /counters of the later page are lower.* Put the time into the name/],
  [
    'of a router',
    `${earlierPage}# TYPE vllm:current_qps gauge\nvllm:current_qps{server="a"} 1\n`,
    page,
    /It is a page of vLLM's router/,
  ],
])('a page %s is left out', async (_, first, last, reason) => {
  const { pages, reasons } = await opened({
    'm-2026-02-17T14-05-00Z.prom': first,
    'm-2026-02-17T14-15-00Z.prom': last,
  })
  expect(pages.map(({ file }) => file)).toEqual(['m-2026-02-17T14-15-00Z.prom'])
  expect(reasons).toEqual([expect.stringMatching(reason)])
})

test('the page of a router does not displace an earlier page of the engine', async () => {
  const router = `${page}# TYPE vllm:current_qps gauge\nvllm:current_qps{server="a"} 1\n`
  const { pages } = await opened({ 'm-2026-02-17T14-05-00Z.prom': earlierPage, 'm-2026-02-17T14-15-00Z.prom': router })
  expect(pages.map(({ file }) => file)).toEqual(['m-2026-02-17T14-05-00Z.prom'])
})

test('pages without a time in their names have that of their files', async () => {
  const folder = await folderOf({ 'vllm.log': engineLog, 'after.prom': page, 'before.prom': earlierPage })
  await utimes(join(folder, 'before.prom'), 1_771_000_000, 1_771_000_000)
  await utimes(join(folder, 'after.prom'), 1_771_000_600, 1_771_000_600)
  const { pages } = await openIncident(folder)
  expect(pages.map(({ file, timeMs, isFileTime }) => [file, timeMs, isFileTime])).toEqual([
    ['before.prom', 1_771_000_000_000, true],
    ['after.prom', 1_771_000_600_000, true],
  ])
})

test('the telemetry is that of the pages, and says which objectives are assumed', async () => {
  const { observation } = await opened({
    'm-2026-02-17T14-05-00Z.prom': earlierPage,
    'm-2026-02-17T14-15-00Z.prom': page,
  })
  expect(observation.telemetry).toMatchObject({
    window: { start: '2026-02-17T14:05:00.000Z', duration_s: 600 },
    requests: { failed: 0 },
    kv_cache: { capacity_tokens: 364528 },
    notes: expect.arrayContaining([expect.stringMatching(/No file states objectives/)]),
  })
  expect(observation.telemetry.requests.served).toBeGreaterThan(500)
})

test('of two pages with the same time only one counts', async () => {
  const { pages, reasons } = await opened({
    'a-2026-02-17T14-15-00Z.prom': earlierPage,
    'b-2026-02-17T14-15-00Z.prom': page,
  })
  expect(pages.map(({ file }) => file)).toEqual(['b-2026-02-17T14-15-00Z.prom'])
  expect(reasons).toEqual([expect.stringMatching(/^a-.*: It and b-2026.* have the same time/)])
})

test('a link is not followed', async () => {
  const outside = await folderOf({ 'secret.log': engineLog })
  const folder = await folderOf({ 'vllm.log': engineLog })
  await symlink(join(outside, 'secret.log'), join(folder, 'engine2.log'))
  await symlink(outside, join(folder, 'logs'))
  const { leftOut, files } = await openIncident(folder)
  expect(files.map(({ file }) => file)).toEqual(['vllm.log'])
  expect(leftOut.map(({ file }) => file)).toEqual(['engine2.log', 'logs'])
})

test('a file that grows while it is read gives what it had at first', async () => {
  const folder = await folderOf({ 'vllm.log': engineLog })
  const reading = openIncident(folder)
  const growing = (async () => {
    for (let index = 0; index < 50; index++) await appendFile(join(folder, 'vllm.log'), 'INFO 02-17 14:15:00 more\n')
  })()
  const { log } = await reading
  await growing
  const lines = log('vllm') ?? []
  expect(lines.slice(0, readLog(scenario, 'vllm').length)).toEqual(readLog(scenario, 'vllm'))
})

test('of a long log its start, its end and every abnormal message are kept, and the rest is named', async () => {
  const noise = Array.from({ length: 60_000 }, (_, index) => `INFO 02-17 14:00:00 [loggers.py:1] step ${index}`)
  noise[30_000] = 'ERROR 02-17 14:00:01 [core.py:1] the one that matters'
  for (let index = 20_000; index < 25_000; index++) noise[index] = `WARNING 02-17 14:00:00 [x.py:1] slow ${index}`
  const { log, reasons } = await opened({ 'vllm.log': `${noise.join('\n')}\n` })
  const lines = log('vllm') ?? []
  expect(lines[0]).toBe(noise[0])
  expect(lines.at(-1)).toBe(noise.at(-1))
  expect(lines).toContain(noise[30_000])
  expect(lines.filter((line) => line.startsWith('WARNING'))).toHaveLength(20)
  expect(reasons).toEqual([
    `vllm.log: ${60_000 - lines.length} of 60000 lines between its start and its end were left out.`,
    expect.stringContaining('5000 lines like this one, of which 20 were kept: WARNING'),
  ])
})

test('a damaged gzip file is left out or read in part', async () => {
  const bytes = gzipSync(engineLog.repeat(30))
  const { reasons } = await opened({ 'vllm.log': engineLog, 'engine.log.gz': bytes.subarray(0, bytes.length / 2) })
  expect(reasons.join()).toMatch(/engine\.log\.gz: It could be read only in part/)
})

test('the runtime state of a folder is that of all engines of its page, under the names of each version', async () => {
  const gauges = (lines: readonly string[]) => `# TYPE vllm:num_requests_running gauge\n${lines.join('\n')}\n`
  const stateOf = async (text: string) => {
    const incident = await openIncident(await folderOf({ 'a-2026-02-17T14-15-00Z.prom': text, 'vllm.log': engineLog }))
    const [, , , , fetchState] = createIncidentTools({ scenarios: scenarioSource([incident]) })
    return call(fetchState, { scenario: incident.observation.id })
  }
  const engines = gauges([
    'vllm:num_requests_running{engine="0"} 3',
    'vllm:num_requests_running{engine="1"} 4',
    'vllm:num_requests_waiting 5',
    'vllm:num_requests_swapped 2',
  ])
  expect(await stateOf(engines)).toMatchObject({ running: 7, waiting: 7, queue_depth: 14 })
  const unknown = gauges(['vllm:num_requests_running 3', 'vllm:num_requests_waiting NaN'])
  expect(await stateOf(unknown)).toMatchObject({ running: 3, waiting: null, queue_depth: null })
  const impossible = gauges(['vllm:num_requests_running 2.5', 'vllm:num_requests_waiting -1'])
  expect(await stateOf(impossible)).toMatchObject({ running: null, waiting: null, queue_depth: null })
})

test('local times of the node are noted, with the difference to the zone of the engine log', async () => {
  const { notes } = await opened({
    'dmesg.txt': '[Fri Nov 27 22:12:00 2026] EXT4-fs error (device nvme0n1p1): ext4_find_entry:1658\n',
    'journal.txt': '2026-11-27T21:12:00+00:00 n1 kubelet[1]: hello\n',
    'vllm.log': '2026-11-27T22:10:00.5+01:00 (APIServer pid=1) INFO 11-27 21:10:00 [a.py:1] x\n',
  })
  const texts = notes?.filter(({ about }) => about === 'window').map(({ text }) => text)
  expect(texts).toContainEqual(
    expect.stringMatching(/^dmesg\.txt: The times state no zone .* zone \+01:00\. .* read 60 minutes too late\.$/),
  )
})
