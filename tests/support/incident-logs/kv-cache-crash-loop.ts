import type { Scenario } from '../../../fixtures/scenario.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { initializationFailed } from '../engine-log.ts'
import { api, coreOf } from '../engine-process.ts'
import { engineTraceback, type IncidentLogs, journalLine, type LogLine } from '../log-line.ts'
import { placeOf } from '../log-places.ts'
import { startupLog, startupSeconds } from '../startup-log.ts'
import {
  applicationXid,
  correctable,
  crashLoop,
  crashLoopJournal,
  oldContainer,
  readinessProbes,
  restarts,
  startOf,
} from './common.ts'

/** Seconds from the check of the KV memory to the exit of the container. */
const shutdownS = 11

/**
 * The old manifest limited `max_model_len`, the new one does not. Each attempt loads the weights, measures the memory, and
 * ends at vLLM's check of the KV cache. Kubelet waits longer before each restart.
 */
export function kvCacheCrashLoop(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  const { node } = scenario.deployment.placement
  const first = start - 30_000
  const runsS = startupSeconds(scenario).kvSize + shutdownS
  const loop = crashLoop(scenario, first + runsS * 1000, runsS)
  return {
    vllm: [
      ...oldContainer(scenario, start),
      ...failedStart(scenario, first, 0),
      ...restarts(loop, (at, attempt) => failedStart(scenario, at, attempt)),
    ],
    // Distractors: an Xid of an application on another GPU hours before, and corrected PCIe errors.
    dmesg: [applicationXid(start - 15_000_000, scenario), ...correctable(start - 700_000)],
    journal: [
      journalLine(
        start - 36_000,
        node,
        'containerd[1846]',
        `time="${new Date(start - 36_000).toISOString()}" level=info msg="CreateContainer within sandbox \\"9d3c1f\\" for container &ContainerMetadata{Name:vllm,Attempt:0,}"`,
      ),
      ...readinessProbes(start, scenario, loop.exits[0] ?? start),
      ...crashLoopJournal(loop, scenario, 1),
    ],
  }
}

/** One start in the words of vLLM 0.17.1. */
function failedStart(scenario: Scenario, at: number, attempt: number): LogLine[] {
  const reason = simulate(scenario).engine.reason ?? ''
  const advice = 'See https://docs.vllm.ai/en/latest/configuration/conserving_memory/ for more details.'
  const failure = at + startupSeconds(scenario).kvSize * 1000
  const add = (line: string) => ({ time: failure + 4000, text: `${api} ${line}` })
  return [
    ...startOfEngine(scenario, at, attempt).filter(({ time }) => time < failure),
    ...engineTraceback(
      failure,
      coreOf(scenario),
      placeOf(scenario, 'failedToStart'),
      'EngineCore failed to start.',
      [
        'vllm/v1/engine/core.py:1090 run_engine_core | engine_core = EngineCoreProc(*args, engine_index=dp_rank, **kwargs)',
        'vllm/v1/engine/core.py:834 __init__ | super().__init__(',
        'vllm/v1/engine/core.py:120 __init__ | num_gpu_blocks, num_cpu_blocks, kv_cache_config = self._initialize_kv_caches(',
        'vllm/v1/engine/core.py:263 _initialize_kv_caches | kv_cache_configs = get_kv_cache_configs(',
        'vllm/v1/core/kv_cache_utils.py:1572 get_kv_cache_configs | _check_enough_kv_cache_memory(',
        'vllm/v1/core/kv_cache_utils.py:641 _check_enough_kv_cache_memory | raise ValueError(',
      ],
      `ValueError: ${reason} ${advice}`,
    ),
    add('Traceback (most recent call last):'),
    ...[
      ['vllm/entrypoints/cli/serve.py', 112, 'cmd', 'uvloop.run(run_server(args))'],
      ['vllm/entrypoints/openai/api_server.py', 490, 'run_server_worker', 'async with build_async_engine_client('],
      ['vllm/v1/engine/async_llm.py', 154, '__init__', 'self.engine_core = EngineCoreClient.make_async_mp_client('],
      ['vllm/v1/engine/core_client.py', 569, '__init__', 'with launch_core_engines('],
      ['vllm/v1/engine/utils.py', 951, 'launch_core_engines', 'wait_for_engine_startup('],
    ].flatMap(([file, line, name, code]) => [
      add(`  File "/usr/local/lib/python3.12/dist-packages/${file}", line ${line}, in ${name}`),
      add(`    ${code}`),
    ]),
    initializationFailed(failure + 4000),
  ]
}

/**
 * The lines until the check. The engine that does not start has no memory plan, so the lines about memory are those of a
 * configuration that starts: the memory does not depend on the length of requests.
 */
function startOfEngine(scenario: Scenario, at: number, attempt: number): LogLine[] {
  const { deployment } = scenario
  const fitting = { ...deployment, engine_args: { ...deployment.engine_args, max_model_len: 16_384 } }
  const isAboutMemory = ({ text }: LogLine) => /Model loading took|Available KV cache memory/.test(text)
  return [
    ...startupLog(scenario, at, attempt).filter((line) => !isAboutMemory(line)),
    ...startupLog({ ...scenario, deployment: fitting }, at, attempt).filter(isAboutMemory),
  ]
}
