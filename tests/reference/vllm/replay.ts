import type { DeploymentConfig } from '../../../fixtures/deployment.ts'
import { type BlockContents, firstBlocks } from '../../../tools/simulation/block-contents.ts'
import { EngineCore } from '../../../tools/simulation/engine-core.ts'
import { type EngineSettings, engineSettings } from '../../../tools/simulation/engine-settings.ts'
import { EngineState } from '../../../tools/simulation/engine-state.ts'
import { finishStep, type SamplingRule } from '../../../tools/simulation/finish-step.ts'
import { gpuOf } from '../../../tools/simulation/hardware.ts'
import { architectureOf } from '../../../tools/simulation/model-names.ts'
import type { Requests } from '../../../tools/simulation/requests.ts'
import { exampleScenario } from '../../support/example-scenario.ts'
import type { Trace, TraceStep } from './trace.ts'

/** Settings of a trace that have another name as an engine argument, or that the recorder sets if they are missing. */
const recorderDefaults: DeploymentConfig['engine_args'] = {
  enable_prefix_caching: false,
  scheduler_reserve_full_isl: true,
  async_scheduling: false,
}

/** Settings that the scheduler of the product reads. */
const knownSettings: ReadonlySet<string> = new Set([
  'max_model_len',
  'block_size',
  'num_gpu_blocks',
  'max_num_seqs',
  'max_num_batched_tokens',
  'long_prefill_token_threshold',
  'enable_chunked_prefill',
  'watermark',
  'speculative_config',
  ...Object.keys(recorderDefaults),
])

/** Settings of a trace that the replay ignores, because the product does not simulate them. */
export function unknownSettings({ settings }: Trace): readonly string[] {
  return Object.keys(settings).filter((name) => !knownSettings.has(name))
}

/**
 * When the recorder gives a token to a request. It differs from a model in one case, which occurs with asynchronous
 * scheduling: while a token of a resumed request is expected, a chunk that ends after the prompt gives a token too.
 */
const recorderSamples: SamplingRule = (state, request, end) =>
  end >=
  ((state.sampling[request] ?? 0) > 0 ? (state.input.requests.promptTokens[request] ?? 0) : state.knownTokens(request))

/** The result of a replay. */
export interface Replay {
  /** The steps, without those at the end that schedule nothing. */
  readonly steps: readonly TraceStep[]
  /** Tokens of the prompts that the engine looked up in the prefix cache, and found there. */
  readonly lookups: { readonly queries: number; readonly hits: number }
}

/**
 * Serves the requests of a trace with the scheduler of the product. Each step takes the same time, and its output comes
 * before the next call of `schedule()`, or one call later with asynchronous scheduling.
 */
export function replay(trace: Trace): Replay {
  const settings = settingsOf(trace)
  // The product numbers requests in order of arrival.
  const order = [...trace.requests.keys()].sort((a, b) => arrivalOf(trace, a) - arrivalOf(trace, b) || a - b)
  const requests = requestsOf(trace, order, settings)
  const state = new EngineState({
    requests,
    settings,
    kvBlocks: settings.kvBlocksOverride ?? 0,
    contents: contentsOf(trace, order, requests, settings),
    maxOutputTokens: Number.POSITIVE_INFINITY,
    clientTimeoutS: Number.POSITIVE_INFINITY,
    accepted: (request, generated, drafted) => ((order[request] ?? 0) * 7 + generated * 3) % (drafted + 1),
    endS: Number.POSITIVE_INFINITY,
  })
  const core = new EngineCore(state)
  const steps: TraceStep[] = []
  for (let step = 0; state.waiting.expected + state.waiting.length + state.running.length > 0; step++) {
    state.waiting.arriveUntil(step)
    const batch = core.schedule(step)
    const scheduled: Record<string, number> = {}
    for (let position = 0; position < batch.count; position++) {
      scheduled[`${order[batch.requests[position] ?? 0]}`] = batch.chunks[position] ?? 0
    }
    steps.push({
      step,
      scheduled,
      preempted: batch.preempted.map((request) => order[request] ?? 0).sort((a, b) => a - b),
      running: state.running.length,
      waiting: state.waiting.length,
      free: state.blocks.free,
    })
    for (let due = core.takeDue(); due !== undefined; due = core.takeDue()) {
      finishStep(state, due, step, step + 1, recorderSamples)
    }
    if (step > trace.steps.length + 10_000) {
      throw new Error(
        'the replay does not end. A request may arrive long after the last step or need more KV blocks than there are.',
      )
    }
  }
  while (steps.length > 0 && Object.keys(steps.at(-1)?.scheduled ?? {}).length === 0) steps.pop()
  const { prefixQueries: queries, prefixHits: hits } = state.counts
  return { steps, lookups: { queries, hits } }
}

function arrivalOf({ requests }: Trace, index: number): number {
  return requests[index]?.arrival ?? 0
}

function settingsOf({ settings: { num_gpu_blocks, ...settings }, vllm }: Trace): EngineSettings {
  const { deployment } = exampleScenario()
  const engineArgs: Record<string, string | number | boolean | null> = { ...recorderDefaults }
  for (const [name, value] of Object.entries({ ...settings, num_gpu_blocks_override: num_gpu_blocks })) {
    if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string') engineArgs[name] = value
  }
  const config = { ...deployment, vllm_version: vllm, engine_args: engineArgs }
  const fromArguments = engineSettings(config, architectureOf(config.model), gpuOf(config.placement.gpu_model))
  // The command line of some versions refuses block sizes that their scheduler serves.
  const blockSize = settings['block_size']
  return typeof blockSize === 'number' ? { ...fromArguments, blockSize } : fromArguments
}

function requestsOf(trace: Trace, order: readonly number[], { maxModelLen }: EngineSettings): Requests {
  const column = (value: (request: Trace['requests'][number]) => number) =>
    order.map((index) => value(trace.requests[index] ?? { arrival: 0, prompt: 1, output: 1 }))
  return {
    count: order.length,
    arrival: Float64Array.from(column(({ arrival }) => arrival)),
    promptTokens: Int32Array.from(column(({ prompt }) => prompt)),
    // A request ends at `max_model_len`.
    outputTokens: Int32Array.from(column(({ prompt, output }) => Math.max(1, Math.min(output, maxModelLen - prompt)))),
    imageTokens: new Int32Array(order.length),
    images: new Int32Array(order.length),
  }
}

/** The contents of the blocks, from the tokens that the recorder gives to the requests. */
function contentsOf(
  trace: Trace,
  order: readonly number[],
  requests: Requests,
  settings: EngineSettings,
): BlockContents {
  const { blockSize, speculation } = settings
  const first = firstBlocks(requests, blockSize, speculation?.tokens)
  const ids = new Int32Array(first.at(-1) ?? 0)
  const numbers = new Map<string, number>()
  for (const [request, index] of order.entries()) {
    const prompt = requests.promptTokens[request] ?? 0
    const token = (position: number) => {
      if (position >= prompt) return 42
      return position < trace.shared_prefix_tokens ? 7 : 11 + ((index * 131 + position * 7) % 900)
    }
    let before = -1
    for (let block = first[request] ?? 0; block < (first[request + 1] ?? 0); block++) {
      const start = (block - (first[request] ?? 0)) * blockSize
      const text = `${before}:${Array.from({ length: blockSize }, (_, offset) => token(start + offset)).join()}`
      before = numbers.get(text) ?? numbers.size
      numbers.set(text, before)
      ids[block] = before
    }
  }
  return { first, ids, count: numbers.size }
}

/** The first step in which two traces differ; `undefined` if they are equal. */
export function firstDifference(expected: readonly TraceStep[], actual: readonly TraceStep[]): number | undefined {
  const length = Math.max(expected.length, actual.length)
  for (let step = 0; step < length; step++) {
    if (comparable(expected[step]) !== comparable(actual[step])) return step
  }
  return undefined
}

/** A step as text, without the order of requests. */
export function comparable(step: TraceStep | undefined): string {
  if (step === undefined) return 'no step'
  const { scheduled, preempted, running, waiting, free } = step
  const requests = Object.entries(scheduled).sort(([a], [b]) => Number(a) - Number(b))
  return JSON.stringify({ scheduled: Object.fromEntries(requests), preempted, running, waiting, free })
}
