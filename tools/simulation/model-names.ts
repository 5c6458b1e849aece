import type { UnknownObject } from '../../router/json/json.ts'
import { closest } from '../../router/text/closest.ts'
import { ConfigError } from '../errors.ts'
import { knownModels } from './known-models.ts'
import { readArchitecture } from './model-config.ts'
import type { ModelArchitecture } from './models.ts'

/** The members of a deployment that describe its model. */
interface ServedModel {
  /** Name that vLLM serves: a repository on Hugging Face or a local path. */
  readonly model: string
  /** The `config.json` of the model. It overrides what is known about the name. */
  readonly model_config?: UnknownObject | undefined
  /** Version of vLLM. */
  readonly vllm_version?: string
}

/**
 * The architecture of a deployment's model: from its `model_config` if it has one, otherwise by its name.
 *
 * A name is the repository or path that vLLM serves. Other publishers, local folders, instruction tuning and quantisation
 * in the name lead to the same architecture: `/models/llama-3.1-8b` and `RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8` are
 * Llama 3.1 8B, the second with fp8 weights.
 *
 * @throws {ConfigError} `unknown_model` for an unknown name; those of {@link readArchitecture} for `model_config`.
 */
export function modelOf({ model, model_config, vllm_version }: ServedModel): ModelArchitecture {
  return model_config === undefined
    ? architectureOf(model)
    : readArchitecture(model_config, 'model_config', vllm_version)
}

/**
 * Looks up a model by the name that vLLM serves.
 *
 * @throws {ConfigError} `unknown_model` if the simulation has no data for the name, or for the quantisation in it.
 */
export function architectureOf(name: string): ModelArchitecture {
  const before = read.get(name)
  if (before !== undefined) return before
  const { key, quantization } = resolve(name)
  const known = key === undefined ? undefined : knownModels[key]
  if (known === undefined) throw unknown(name)
  const config = quantization.length === 0 ? known.config : { ...known.config, quantization_config: quantization[0] }
  const architecture = readArchitecture(config, `config of ${known.repository}`)
  // Names come from outside, so the store must not grow with them.
  if (read.size < 64) read.set(name, architecture)
  return architecture
}

/** Architectures by name. Reading one again would give the same. */
const read = new Map<string, ModelArchitecture>()

function unknown(name: string): ConfigError {
  const keys = Object.keys(knownModels)
  const last = lastPart(name)
  const sameShape = resolve(last.replace(otherFormat, '')).key
  const similar = closest(last.replace(tuning, ''), keys)
  const what =
    sameShape === undefined
      ? 'which the simulation does not know'
      : `whose name does not show the sizes of its weights (the architecture is that of ${knownModels[sameShape]?.repository})`
  const hint =
    similar === undefined || sameShape !== undefined ? '' : ` Did you mean ${knownModels[similar]?.repository}?`
  return new ConfigError(
    `model is ${JSON.stringify(name.slice(0, 200))}, ${what}.${hint} Put the content of the model's config.json into ` +
      `model_config; it is in its repository on Hugging Face or in its local folder. Known: ${keys.join(', ')}.`,
    { code: 'unknown_model', field: 'model' },
  )
}

/** Words at the end of a name that do not change the architecture. */
const tuning = /[-_](?:instruct|chat|it|hf|base|pt)$/
/** Words of a name that show the format of the weights, with the `quantization_config` that such checkpoints have. */
const formats: readonly (readonly [words: RegExp, config: UnknownObject | undefined])[] = [
  [/[-_.](?:fp8(?:[-_](?:dynamic|kv|block))?|w8a8[-_]fp8)$/, { quant_method: 'fp8' }],
  [/[-_.]gptq[-_]int8$/, { quant_method: 'gptq', bits: 8, group_size: 128 }],
  [/[-_.](?:quantized\.w8a8|w8a8|int8)$/, compressed(8)],
  [/[-_.](?:quantized\.w4a16|w4a16)$/, compressed(4, 128)],
  [/[-_.]awq(?:[-_]int4)?$/, { quant_method: 'awq', bits: 4, group_size: 128 }],
  [/[-_.](?:gptq[-_]int4|gptq)$/, { quant_method: 'gptq', bits: 4, group_size: 128 }],
  [/[-_.](?:bf16|fp16)$/, undefined],
  [/[-_.](?:nvfp4|fp4)$/, { quant_method: 'modelopt', quant_algo: 'NVFP4' }],
  [
    /[-_.](?:unsloth[-_])?bnb[-_]4bit$/,
    { quant_method: 'bitsandbytes', load_in_4bit: true, bnb_4bit_use_double_quant: true },
  ],
]
/** Words that show a format whose size is not known. */
const otherFormat = /[-_.](?:gguf|exl[23]|aqlm|hqq|eetq|mxfp4|int4|[0-9]bits?|q[2-8](?:_[0-9k]\w*)?)$/i

function compressed(num_bits: number, group_size?: number): UnknownObject {
  return {
    quant_method: 'compressed-tensors',
    config_groups: { group_0: { weights: { num_bits, type: 'int', group_size } } },
  }
}

/** Other names of the same architecture. */
const aliases: { readonly [name: string]: string } = {
  'deepseek-r1': 'deepseek-v3',
  'deepseek-r1-0528': 'deepseek-v3',
  'deepseek-v3-0324': 'deepseek-v3',
  'deepseek-v3.1': 'deepseek-v3',
  'deepseek-r1-distill-llama-8b': 'llama-3.1-8b',
  'deepseek-r1-distill-llama-70b': 'llama-3.3-70b',
  'mistral-7b-instruct-v0.2': 'mistral-7b-v0.2',
  'mistral-7b-instruct-v0.1': 'mistral-7b-v0.1',
  'mistral-7b-instruct-v0.3': 'mistral-7b-v0.3',
  'mistral-small-24b-instruct-2501': 'mistral-small-24b',
  'mistral-small-24b-base-2501': 'mistral-small-24b',
  'mixtral-8x7b-v0.1': 'mixtral-8x7b',
  'mixtral-8x7b-instruct-v0.1': 'mixtral-8x7b',
  'mixtral-8x22b-v0.1': 'mixtral-8x22b',
  'mixtral-8x22b-instruct-v0.1': 'mixtral-8x22b',
  'qwen3-30b-a3b-instruct-2507': 'qwen3-30b-a3b-2507',
  'qwen3-30b-a3b-thinking-2507': 'qwen3-30b-a3b-2507',
  'qwen3-235b-a22b-instruct-2507': 'qwen3-235b-a22b-2507',
  'qwen3-235b-a22b-thinking-2507': 'qwen3-235b-a22b-2507',
}

interface ResolvedName {
  /** Key of the architecture; `undefined` if it is not known. */
  readonly key: string | undefined
  /** The `quantization_config` that the name shows, in an array; empty if it shows none. */
  readonly quantization: readonly (UnknownObject | undefined)[]
}

/** Reduces a name to that of an architecture, step by step, until it is known or nothing is left to drop. */
function resolve(name: string): ResolvedName {
  let rest = lastPart(name)
  let quantization: readonly (UnknownObject | undefined)[] = []
  for (;;) {
    const key = canonical(rest)
    if (key !== undefined) return { key, quantization }
    const format = quantization.length === 0 ? formats.find(([words]) => words.test(rest)) : undefined
    const shorter = rest.replace(format?.[0] ?? tuning, '')
    if (shorter === rest) return { key: undefined, quantization }
    if (format !== undefined) quantization = [format[1]]
    rest = shorter
  }
}

/** Last part of a path that is only a version of the folder above it. */
const revision = /^(?:\d+|main|latest|model|checkpoint[-_]?\d+|[0-9a-f]{7,40})$/

/** The part of a path or repository that names the model, in lower case. */
function lastPart(name: string): string {
  // A folder of the Hugging Face cache: models--meta-llama--Llama-3.1-8B-Instruct/snapshots/0e9e39f.
  const cached = /models--[^/]+?--([^/]+)/.exec(name)?.[1]
  const parts = name
    .toLowerCase()
    .split('/')
    .filter((part) => part !== '')
  const last = parts.findLast((part) => !revision.test(part)) ?? ''
  return cached?.toLowerCase() ?? last
}

/** The key of a known architecture for a spelling of its name; `undefined` if it is not known. */
function canonical(name: string): string | undefined {
  // Meta-Llama-3-8B is the earlier name of Llama-3-8B, and some folders are called llama3.1-8b or llama-3_1-8b.
  const spelled = name
    .replace(/^meta-/, '')
    .replace(/^(llama|qwen|gemma|phi)[-_]?(\d)[._](\d)/, '$1-$2.$3')
    .replace(/^(llama|gemma|phi)[-_]?(\d)/, '$1-$2')
    .replace(/^qwen[-_]?(\d)/, 'qwen$1')
    .replaceAll('_', '-')
    // Models for code have the shapes of the general ones.
    .replace(/^qwen2\.5-coder-/, 'qwen2.5-')
  const key = Object.hasOwn(aliases, spelled) ? aliases[spelled] : spelled
  return key !== undefined && Object.hasOwn(knownModels, key) ? key : undefined
}
