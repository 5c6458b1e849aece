import { isObject, type UnknownObject } from '../../router/json/json.ts'
import { ConfigError } from '../errors.ts'

/** Bytes per weight by part of the model. The embedding, norms and routers keep the type of the checkpoint. */
export interface WeightFormat {
  /** Matrices of attention. */
  readonly attention: number
  /** Feed-forward matrices of dense layers. */
  readonly dense: number
  /** Shared experts. */
  readonly shared: number
  /** Routed experts. */
  readonly experts: number
  /** Output head. */
  readonly head: number
  /** Image encoder. */
  readonly vision: number
  /** Bytes of one number in the KV cache, if the checkpoint asks for another size than that of bfloat16. */
  readonly kv?: number
}

/** Sizes of the model that padding depends on. */
interface Sizes {
  readonly layers: number
  readonly hiddenSize: number
  readonly expertSize: number
}

/** Bytes of a weight that is not quantised. vLLM loads float32 checkpoints as 16 bits too. */
export const unquantised = 2

/**
 * The size of weights by part of the model, from the `quantization_config` of a `config.json`.
 *
 * Scales count as a share of the weights that they belong to. Parts that the checkpoint excludes stay at 16 bits.
 *
 * @param quantization the member, `undefined` for a checkpoint in 16 bits.
 * @param at path of the member, for messages.
 * @throws {ConfigError} `unsupported_model` for a method that is not known, `invalid_model_config` for a wrong member.
 */
export function weightFormat(quantization: unknown, sizes: Sizes, at: string): WeightFormat {
  if (quantization === undefined || quantization === null) return uniform(unquantised)
  if (!isObject(quantization)) {
    throw new ConfigError(`${at} must be an object.`, { code: 'invalid_model_config', field: at })
  }
  const method = methodOf(quantization, at)
  if (method === 'mxfp4') return { ...uniform(unquantised), experts: marlinMxfp4(sizes) }
  const bytes = bytesOfMethod(method, quantization, at)
  const excluded = exclusions(quantization, sizes.layers)
  const part = (name: Part) => bytes + (unquantised - bytes) * excluded(name)
  return {
    attention: part('attention'),
    dense: part('dense'),
    shared: part('shared'),
    experts: part('experts'),
    // vLLM quantises the output head only for GPTQ and AWQ checkpoints that say so.
    head: quantization['lm_head'] === true ? bytes : unquantised,
    vision: part('vision'),
    ...(asksForFp8Cache(quantization) ? { kv: 1 } : {}),
  }
}

function uniform(bytes: number): WeightFormat {
  return { attention: bytes, dense: bytes, shared: bytes, experts: bytes, head: bytes, vision: bytes }
}

/** The method in one spelling: ModelOpt writes none, and some tools write underscores. */
function methodOf(quantization: UnknownObject, at: string): string {
  const { quant_method, producer } = quantization
  if (typeof quant_method === 'string' && quant_method !== '') {
    return quant_method
      .toLowerCase()
      .replaceAll('_', '-')
      .replace(/-marlin$/, '')
  }
  if (isObject(producer) && producer['name'] === 'modelopt') return 'modelopt'
  throw new ConfigError(
    `${at}.quant_method is missing. It names the method of the checkpoint, e.g. "fp8", "awq" or "compressed-tensors".`,
    { code: 'invalid_model_config', field: `${at}.quant_method` },
  )
}

/** Bytes per quantised weight, with its share of the scales. Source: the layers in `vllm/model_executor/layers/quantization`. */
function bytesOfMethod(method: string, quantization: UnknownObject, at: string): number {
  switch (method) {
    case 'fp8':
    case 'fbgemm-fp8':
    case 'ptpc-fp8':
      return 1 + blockScale(quantization['weight_block_size'])
    case 'awq':
    case 'gptq':
    case 'auto-round':
    case 'inc':
      return packed(quantization, at)
    case 'bitsandbytes':
      // NF4 has a float32 scale per 64 weights, or 8 bits with double quantisation.
      if (quantization['load_in_8bit'] === true || quantization['_load_in_8bit'] === true) return 1
      return 0.5 + (quantization['bnb_4bit_use_double_quant'] === true ? 1 : 4) / 64
    case 'compressed-tensors':
      return ofCompressedTensors(quantization, at)
    case 'modelopt':
    case 'modelopt-fp4':
      return ofModelOpt(method, quantization, at)
    default:
      throw new ConfigError(
        `${at}.quant_method is ${JSON.stringify(method).slice(0, 60)}, whose weight sizes are not known. Known: awq, ` +
          'bitsandbytes, compressed-tensors, fbgemm_fp8, fp8, gptq, modelopt, mxfp4. To estimate with another format of the ' +
          'same size, change this member, e.g. to {"quant_method": "gptq", "bits": 4, "group_size": 128}.',
        { code: 'unsupported_model', field: `${at}.quant_method` },
      )
  }
}

/** A float32 scale per block of weights. */
function blockScale(block: unknown): number {
  if (!Array.isArray(block)) return 0
  const [rows, columns] = block
  return typeof rows === 'number' && typeof columns === 'number' && rows > 0 && columns > 0 ? 4 / (rows * columns) : 0
}

/** AWQ and GPTQ: a 16-bit scale and a zero point per group of weights. */
function packed(quantization: UnknownObject, at: string): number {
  const bits = bitsOf(quantization['bits'] ?? quantization['w_bit'], `${at}.bits`)
  const group = quantization['group_size'] ?? quantization['q_group_size']
  const scales = typeof group === 'number' && group > 0 ? (2 + bits / 8) / group : 0
  return bits / 8 + scales
}

/** The format of the first group. Several groups with different sizes are refused, because their parts are not known. */
function ofCompressedTensors(quantization: UnknownObject, at: string): number {
  const { config_groups } = quantization
  const weights = Object.values(isObject(config_groups) ? config_groups : {}).map((group) =>
    isObject(group) && isObject(group['weights']) ? group['weights'] : {},
  )
  const sizes = weights.map((one) => {
    const bits = bitsOf(one['num_bits'], `${at}.config_groups.*.weights.num_bits`)
    const group = one['group_size']
    // NVFP4 has an fp8 scale per 16 weights; other groups have 16-bit scales.
    const scale = one['type'] === 'float' && bits === 4 ? 1 : 2
    return bits / 8 + (typeof group === 'number' && group > 0 ? scale / group : 0)
  })
  const [first] = sizes
  if (first === undefined || sizes.some((size) => size !== first)) {
    throw new ConfigError(
      `${at}.config_groups must have at least one group, and all groups must store weights with the same bits.`,
      { code: first === undefined ? 'invalid_model_config' : 'unsupported_model', field: `${at}.config_groups` },
    )
  }
  return first
}

function ofModelOpt(method: string, quantization: UnknownObject, at: string): number {
  const inner = isObject(quantization['quantization']) ? quantization['quantization'] : quantization
  const algorithm = method === 'modelopt-fp4' ? 'NVFP4' : inner['quant_algo']
  if (typeof algorithm === 'string' && /^fp8/i.test(algorithm)) return 1
  if (typeof algorithm === 'string' && /^nvfp4$/i.test(algorithm)) return 0.5 + 1 / 16
  throw new ConfigError(
    `${at}.quant_algo is ${JSON.stringify(algorithm ?? null).slice(0, 60)}, but only FP8 and NVFP4 are known.`,
    { code: 'unsupported_model', field: `${at}.quant_algo` },
  )
}

function bitsOf(bits: unknown, field: string): number {
  if (typeof bits === 'number' && Number.isInteger(bits) && bits >= 1 && bits <= 16) return bits
  const found = bits === undefined || bits === null ? 'missing' : JSON.stringify(bits).slice(0, 60)
  throw new ConfigError(`${field} is ${found}. It must be the bits of a weight, an integer from 1 to 16.`, {
    code: 'invalid_model_config',
    field,
  })
}

/**
 * MXFP4: 4 bits and an 8-bit scale per 32 weights. The Marlin kernel pads the hidden size to a multiple of 256 and the
 * width of an expert to a multiple of 128, so that gpt-oss-120b takes 9 % more than its checkpoint: 65.97 GiB logged in
 * vLLM issue 23278.
 */
function marlinMxfp4({ hiddenSize, expertSize }: Sizes): number {
  const padding = (roundUp(hiddenSize, 256) / hiddenSize) * (roundUp(expertSize, 128) / expertSize || 1)
  return (0.5 + 1 / 32) * padding
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple
}

type Part = 'attention' | 'dense' | 'shared' | 'experts' | 'vision'

/** Words in module names that show the part. A name belongs to the first part that matches. */
const partWords: readonly (readonly [part: Part | 'router', words: RegExp])[] = [
  ['vision', /visual|vision|multi_modal_projector/],
  ['router', /router|mlp\.gate$|shared_expert_gate|block_sparse_moe\.gate$/],
  ['shared', /shared_expert/],
  ['experts', /experts/],
  ['attention', /attn|attention/],
  ['dense', /mlp|feed_forward/],
]

/** Members that list excluded modules, by the tool that writes them. */
const exclusionLists = [
  'ignore',
  'ignored_layers',
  'modules_to_not_convert',
  'exclude_modules',
  'llm_int8_skip_modules',
]

/**
 * The share of a part that the checkpoint excludes from quantisation, 0 to 1.
 *
 * An entry is a module name, a glob or, after `re:`, a regular expression. Expressions are not run, because they come from
 * a file: the words in them show the part. An entry that names a layer excludes one layer, any other entry all of them.
 */
function exclusions(quantization: UnknownObject, layers: number): (part: Part) => number {
  const inner = isObject(quantization['quantization']) ? quantization['quantization'] : {}
  const named = new Map<Part | 'router', Set<string>>()
  const whole = new Set<Part | 'router'>()
  for (const list of exclusionLists.flatMap((name) => [quantization[name], inner[name]])) {
    if (!Array.isArray(list)) continue
    for (const entry of list) {
      if (typeof entry !== 'string') continue
      const name = entry
        .replace(/^re:/, '')
        .replace(/[\\^$*]|\.(?=[*+])/g, '')
        .replace(/\.+$/, '')
      const part = partWords.find(([, words]) => words.test(name))?.[0]
      if (part === undefined) continue
      const layer = /layers\.(\d+)\b/.exec(name)?.[1]
      if (layer === undefined) whole.add(part)
      else named.set(part, (named.get(part) ?? new Set()).add(layer))
    }
  }
  return (part) => (whole.has(part) ? 1 : Math.min(1, (named.get(part)?.size ?? 0) / layers))
}

/** Whether the checkpoint has scales for an fp8 KV cache, which `kv_cache_dtype: auto` then uses. */
function asksForFp8Cache(quantization: UnknownObject): boolean {
  const inner = isObject(quantization['quantization']) ? quantization['quantization'] : quantization
  const scheme = quantization['kv_cache_scheme'] ?? inner['kv_cache_scheme']
  if (isObject(scheme)) return scheme['num_bits'] === 8 && scheme['type'] === 'float'
  const algorithm = inner['kv_cache_quant_algo'] ?? quantization['kv_cache_quant_algo']
  return typeof algorithm === 'string' && /^fp8/i.test(algorithm)
}
