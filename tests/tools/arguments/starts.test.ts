import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { DeploymentConfig } from '../../../fixtures/deployment.ts'
import { engineSettings } from '../../../tools/simulation/engine-settings.ts'
import { gpuOf } from '../../../tools/simulation/hardware.ts'
import { modelOf } from '../../../tools/simulation/model-names.ts'
import { startRefusal } from '../../../tools/simulation/start-refusals.ts'
import { exampleScenario } from '../../support/example-scenario.ts'

const folder = new URL('../../reference/vllm/arguments/starts/', import.meta.url)

/** GPUs of the recordings. The defaults of the B200 do not depend on more than its memory. */
const gpus: Readonly<Record<string, readonly [model: string, memoryGib: number]>> = {
  h100: ['NVIDIA H100 80GB HBM3', 79.11],
  a100: ['NVIDIA A100-SXM4-80GB', 79.15],
  b200: ['NVIDIA B200', 178.35],
  '3090': ['NVIDIA GeForce RTX 3090', 23.57],
}

const recorded = readdirSync(folder).flatMap((file) =>
  readFileSync(new URL(file, folder), 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const [command = '', outcome = '', text = ''] = line.split('\t')
      return { version: file.replace('.tsv', ''), command, outcome, text }
    }),
)

/**
 * Lines with another answer than vLLM's, and why.
 *
 * - `words`: refused by both, with other words.
 * - `later`: vLLM's configuration accepts the value, and the engine fails later or ignores it; refused here.
 * - `unchecked`: the value of an argument that is not simulated, which `fetch_config` reports; accepted here.
 * - `chunks`: before 0.12.0 vLLM ignored the argument. The scenario vllm_cuda_oom, which runs 0.11.0, depends on it.
 */
const differences: readonly (readonly [
  kind: 'words' | 'later' | 'unchecked' | 'chunks',
  command: RegExp,
  versions?: RegExp,
])[] = [
  ['words', /--max-(num-seqs|model-len) 0$/, /^0\.(15|2|3)/],
  ['words', /--max-num-batched-tokens 0$|--gpu-memory-utilization|--cpu-offload-gb -1/, /^0\.11/],
  ['words', /--(tensor|pipeline)-parallel-size 0$/, /^0\.(11|15)/],
  ['words', /--decode-context-parallel-size 3 .* --gpu-memory-utilization 2/, /^0\.15/],
  ['chunks', /--no-enable-chunked-prefill/, /^0\.11/],
  ['words', /--limit-mm-per-prompt '\{"image":("a"|2\.5|null)/, /^0\.11/],
  ['unchecked', /--limit-mm-per-prompt '\{"image":\{/, /^0\.11/],
  ['later', /--(gpu-memory-utilization|cpu-offload-gb) nan$|-O4$/, /^0\.11/],
  ['later', /--max-num-seqs 0$|--max-model-len[ =](0|-1|-2)$|--pipeline-parallel-size 0$/, /^0\.11/],
  ['later', /--pipeline-parallel-size 0$/, /^0\.15/],
  // A model without images has no such cache.
  ['later', /--mm-processor-cache-gb -1/],
  ['unchecked', /--enable-lora|--block-size 1$/, /^0\.11/],
  ['unchecked', /--attention-backend NO_SUCH/],
]

test.each(recorded)('$version: $command', ({ version, command, outcome, text }) => {
  const [gpuName = '', ...words] = command.match(/'[^']*'|\S+/g) ?? []
  const [gpuModel, memoryGib] = gpus[gpuName] ?? ['', 0]
  const { deployment } = exampleScenario({})
  const config: DeploymentConfig = {
    ...deployment,
    vllm_version: version,
    engine_args: argumentsOf(words),
    placement: { ...deployment.placement, gpu_model: gpuModel },
  }
  // The model of the recordings.
  const model = { ...modelOf(deployment), heads: 4, kvHeads: 2, maxModelLen: 4096 }
  const settings = engineSettings(config, model, { ...gpuOf('NVIDIA A100-SXM4-80GB'), memoryGib })
  const unknown = settings.arguments.findings.filter(({ kind }) => kind === 'not_an_argument')
  const refusal = startRefusal(model, settings, 64)
  const outOfRange = settings.arguments.findings.some(({ kind }) => kind === 'out_of_range')
  const kinds = differences
    .filter(([, line, versions]) => line.test(command) && (versions?.test(version) ?? true))
    .map(([kind]) => kind)
  if (kinds.includes('chunks')) return
  if (outcome === 'ok' ? kinds.includes('later') : kinds.includes('words')) {
    expect(refusal !== undefined || outOfRange).toBe(true)
  } else if (outcome === 'refused' && kinds.includes('unchecked')) {
    expect(refusal).toBeUndefined()
  } else if (outcome === 'ok') {
    expect([refusal, unknown]).toEqual([undefined, []])
    expect(asRecorded(settings)).toEqual(text)
  } else if (/unrecognized arguments|ambiguous option/.test(text)) {
    expect(unknown).not.toEqual([])
  } else {
    expect(
      text
        .replace('4096.0', '4096')
        .replace('bydcp', 'by dcp')
        .startsWith(refusal?.replace(/\s+/g, ' ') ?? 'started'),
      `${refusal}\n${text}`,
    ).toBe(true)
  }
})

/** Engine arguments of a command line. The values stay texts, as in a shell. */
function argumentsOf(words: readonly string[]): DeploymentConfig['engine_args'] {
  const found: DeploymentConfig['engine_args'] = {}
  for (let index = 0; index < words.length; index++) {
    const [name = '', value] = splitFlag(words[index] ?? '')
    const next = words[index + 1]
    if (value !== undefined) found[name] = value
    else if (next === undefined || next.startsWith('--')) found[name] = true
    else found[name] = words[++index]?.replaceAll("'", '') ?? ''
  }
  return found
}

function splitFlag(word: string): [name: string, value?: string] {
  const level = /^(-O)(\d)$/.exec(word)
  if (level?.[1] !== undefined && level[2] !== undefined) return [level[1], level[2]]
  const equals = word.indexOf('=')
  return equals === -1 ? [word] : [word.slice(0, equals), word.slice(equals + 1)]
}

function asRecorded(settings: ReturnType<typeof engineSettings>): string {
  const utilization = settings.gpuMemoryUtilization
  return [
    `max_num_seqs=${settings.maxNumSeqs}`,
    `max_num_batched_tokens=${settings.maxNumBatchedTokens}`,
    `max_model_len=${settings.maxModelLen}`,
    `enable_chunked_prefill=${settings.enableChunkedPrefill}`,
    `enable_prefix_caching=${settings.enablePrefixCaching}`,
    `gpu_memory_utilization=${Number.isInteger(utilization) ? utilization.toFixed(1) : utilization}`,
  ].join(' ')
}
