import type { Scenario } from '../../fixtures/scenario.ts'
import { isObject, parseJson } from '../../router/json/json.ts'
import { compareVersions } from '../../tools/arguments/version.ts'
import { startupOf } from '../../tools/prometheus/vllm-page.ts'
import { modelOf } from '../../tools/simulation/model-names.ts'
import { simulate } from '../../tools/simulation/simulate.ts'
import { api, coreOf, worker } from './engine-process.ts'
import { type EngineLevel, engineLine, type LogLine } from './log-line.ts'
import { type LogMessage, placeOf, writes } from './log-places.ts'

/** Seconds from the first line of a start to later lines. */
export interface StartupSeconds {
  /** The weights are loaded. */
  readonly loaded: number
  /** The size of the KV cache is known. */
  readonly kvSize: number
  /** The engine is ready. */
  readonly ready: number
  /** The HTTP server starts. */
  readonly server: number
}

/** When the lines of a start are written, as {@link startupOf} has it. */
export function startupSeconds(scenario: Scenario): StartupSeconds {
  const { firstLine, initS, metricsCreated, serverStarted } = startupOf(scenario)
  const ready = firstLine - metricsCreated
  return { loaded: ready - initS, kvSize: ready - 28, ready, server: firstLine - serverStarted }
}

/**
 * The lines of a startup until the engine is ready, in the words of the scenario's version. `at` is the first line's time,
 * `attempt` the number of the restart.
 */
export function startupLog(scenario: Scenario, at: number, attempt = 0): LogLine[] {
  const { deployment } = scenario
  const times = startupOf(scenario)
  const { loaded, kvSize, ready } = startupSeconds(scenario)
  // No two starts take equally long.
  const loadS = times.loadS - attempt * 0.37
  const initS = times.initS - attempt * 0.23
  const { memory, settings } = simulate(scenario)
  const since = (version: string) => compareVersions(deployment.vllm_version, version) >= 0
  const lines: LogLine[] = []
  const add = (seconds: number, who: string, message: LogMessage, text: string, level: EngineLevel = 'INFO') => {
    if (writes(scenario, message)) {
      lines.push(engineLine(at + seconds * 1000, who, placeOf(scenario, message), text, level))
    }
  }
  for (const text of since('0.15.0') ? banner(scenario) : [`vLLM API server version ${deployment.vllm_version}`]) {
    add(0, api, 'banner', text)
  }
  add(0, api, 'arguments', `non-default args: ${nonDefaultArguments(scenario)}`)
  add(4, api, 'architecture', `Resolved architecture: ${modelOf(deployment).className}`)
  add(4, api, 'maxModelLen', `Using max model len ${settings.maxModelLen}`)
  if (settings.enableChunkedPrefill) {
    const budget = settings.maxNumBatchedTokens
    add(5, api, 'chunkedPrefill', `Chunked prefill is enabled with max_num_batched_tokens=${budget}.`)
  }
  add(5, api, 'asyncScheduling', 'Asynchronous scheduling is enabled.')
  for (let engine = 0; engine < settings.dataParallelSize; engine++) {
    const core = coreOf(scenario, engine)
    add(
      12,
      core,
      'engineCore',
      `Initializing a V1 LLM engine (v${deployment.vllm_version}) with config: ${config(scenario)}`,
    )
    const gpusPerNode = (deployment.placement.gpus ?? []).length
    const gib = (value: number | undefined) => value?.toFixed(2)
    for (let rank = 0; rank < settings.ranks; rank++) {
      const who = worker(scenario, rank, engine)
      // Since 0.15 the first rank of a node speaks for the others.
      const speaks = !since('0.15.0') || rank % gpusPerNode === 0
      const size = settings.ranks
      const head = deployment.placement.peers === undefined ? '127.0.0.1' : '10.40.0.51'
      const world = since('0.15.0')
        ? `world_size=${size} rank=${rank} local_rank=${engine * size + (rank % gpusPerNode)} distributed_init_method=tcp://${head}:${47021 + engine} backend=nccl`
        : `rank ${rank} in world size ${size} is assigned as DP rank 0, PP rank 0, TP rank ${rank}, EP rank ${rank}`
      add(19, who, 'worldSize', world)
      if (settings.speculation?.hasHead) {
        const without = 'Detected EAGLE model without its own embed_tokens in the checkpoint.'
        const shared = 'Sharing target model embedding weights with the draft model.'
        add(loaded, who, 'sharedEmbedding', `${without} ${shared}`)
        const distinct = 'Detected EAGLE model with distinct lm_head weights.'
        add(loaded, who, 'ownHead', `${distinct} Keeping separate lm_head weights from the target model.`)
      }
      if (!speaks) continue
      if (size > 1) add(21, who, 'nccl', 'vLLM is using nccl==2.27.5')
      add(23, who, 'attentionBackend', attentionBackend(since))
      if (rank === 0 || !since('0.15.0')) add(24, who, 'loadModel', `Starting to load model ${deployment.model}...`)
      if (settings.speculation?.hasHead && rank === 0) add(loaded - 1, who, 'loadDrafter', 'Loading drafter model...')
      if (rank === 0) add(loaded, who, 'weightsLoaded', `Loading weights took ${loadS.toFixed(2)} seconds`)
      const took = since('0.15.0') ? `${gib(memory?.weightsGib)} GiB memory` : `${memory?.weightsGib.toFixed(4)} GiB`
      add(
        loaded,
        who,
        'modelLoaded',
        `Model loading took ${took} and ${(loadS + 1.203207 + rank / 1000).toFixed(since('0.15.0') ? 6 : 3)} seconds`,
      )
      add(kvSize - 1, who, 'kvMemory', `Available KV cache memory: ${gib(memory?.availableKvGib)} GiB`)
    }
    const kvTokens = memory?.kvTokens ?? 0
    add(kvSize, core, 'kvSize', `GPU KV cache size: ${kvTokens.toLocaleString('en-US')} tokens`)
    const longest = settings.maxModelLen.toLocaleString('en-US')
    const concurrency = (kvTokens / settings.maxModelLen).toFixed(2)
    add(kvSize, core, 'maxConcurrency', `Maximum concurrency for ${longest} tokens per request: ${concurrency}x`)
    if (!settings.enforceEager) {
      const graphs = `Graph capturing finished in ${20 + (attempt % 3)} secs, took ${gib(memory?.graphsGib)} GiB`
      add(ready - 1, worker(scenario, 0, engine), 'graphs', graphs)
    }
    const took = since('0.20.0')
      ? `${initS.toFixed(2)} s (compilation: ${(initS * 0.4).toFixed(2)} s)`
      : `${initS.toFixed(2)} seconds`
    add(ready, core, 'engineReady', `init engine (profile, create kv cache, warmup model) took ${took}`)
  }
  return [...lines, ...serverStart(scenario, at + (ready - 162) * 1000, since)]
}

/** The API server's lines when the engine is ready, 162 s after `at`. */
function serverStart(scenario: Scenario, at: number, since: (version: string) => boolean): LogLine[] {
  const lines: LogLine[] = []
  const add = (seconds: number, message: LogMessage, text: string, level: EngineLevel = 'INFO') => {
    if (writes(scenario, message)) {
      lines.push(engineLine(at + seconds * 1000, api, placeOf(scenario, message), text, level))
    }
  }
  const parameters = "{'temperature': 0.6, 'top_p': 0.9}"
  add(163, 'tasks', `${since('0.15.0') ? 'Supported tasks' : 'Supported_tasks'}: ['generate']`)
  if (since('0.15.0')) {
    const overridden = "Default vLLM sampling parameters have been overridden by the model's `generation_config.json`"
    const advice = 'If this is not intended, please relaunch vLLM instance with `--generation-config vllm`.'
    add(164, 'samplingDefaults', `${overridden}: \`${parameters}\`. ${advice}`, 'WARNING')
  } else add(164, 'samplingDefaults', `Using default chat sampling params from model: ${parameters}`)
  if (since('0.15.0')) {
    add(165, 'warmup', 'Warming up chat template processing...')
    const format = "Detected the chat template content format to be 'string'."
    add(166, 'templateFormat', `${format} You can set \`--chat-template-content-format\` to override this.`)
    add(166, 'warmedUp', `Chat template warmup completed in ${(312 + 1.7 * startupOf(scenario).loadS).toFixed(1)}ms`)
  }
  add(167, 'serverStart', `Starting vLLM ${since('0.18.0') ? 'server' : 'API server 0'} on http://0.0.0.0:8000`)
  const started = ['Started server process [1]', 'Waiting for application startup.', 'Application startup complete.']
  return [...lines, ...started.map((text) => ({ time: at + 168_000, text: `${api} INFO:     ${text}` }))]
}

/** The first lines of the API server since 0.15. */
function banner({ deployment }: Scenario): string[] {
  return [
    '',
    '       █     █     █▄   ▄█',
    ` ▄▄ ▄█ █     █     █ ▀▄▀ █  version ${deployment.vllm_version}`,
    `  █▄█▀ █     █     █     █  model   ${deployment.model}`,
    '   ▀▀  ▀▀▀▀▀ ▀▀▀▀▀ ▀     ▀',
    '',
  ]
}

/** The arguments as a Python dictionary, in the order of the parser's groups: the server's first. */
function nonDefaultArguments({ deployment }: Scenario): string {
  const { model, vllm_version, engine_args } = deployment
  const servers = compareVersions(vllm_version, '0.15.0') >= 0 ? { api_server_count: 1 } : {}
  const shown = { model_tag: model, ...servers, host: '0.0.0.0', model, ...engine_args }
  // The parser turns JSON into a dictionary.
  const speculation = engine_args['speculative_config']
  return python(typeof speculation === 'string' ? { ...shown, speculative_config: parseJson(speculation) } : shown)
}

/** The configuration of the drafter as vLLM prints it. */
function drafter({ engine_args }: Scenario['deployment']): string {
  const config = parseJson(String(engine_args['speculative_config'] ?? 'null'))
  if (!isObject(config)) return 'None'
  const { method, model, num_speculative_tokens } = config
  return `SpeculativeConfig(method=${python(method)}, model=${python(model)}, num_spec_tokens=${python(num_speculative_tokens)})`
}

/** The configuration as the engine core writes it, shortened. */
function config(scenario: Scenario): string {
  const { model } = scenario.deployment
  const { settings } = simulate(scenario)
  return `model='${model}', speculative_config=${drafter(scenario.deployment)}, tokenizer='${model}', dtype=torch.bfloat16, max_seq_len=${settings.maxModelLen}, tensor_parallel_size=${settings.tensorParallelSize}, pipeline_parallel_size=${settings.pipelineParallelSize}, data_parallel_size=${settings.dataParallelSize}, quantization=None, enforce_eager=${python(settings.enforceEager)}, kv_cache_dtype=auto, enable_prefix_caching=${python(settings.enablePrefixCaching)}, enable_chunked_prefill=${python(settings.enableChunkedPrefill)}`
}

function attentionBackend(since: (version: string) => boolean): string {
  if (!since('0.15.0')) return 'Using Flash Attention backend on V1 engine.'
  const backends = "'FLASH_ATTN', 'FLASHINFER', 'TRITON_ATTN', 'FLEX_ATTENTION'"
  const shown = since('0.16.0') ? `[${backends}].` : `(${backends})`
  return `Using FLASH_ATTN attention backend out of potential backends: ${shown}`
}

/** A value as Python writes it. */
function python(value: unknown): string {
  if (value === undefined || value === null) return 'None'
  if (typeof value === 'string') return `'${value}'`
  if (Array.isArray(value)) return `[${value.map(python).join(', ')}]`
  if (typeof value === 'object') {
    const members = Object.entries(value).map(([name, member]) => `'${name}': ${python(member)}`)
    return `{${members.join(', ')}}`
  }
  return value === true ? 'True' : value === false ? 'False' : String(value)
}
