import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { engineSettings } from '../../../tools/simulation/engine-settings.ts'
import { gpuOf } from '../../../tools/simulation/hardware.ts'
import { checkKvCache } from '../../../tools/simulation/kv-cache-check.ts'
import { modelOf } from '../../../tools/simulation/model-names.ts'
import { exampleScenario } from '../../support/example-scenario.ts'

const folder = new URL('../../reference/vllm/arguments/kv-cache-checks/', import.meta.url)

const recorded = readdirSync(folder).flatMap((file) =>
  readFileSync(new URL(file, folder), 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const [tokens = '', length = '', blocks = '', outcome = '', text = ''] = line.split('\t')
      return { version: file.replace('.tsv', ''), tokens, length, blocks, outcome, text }
    }),
)

test.each(recorded)(
  'vLLM $version with memory for $tokens tokens, max_model_len $length and $blocks blocks: $outcome',
  ({ version, tokens, length, blocks, outcome, text }) => {
    const bytesPerToken = 2048
    const { deployment } = exampleScenario({})
    const engine_args = {
      max_model_len: Number(length),
      ...(blocks === 'none' ? {} : { num_gpu_blocks_override: Number(blocks) }),
    }
    const model = { ...modelOf(deployment), maxModelLen: 4096 }
    const config = { ...deployment, vllm_version: version, engine_args }
    const settings = engineSettings(config, model, gpuOf(deployment.placement.gpu_model))
    const checked = checkKvCache(model, settings, {
      profiledBytes: Number(tokens) * bytesPerToken,
      allocatedBytes: blocks === 'none' ? Number(tokens) * bytesPerToken : Number(blocks) * 16 * bytesPerToken,
      bytesPerToken,
    })
    if (outcome === 'ok') expect(checked).toEqual({ maxModelLen: Number(text.split('max_model_len=')[1]) })
    else expect(text).toContain('refusal' in checked ? checked.refusal.replace(/\.$/, '') : 'started')
  },
)
