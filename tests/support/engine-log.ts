import type { Scenario } from '../../fixtures/scenario.ts'
import { seededRandom } from '../../tools/simulation/random.ts'
import { simulate } from '../../tools/simulation/simulate.ts'
import { type Interval, intervalSeconds } from '../../tools/simulation/window.ts'

/** A line of a log and when it was written, in Unix milliseconds. */
export interface LogLine {
  readonly time: number
  readonly text: string
}

/** `02-17 14:00:10`, as vLLM's logger writes it. */
export function engineTime(time: number): string {
  return new Date(time).toISOString().slice(5, 19).replace('T', ' ')
}

/** vLLM's stats line (`vllm/v1/metrics/loggers.py`) of one interval. */
export function statsText(interval: Interval, prefixHitRate: number): string {
  const rate = (tokens: number) => (tokens / intervalSeconds).toFixed(1)
  const preemptions = interval.preemptions > 0 ? `, Preemptions: ${interval.preemptions}` : ''
  return (
    `Engine 000: Avg prompt throughput: ${rate(interval.promptTokens)} tokens/s, ` +
    `Avg generation throughput: ${rate(interval.generationTokens)} tokens/s, Running: ${interval.running} reqs, ` +
    `Waiting: ${interval.waiting} reqs${preemptions}, GPU KV cache usage: ${(interval.kvUsage * 100).toFixed(1)}%, ` +
    `Prefix cache hit rate: ${(prefixHitRate * 100).toFixed(1)}%`
  )
}

/** Startup, stats and access lines of the engine, as the simulation says it went. */
export function engineLog(scenario: Scenario): LogLine[] {
  const { deployment } = scenario
  const start = Date.parse(scenario.window.start)
  const window = simulate(scenario)
  const { memory, settings, counts } = window
  const api = '(APIServer pid=1)'
  const core = '(EngineCore_DP0 pid=271)'
  const lines: LogLine[] = []
  const add = (time: number, who: string, where: string, text: string, level = 'INFO') =>
    lines.push({ time, text: `${who} ${level} ${engineTime(time)} [${where}] ${text}` })
  const boot = (seconds: number) => start - 190_000 + seconds * 1000
  const python = (value: unknown) =>
    typeof value === 'string' ? `'${value}'` : value === true ? 'True' : value === false ? 'False' : String(value)
  const shown = Object.entries(deployment.engine_args).map(([name, value]) => `'${name}': ${python(value)}`)
  add(boot(0), api, 'api_server.py:1272', `vLLM API server version ${deployment.vllm_version}`)
  add(
    boot(0),
    api,
    'utils.py:263',
    `non-default args: {'model_tag': '${deployment.model}', 'host': '0.0.0.0', 'model': '${deployment.model}', ${shown.join(', ')}}`,
  )
  add(boot(4), api, 'model.py:541', 'Resolved architecture: LlamaForCausalLM')
  add(boot(4), api, 'model.py:1561', `Using max model len ${settings.maxModelLen}`)
  add(
    boot(5),
    api,
    'scheduler.py:226',
    `Chunked prefill is enabled with max_num_batched_tokens=${settings.maxNumBatchedTokens}.`,
  )
  add(boot(5), api, 'vllm.py:624', 'Asynchronous scheduling is enabled.')
  add(
    boot(12),
    core,
    'core.py:96',
    `Initializing a V1 LLM engine (v${deployment.vllm_version}) with config: model='${deployment.model}', speculative_config=None, tokenizer='${deployment.model}', dtype=torch.bfloat16, max_seq_len=${settings.maxModelLen}, tensor_parallel_size=${settings.tensorParallelSize}, pipeline_parallel_size=${settings.pipelineParallelSize}, data_parallel_size=1, quantization=None, enforce_eager=${python(settings.enforceEager)}, kv_cache_dtype=auto, enable_prefix_caching=${python(settings.enablePrefixCaching)}, enable_chunked_prefill=${python(settings.enableChunkedPrefill)}`,
  )
  for (let rank = 0; rank < settings.ranks; rank++) {
    const worker = `(Worker_TP${rank} pid=${304 + rank})`
    add(
      boot(19),
      worker,
      'parallel_state.py:1212',
      `world_size=${settings.ranks} rank=${rank} local_rank=${rank} distributed_init_method=tcp://127.0.0.1:47021 backend=nccl`,
    )
    add(boot(21), worker, 'pynccl.py:111', 'vLLM is using nccl==2.27.5')
    add(
      boot(23),
      worker,
      'cuda.py:351',
      'Using FLASH_ATTN attention backend out of potential backends: (FLASH_ATTN, FLASHINFER, TRITON_ATTN)',
    )
    add(boot(24), worker, 'gpu_model_runner.py:4021', `Starting to load model ${deployment.model}...`)
    add(
      boot(83),
      worker,
      'gpu_model_runner.py:4118',
      `Model loading took ${memory?.weightsGib.toFixed(2)} GiB memory and 58.${413 + rank} seconds`,
    )
  }
  add(boot(83), '(Worker_TP0 pid=304)', 'default_loader.py:291', 'Loading weights took 57.21 seconds')
  for (let rank = 0; rank < settings.ranks; rank++) {
    add(
      boot(133),
      `(Worker_TP${rank} pid=${304 + rank})`,
      'gpu_worker.py:358',
      `Available KV cache memory: ${memory?.availableKvGib.toFixed(2)} GiB`,
    )
  }
  add(
    boot(134),
    core,
    'kv_cache_utils.py:1305',
    `GPU KV cache size: ${memory?.kvTokens.toLocaleString('en-US')} tokens`,
  )
  add(
    boot(134),
    core,
    'kv_cache_utils.py:1310',
    `Maximum concurrency for ${settings.maxModelLen.toLocaleString('en-US')} tokens per request: ${((memory?.kvTokens ?? 0) / settings.maxModelLen).toFixed(2)}x`,
  )
  add(
    boot(161),
    '(Worker_TP0 pid=304)',
    'gpu_model_runner.py:5021',
    `Graph capturing finished in 22 secs, took ${memory?.graphsGib.toFixed(2)} GiB`,
  )
  add(boot(162), core, 'core.py:273', 'init engine (profile, create kv cache, warmup model) took 78.64 seconds')
  add(
    boot(166),
    api,
    'serving_chat.py:180',
    "Using default chat sampling params from model: {'temperature': 0.6, 'top_p': 0.9}",
  )
  add(boot(167), api, 'api_server.py:1351', 'Starting vLLM API server 0 on http://0.0.0.0:8000')
  for (const text of [
    'INFO:     Started server process [1]',
    'INFO:     Waiting for application startup.',
    'INFO:     Application startup complete.',
  ]) {
    lines.push({ time: boot(168), text: `${api} ${text}` })
  }
  const hitRate = counts.prefixQueries === 0 ? 0 : counts.prefixHits / counts.prefixQueries
  for (const interval of window.timeline)
    add(start + interval.endS * 1000, api, 'loggers.py:257', statsText(interval, hitRate))
  const random = seededRandom(scenario.load.seed ^ 0x10c5)
  const client = () =>
    `10.42.${Math.floor(random() * 4)}.${2 + Math.floor(random() * 250)}:${32_768 + Math.floor(random() * 28_000)}`
  for (const { atS } of window.finished.filter((_, index) => index % 4 === 0)) {
    lines.push({
      time: start + atS * 1000,
      text: `${api} INFO:     ${client()} - "POST /v1/chat/completions HTTP/1.1" 200 OK`,
    })
  }
  return lines
}
