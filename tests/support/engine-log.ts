import type { Scenario } from '../../fixtures/scenario.ts'
import { compareVersions } from '../../tools/arguments/version.ts'
import { modelOf } from '../../tools/simulation/model-names.ts'
import { seededRandom } from '../../tools/simulation/requests.ts'
import { simulate } from '../../tools/simulation/simulate.ts'
import { type Interval, intervalSeconds, type SimulatedWindow } from '../../tools/simulation/window.ts'
import { engineLine, type LogLine } from './log-line.ts'

/** Process prefix of the API server. */
export const api = '(APIServer pid=1)'
/** Process prefix of the engine core. */
export const core = '(EngineCore_DP0 pid=271)'

/** Options of {@link engineLog}. */
export interface EngineLogOptions {
  /** Seconds of quiet service before the window opens. */
  readonly historyS?: number
  /** Number of requests per line of the access log. Default 4. */
  readonly accessEvery?: number
}

/** vLLM's stats line (`vllm/v1/metrics/loggers.py`) of one interval. It contains preemptions since 0.12. */
export function statsText(interval: Interval, prefixHitRate: number, version: string): string {
  const rate = (tokens: number) => (tokens / intervalSeconds).toFixed(1)
  const shown = interval.preemptions > 0 && compareVersions(version, '0.12.0') >= 0
  return (
    `Engine 000: Avg prompt throughput: ${rate(interval.promptTokens)} tokens/s, ` +
    `Avg generation throughput: ${rate(interval.generationTokens)} tokens/s, Running: ${interval.running} reqs, ` +
    `Waiting: ${interval.waiting} reqs${shown ? `, Preemptions: ${interval.preemptions}` : ''}, ` +
    `GPU KV cache usage: ${(interval.kvUsage * 100).toFixed(1)}%, Prefix cache hit rate: ${(prefixHitRate * 100).toFixed(1)}%`
  )
}

/** The intervals that the engine logs: not after its death, not while it is idle, and not without statistics. */
export function loggedIntervals({ timeline, engine, notObserved }: SimulatedWindow): readonly Interval[] {
  if (notObserved.has('engine')) return []
  return timeline.filter(
    ({ endS, running, waiting, promptTokens, generationTokens }) =>
      endS <= (engine.downAtS ?? Number.POSITIVE_INFINITY) && running + waiting + promptTokens + generationTokens > 0,
  )
}

/** Share of prompt tokens found in the prefix cache, 0 to 1. */
export function prefixHitRate({ counts }: SimulatedWindow): number {
  return counts.prefixQueries === 0 ? 0 : counts.prefixHits / counts.prefixQueries
}

/** Process prefix of a worker. With one GPU the engine core is the worker. */
export function worker(scenario: Scenario, rank: number): string {
  const { settings } = simulate(scenario)
  if (settings.ranks === 1) return core
  const { placement, engine_args } = scenario.deployment
  if (engine_args['distributed_executor_backend'] === 'ray') {
    const local = placement.gpus.length
    return rank < local
      ? `(EngineCore_DP0 pid=271) (RayWorkerWrapper pid=${2214 + rank})`
      : `(EngineCore_DP0 pid=271) (RayWorkerWrapper pid=${1987 + rank - local}, ip=10.40.0.52)`
  }
  return `(Worker_TP${rank} pid=${304 + rank})`
}

/** The lines of a startup until the engine is ready. `at` is the time of the first line. */
export function startupLog(scenario: Scenario, at: number): LogLine[] {
  const { deployment } = scenario
  const { memory, settings } = simulate(scenario)
  const model = modelOf(deployment)
  const lines: LogLine[] = []
  const add = (seconds: number, who: string, where: string, text: string) =>
    lines.push(engineLine(at + seconds * 1000, who, where, text))
  const shown = Object.entries(deployment.engine_args).map(([name, value]) => `'${name}': ${python(value)}`)
  add(0, api, 'api_server.py:1272', `vLLM API server version ${deployment.vllm_version}`)
  add(
    0,
    api,
    'utils.py:263',
    `non-default args: {'model_tag': '${deployment.model}', 'host': '0.0.0.0', 'model': '${deployment.model}', ${shown.join(', ')}}`,
  )
  add(4, api, 'model.py:541', `Resolved architecture: ${model.className}`)
  add(4, api, 'model.py:1561', `Using max model len ${settings.maxModelLen}`)
  if (settings.enableChunkedPrefill)
    add(
      5,
      api,
      'scheduler.py:226',
      `Chunked prefill is enabled with max_num_batched_tokens=${settings.maxNumBatchedTokens}.`,
    )
  if (compareVersions(deployment.vllm_version, '0.14.0') >= 0)
    add(5, api, 'vllm.py:624', 'Asynchronous scheduling is enabled.')
  add(
    12,
    core,
    'core.py:96',
    `Initializing a V1 LLM engine (v${deployment.vllm_version}) with config: model='${deployment.model}', speculative_config=None, tokenizer='${deployment.model}', dtype=torch.bfloat16, max_seq_len=${settings.maxModelLen}, tensor_parallel_size=${settings.tensorParallelSize}, pipeline_parallel_size=${settings.pipelineParallelSize}, data_parallel_size=1, quantization=None, enforce_eager=${python(settings.enforceEager)}, kv_cache_dtype=auto, enable_prefix_caching=${python(settings.enablePrefixCaching)}, enable_chunked_prefill=${python(settings.enableChunkedPrefill)}`,
  )
  for (let rank = 0; rank < settings.ranks; rank++) {
    const who = worker(scenario, rank)
    add(
      19,
      who,
      'parallel_state.py:1212',
      `world_size=${settings.ranks} rank=${rank} local_rank=${rank % scenario.deployment.placement.gpus.length} distributed_init_method=tcp://127.0.0.1:47021 backend=nccl`,
    )
    if (settings.ranks > 1) add(21, who, 'pynccl.py:111', 'vLLM is using nccl==2.27.5')
    add(
      23,
      who,
      'cuda.py:351',
      'Using FLASH_ATTN attention backend out of potential backends: (FLASH_ATTN, FLASHINFER, TRITON_ATTN)',
    )
    add(24, who, 'gpu_model_runner.py:4021', `Starting to load model ${deployment.model}...`)
    add(
      83,
      who,
      'gpu_model_runner.py:4118',
      `Model loading took ${memory?.weightsGib.toFixed(2)} GiB memory and 58.${413 + rank} seconds`,
    )
    add(133, who, 'gpu_worker.py:358', `Available KV cache memory: ${memory?.availableKvGib.toFixed(2)} GiB`)
  }
  add(83, worker(scenario, 0), 'default_loader.py:291', 'Loading weights took 57.21 seconds')
  add(134, core, 'kv_cache_utils.py:1305', `GPU KV cache size: ${memory?.kvTokens.toLocaleString('en-US')} tokens`)
  add(
    134,
    core,
    'kv_cache_utils.py:1310',
    `Maximum concurrency for ${settings.maxModelLen.toLocaleString('en-US')} tokens per request: ${((memory?.kvTokens ?? 0) / settings.maxModelLen).toFixed(2)}x`,
  )
  if (!settings.enforceEager)
    add(
      161,
      worker(scenario, 0),
      'gpu_model_runner.py:5021',
      `Graph capturing finished in 22 secs, took ${memory?.graphsGib.toFixed(2)} GiB`,
    )
  add(162, core, 'core.py:273', 'init engine (profile, create kv cache, warmup model) took 78.64 seconds')
  add(
    166,
    api,
    'serving_chat.py:180',
    "Using default chat sampling params from model: {'temperature': 0.6, 'top_p': 0.9}",
  )
  add(167, api, 'api_server.py:1351', 'Starting vLLM API server 0 on http://0.0.0.0:8000')
  for (const text of [
    'Started server process [1]',
    'Waiting for application startup.',
    'Application startup complete.',
  ]) {
    lines.push({ time: at + 168_000, text: `${api} INFO:     ${text}` })
  }
  return lines
}

/** Startup, stats and access lines of the engine, from the simulation. */
export function engineLog(scenario: Scenario, { historyS = 0, accessEvery = 4 }: EngineLogOptions = {}): LogLine[] {
  const start = Date.parse(scenario.window.start)
  const window = simulate(scenario)
  const { vllm_version } = scenario.deployment
  const lines = startupLog(scenario, start - 190_000 - historyS * 1000)
  const client = clients(scenario)
  const served = (time: number) =>
    lines.push({ time, text: `${api} INFO:     ${client()} - "POST /v1/chat/completions HTTP/1.1" 200 OK` })
  const random = seededRandom(scenario.load.seed ^ 0x77a1)
  for (let second = -historyS + 10; second <= 0; second += 10) {
    const running = Math.floor(random() * 3)
    if (random() < 0.6) served(start + (second - random() * 9) * 1000)
    if (running === 0 || window.notObserved.has('engine')) continue
    const quiet = {
      endS: second,
      promptTokens: 1500 + random() * 9000,
      cachedPromptTokens: 0,
      generationTokens: running * (200 + random() * 200),
      preemptions: 0,
      running,
      waiting: 0,
      kvUsage: running * 0.006,
      busy: 0,
      memoryBusy: 0,
    }
    lines.push(
      engineLine(start + second * 1000, api, 'loggers.py:257', statsText(quiet, prefixHitRate(window), vllm_version)),
    )
  }
  for (const interval of loggedIntervals(window)) {
    lines.push(
      engineLine(
        start + interval.endS * 1000,
        api,
        'loggers.py:257',
        statsText(interval, prefixHitRate(window), vllm_version),
      ),
    )
  }
  for (const { atS } of window.finished.filter((_, index) => index % accessEvery === 0)) served(start + atS * 1000)
  return lines
}

/** Addresses of clients, the same in every run. */
export function clients(scenario: Scenario): () => string {
  const random = seededRandom(scenario.load.seed ^ 0x10c5)
  return () =>
    `10.42.${Math.floor(random() * 4)}.${2 + Math.floor(random() * 250)}:${32_768 + Math.floor(random() * 28_000)}`
}

/** Lines of the API server after the engine died: requests in flight fail, and it shuts down. They are all cascades. */
export function engineDeath(scenario: Scenario, time: number): LogLine[] {
  const { engine, timeline } = simulate(scenario)
  const before = timeline.findLast(({ endS }) => endS <= (engine.downAtS ?? 0))
  const client = clients(scenario)
  const dead =
    'vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.'
  const text = (line: string, after: number): LogLine => ({ time: time + after, text: `${api} INFO:     ${line}` })
  return [
    ...[
      'AsyncLLM output_handler failed.',
      'Traceback (most recent call last):',
      '  File "/usr/local/lib/python3.12/dist-packages/vllm/v1/engine/async_llm.py", line 499, in output_handler',
      '    outputs = await engine_core.get_output_async()',
      '  File "/usr/local/lib/python3.12/dist-packages/vllm/v1/engine/core_client.py", line 912, in get_output_async',
      '    raise self._format_exception(outputs) from None',
      dead,
    ].map((line) => engineLine(time + 300, api, 'async_llm.py:543', line, 'ERROR')),
    ...Array.from({ length: before?.running ?? 0 }, () =>
      text(`${client()} - "POST /v1/chat/completions HTTP/1.1" 500 Internal Server Error`, 400),
    ),
    ...[
      'Shutting down',
      'Waiting for application shutdown.',
      'Application shutdown complete.',
      'Finished server process [1]',
    ].map((line) => text(line, 1500)),
  ]
}

function python(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : value === true ? 'True' : value === false ? 'False' : String(value)
}
