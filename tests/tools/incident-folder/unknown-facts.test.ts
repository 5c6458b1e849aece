import { expect, test } from 'vitest'
import { openIncident } from '../../../tools/incident-folder/open-incident.ts'
import { createIncidentTools, scenarioSource } from '../../../tools/index.ts'
import { telemetryFromPages } from '../../../tools/prometheus/telemetry-from-pages.ts'
import { call } from '../call.ts'
import { folderOf, opened } from './folder.ts'

const log = 'INFO 11-27 21:04:18 [api_server.py:1] started\n'
const summary = `Fri Nov 27 21:22:10 2026
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 580.105.08             Driver Version: 580.105.08     CUDA Version: 13.0     |
|-----------------------------------------+------------------------+----------------------+
| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
|=========================================+========================+======================|
|   2  NVIDIA H100 80GB HBM3          On  |   00000000:9B:00.0 Off |                    0 |
| N/A   64C    P0            512W /  700W |   74210MiB /  81559MiB |     97%      Default |
|   3  NVIDIA A100-SXM4-80GB...       Off | 00000000:9C:00.0   Off |                  N/A |
| N/A   ERR!   P0            N/A  /  700W |       0MiB /  81559MiB |     N/A      Default |
+-----------------------------------------------------------------------------------------+
`

test('the table of nvidia-smi gives the GPUs with their own indices', async () => {
  const { observation, kinds } = await opened({ 'vllm.log': log, 'gpus.txt': summary })
  expect(kinds['gpus.txt']).toBe('gpu_summary')
  expect(observation.gpus).toEqual([
    {
      id: 2,
      name: 'NVIDIA H100 80GB HBM3',
      driver: '580.105.08',
      util: 97,
      mem_util: null,
      mem_used_gb: 72.5,
      mem_total_gb: 79.6,
      power_w: 512,
      temp_c: 64,
    },
    {
      id: 3,
      name: null,
      driver: '580.105.08',
      util: null,
      mem_util: null,
      mem_used_gb: 0,
      mem_total_gb: 79.6,
      power_w: null,
      temp_c: null,
    },
  ])
  expect(observation.deployment.placement).toMatchObject({ gpus: [2, 3], gpu_model: 'NVIDIA H100 80GB HBM3' })
})

test.each([
  'Unable to determine the device handle for GPU0000:9B:00.0: Unknown Error',
  "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
  'No devices were found',
])('a failure of nvidia-smi is evidence: %s', async (line) => {
  const incident = await openIncident(await folderOf({ 'vllm.log': log, 'smi.txt': `${line}\n` }))
  const { id } = incident.observation
  const [, systemLogs, , , , gpus] = createIncidentTools({ scenarios: scenarioSource([incident]) })
  expect(JSON.stringify(await call(systemLogs, { scenario: id, sources: ['journal'] }))).toContain(line.slice(0, 20))
  expect(await call(gpus, { scenario: id })).toEqual({ gpus: [], notes: [`nvidia-smi printed: ${line}`] })
})

test('GPUs, restarts, resets and the endpoint that no file states are null', async () => {
  const incident = await openIncident(
    await folderOf({ 'vllm.log': log, 'launch.sh': 'docker run vllm/vllm-openai:v0.20.1 --model m -tp 2\n' }),
  )
  const { id } = incident.observation
  const [, , metrics, config, , , , apply] = createIncidentTools({ scenarios: scenarioSource([incident]) })
  const found = await call(config, { scenario: id })
  expect(found.config.placement.gpus).toBeNull()
  expect(found.config.history).toEqual({ engine_restarts: null, gpu_resets: null })
  expect(found.not_stated).toEqual(
    expect.arrayContaining(['placement.gpus', 'history.engine_restarts', 'history.gpu_resets']),
  )
  expect((await call(metrics, { scenario: id })).endpoint).toBeNull()
  expect((await call(metrics, { scenario: id, endpoint: 'http://a:8000/metrics' })).endpoint).toBe(
    'http://a:8000/metrics',
  )
  const plan = { summary: 'Reset the GPU.', actions: [{ action: 'reset_gpu', gpu: 0 }] }
  await expect(call(apply, { current_config: found.config, fix_plan: plan })).rejects.toThrow(
    'placement.gpus is not known',
  )
})

test('a misspelt argument is a finding without a version, too', async () => {
  const incident = await openIncident(
    await folderOf({ 'vllm.log': log, 'launch.sh': 'vllm serve m --max-numseqs 9 --seed 1\n' }),
  )
  const [, , , config] = createIncidentTools({ scenarios: scenarioSource([incident]) })
  expect((await call(config, { scenario: incident.observation.id })).argument_findings).toEqual([
    {
      argument: 'max_numseqs',
      kind: 'not_an_argument',
      message:
        'unknown engine argument "max_numseqs": no recorded version of vLLM has it. Did you mean "max_num_seqs"?',
    },
  ])
})

test('wrong values of the public functions are refused with their names', async () => {
  const incident = await openIncident(await folderOf({ 'vllm.log': log }))
  const wrong = (value: unknown): never => value as never
  await expect(openIncident(wrong(undefined))).rejects.toMatchObject({ code: 'invalid_incident' })
  await expect(openIncident(wrong(5))).rejects.toThrow('folder must be the path of a folder, and is 5.')
  const refused = (run: () => unknown) => expect(run).toThrow(expect.objectContaining({ code: 'invalid_option' }))
  refused(() => scenarioSource([incident, incident]))
  refused(() => scenarioSource(wrong([Promise.resolve(incident)])))
  refused(() => scenarioSource(wrong(incident)))
  refused(() => createIncidentTools(wrong({ scenario: 1 })))
  refused(() => createIncidentTools(wrong({ scenarios: [incident] })))
  refused(() => telemetryFromPages([], wrong(undefined)))
  refused(() => telemetryFromPages([], wrong({ slo: {} })))
})

test('nvidia-smi -q -i prints one of several GPUs, which keeps its number', async () => {
  const section = 'GPU 00000000:9B:00.0\n    Product Name                          : NVIDIA H100 80GB HBM3\n'
  const query = (attached: number) =>
    `==============NVSMI LOG==============\n\nAttached GPUs                             : ${attached}\n${section}    Minor Number                          : 3\n`
  const placed = async (text: string) =>
    (await opened({ 'vllm.log': log, 'q.txt': text })).observation.deployment.placement.gpus
  expect(await placed(query(8))).toEqual([3])
  expect(await placed(query(1))).toEqual([0])
})
