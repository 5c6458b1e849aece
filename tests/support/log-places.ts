import type { Scenario } from '../../fixtures/scenario.ts'
import { compareVersions } from '../../tools/arguments/version.ts'

/** Versions of vLLM that the table below has a column for. */
const versions = ['0.11.0', '0.15.0', '0.15.1', '0.16.0', '0.17.1', '0.20.1'] as const

/**
 * File and line of vLLM's logging calls, by version: the call that writes each message, in the sources of vLLM.
 * `undefined`: the version does not write the message at this level.
 */
const places = {
  banner: ['api_server.py:1839', 'utils.py:325', 'utils.py:325', 'utils.py:287', 'utils.py:302', 'utils.py:299'],
  arguments: ['utils.py:233', 'utils.py:261', 'utils.py:261', 'utils.py:223', 'utils.py:238', 'utils.py:233'],
  architecture: ['model.py:547', 'model.py:541', 'model.py:541', 'model.py:529', 'model.py:531', 'model.py:555'],
  maxModelLen: ['model.py:1510', 'model.py:1561', 'model.py:1561', 'model.py:1549', 'model.py:1554', 'model.py:1680'],
  chunkedPrefill: [
    'scheduler.py:205',
    'scheduler.py:226',
    'scheduler.py:226',
    'scheduler.py:224',
    'scheduler.py:231',
    'scheduler.py:239',
  ],
  asyncScheduling: [undefined, 'vllm.py:624', 'vllm.py:624', 'vllm.py:689', 'vllm.py:747', 'vllm.py:840'],
  engineCore: ['core.py:77', 'core.py:96', 'core.py:96', 'core.py:97', 'core.py:101', 'core.py:109'],
  worldSize: [
    'parallel_state.py:1208',
    'parallel_state.py:1212',
    'parallel_state.py:1212',
    'parallel_state.py:1234',
    'parallel_state.py:1393',
    'parallel_state.py:1402',
  ],
  nccl: ['pynccl.py:103', 'pynccl.py:111', 'pynccl.py:111', 'pynccl.py:111', 'pynccl.py:111', 'pynccl.py:111'],
  attentionBackend: ['cuda.py:366', 'cuda.py:364', 'cuda.py:364', 'cuda.py:367', 'cuda.py:405', 'cuda.py:368'],
  loadModel: [
    'gpu_model_runner.py:2602',
    'gpu_model_runner.py:4021',
    'gpu_model_runner.py:4033',
    'gpu_model_runner.py:4124',
    'gpu_model_runner.py:4281',
    'gpu_model_runner.py:4777',
  ],
  modelLoaded: [
    'gpu_model_runner.py:2653',
    'gpu_model_runner.py:4118',
    'gpu_model_runner.py:4130',
    'gpu_model_runner.py:4221',
    'gpu_model_runner.py:4364',
    'gpu_model_runner.py:4879',
  ],
  weightsLoaded: [
    'default_loader.py:267',
    'default_loader.py:291',
    'default_loader.py:291',
    'default_loader.py:293',
    'default_loader.py:293',
    'default_loader.py:384',
  ],
  kvMemory: [
    'gpu_worker.py:298',
    'gpu_worker.py:356',
    'gpu_worker.py:356',
    'gpu_worker.py:373',
    'gpu_worker.py:424',
    'gpu_worker.py:440',
  ],
  kvSize: [
    'kv_cache_utils.py:1087',
    'kv_cache_utils.py:1307',
    'kv_cache_utils.py:1307',
    'kv_cache_utils.py:1307',
    'kv_cache_utils.py:1314',
    'kv_cache_utils.py:1708',
  ],
  maxConcurrency: [
    'kv_cache_utils.py:1091',
    'kv_cache_utils.py:1312',
    'kv_cache_utils.py:1312',
    'kv_cache_utils.py:1312',
    'kv_cache_utils.py:1319',
    'kv_cache_utils.py:1709',
  ],
  graphs: [
    'gpu_model_runner.py:3480',
    'gpu_model_runner.py:5051',
    'gpu_model_runner.py:5063',
    'gpu_model_runner.py:5246',
    'gpu_model_runner.py:5386',
    'gpu_model_runner.py:6133',
  ],
  engineReady: ['core.py:210', 'core.py:272', 'core.py:272', 'core.py:278', 'core.py:282', 'core.py:299'],
  tasks: [
    'api_server.py:1634',
    'api_server.py:665',
    'api_server.py:665',
    'api_server.py:481',
    'api_server.py:495',
    'api_server.py:598',
  ],
  samplingDefaults: [
    'serving_chat.py:139',
    'model.py:1371',
    'model.py:1371',
    'model.py:1350',
    'model.py:1355',
    'model.py:1437',
  ],
  warmup: [undefined, 'serving.py:177', 'serving.py:177', 'serving.py:188', 'serving.py:185', undefined],
  templateFormat: ['chat_utils.py:560', 'hf.py:310', 'hf.py:310', 'hf.py:318', 'hf.py:318', 'hf.py:314'],
  warmedUp: [undefined, 'serving.py:212', 'serving.py:212', 'serving.py:213', 'serving.py:210', undefined],
  serverStart: [
    'api_server.py:1912',
    'api_server.py:946',
    'api_server.py:946',
    'api_server.py:486',
    'api_server.py:500',
    'api_server.py:602',
  ],
  stats: ['loggers.py:127', 'loggers.py:257', 'loggers.py:257', 'loggers.py:259', 'loggers.py:259', 'loggers.py:271'],
  badPrompt: ['serving_chat.py:263', 'serving.py:323', 'serving.py:323', 'serving.py:315', 'serving.py:311', undefined],
  outputHandler: [
    'async_llm.py:480',
    'async_llm.py:693',
    'async_llm.py:693',
    'async_llm.py:710',
    'async_llm.py:708',
    'async_llm.py:704',
  ],
  // Frames of the traceback after `outputHandler`.
  awaitOutput: [
    'async_llm.py:439',
    'async_llm.py:649',
    'async_llm.py:649',
    'async_llm.py:666',
    'async_llm.py:664',
    'async_llm.py:660',
  ],
  raiseDead: [
    'core_client.py:846',
    'core_client.py:894',
    'core_client.py:894',
    'core_client.py:910',
    'core_client.py:1009',
    'core_client.py:998',
  ],
  fatal: ['core.py:710', 'core.py:948', 'core.py:948', 'core.py:1008', 'core.py:1102', 'core.py:1138'],
  failedToStart: ['core.py:708', 'core.py:946', 'core.py:946', 'core.py:1006', 'core.py:1100', 'core.py:1136'],
  coreDied: [
    'core_client.py:564',
    'core_client.py:605',
    'core_client.py:605',
    'core_client.py:616',
    'core_client.py:691',
    undefined,
  ],
  workerDied: [
    'multiproc_executor.py:154',
    'multiproc_executor.py:246',
    'multiproc_executor.py:246',
    'multiproc_executor.py:247',
    'multiproc_executor.py:261',
    'multiproc_executor.py:283',
  ],
  workerFailedToStart: [
    'multiproc_executor.py:597',
    'multiproc_executor.py:772',
    'multiproc_executor.py:772',
    'multiproc_executor.py:783',
    'multiproc_executor.py:800',
    'multiproc_executor.py:870',
  ],
  workerException: [
    'multiproc_executor.py:671',
    'multiproc_executor.py:852',
    'multiproc_executor.py:852',
    'multiproc_executor.py:863',
    'multiproc_executor.py:880',
    'multiproc_executor.py:962',
  ],
  initMessage: ['core.py:644', 'core.py:861', 'core.py:861', 'core.py:910', 'core.py:1004', 'core.py:1044'],
  initReceived: ['core.py:652', 'core.py:872', 'core.py:872', 'core.py:921', 'core.py:1015', 'core.py:1055'],
  hello: ['utils.py:859', 'utils.py:1093', 'utils.py:1093', 'utils.py:1085', 'utils.py:1111', 'utils.py:1266'],
  waitingForCore: ['utils.py:776', 'utils.py:982', 'utils.py:982', 'utils.py:974', 'utils.py:1000', 'utils.py:1168'],
  mpExecutor: [
    'parallel.py:479',
    'parallel.py:644',
    'parallel.py:644',
    'parallel.py:642',
    'parallel.py:757',
    'parallel.py:836',
  ],
  connector: ['factory.py:51', 'factory.py:64', 'factory.py:64', 'factory.py:64', 'factory.py:64', 'factory.py:64'],
  cpuTensors: [
    'cpu_gpu.py:69',
    'cpu_gpu.py:248',
    'cpu_gpu.py:248',
    'cpu_gpu.py:290',
    'cpu_gpu.py:294',
    'cpu_gpu.py:380',
  ],
  executeMethod: [
    undefined,
    'worker_base.py:344',
    'worker_base.py:344',
    'worker_base.py:340',
    'worker_base.py:344',
    undefined,
  ],
  noBroadcastBlock: [undefined, undefined, undefined, 'shm_broadcast.py:542', 'shm_broadcast.py:548', undefined],
  loadDrafter: [
    undefined,
    'gpu_model_runner.py:4048',
    undefined,
    'gpu_model_runner.py:4151',
    'gpu_model_runner.py:4305',
    undefined,
  ],
  sharedEmbedding: [undefined, undefined, undefined, undefined, 'eagle.py:1352', undefined],
  ownHead: [undefined, undefined, undefined, undefined, 'eagle.py:1428', undefined],
  drafts: [undefined, 'metrics.py:100', 'metrics.py:100', 'metrics.py:100', 'metrics.py:100', undefined],
  // The NIXL connector. Only its lines in 0.20 are recorded.
  nixlAvailable: [undefined, undefined, undefined, undefined, undefined, 'nixl_utils.py:32'],
  nixlWrapper: [undefined, undefined, undefined, undefined, undefined, 'worker.py:92'],
  nixlWorker: [undefined, undefined, undefined, undefined, undefined, 'worker.py:93'],
  nixlScheduler: [undefined, undefined, undefined, undefined, undefined, 'scheduler.py:87'],
  nixlReleased: [undefined, undefined, undefined, undefined, undefined, 'worker.py:1719'],
  nixlLateRead: [undefined, undefined, undefined, undefined, undefined, 'worker.py:1747'],
  transferStatistics: [undefined, undefined, undefined, undefined, undefined, 'metrics.py:103'],
} as const satisfies { readonly [message: string]: readonly (string | undefined)[] }

/** A message of vLLM whose place is known. */
export type LogMessage = keyof typeof places

/** Whether the scenario's version of vLLM writes a message. */
export function writes(scenario: Scenario, message: LogMessage): boolean {
  return placeIn(scenario, message) !== undefined
}

/** Place of a message in the scenario's version of vLLM, such as `core.py:96`. */
export function placeOf(scenario: Scenario, message: LogMessage): string {
  const place = placeIn(scenario, message)
  if (place === undefined) {
    throw new Error(`vLLM ${scenario.deployment.vllm_version} does not write the message "${message}".`)
  }
  return place
}

function placeIn({ deployment }: Scenario, message: LogMessage): string | undefined {
  const column = versions.findLastIndex((version) => compareVersions(version, deployment.vllm_version) <= 0)
  return places[message][Math.max(0, column)]
}
