import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import type { Impairment } from '../../fixtures/impairment.ts'
import type { Load, Scenario } from '../../fixtures/scenario.ts'

interface Changes {
  readonly rate?: number
  readonly prompt?: number
  readonly output?: number
  readonly durationS?: number
  readonly load?: Partial<Load>
  readonly args?: DeploymentConfig['engine_args']
  readonly model?: string
  readonly gpu?: string
  readonly impairments?: readonly Impairment[]
}

const fixed = (median: number) => ({ median, sigma: 0, min: 1, max: median })

/** A healthy scenario: Llama-3.1-8B on one A100 40 GB with requests of equal size. Tests change what they need. */
export function exampleScenario(changes: Changes = {}): Scenario {
  const { rate = 1, prompt = 512, output = 128, durationS = 300 } = changes
  return {
    id: 'example',
    title: 'Example',
    description: 'Example',
    window: { start: '2026-02-17T00:00:00Z', duration_s: durationS },
    slo: { ttft_p95_s: 2, inter_token_p99_s: 0.2, served_ratio: 0.9 },
    deployment: {
      config_id: 'example/initial',
      scenario: 'example',
      model: changes.model ?? 'meta-llama/Llama-3.1-8B-Instruct',
      image: 'vllm/vllm-openai:v0.15.0',
      vllm_version: '0.15.0',
      engine_args: { max_model_len: 8192, ...changes.args },
      env: {},
      resources: { host_memory_gb: 256, cpu_cores: 32, shm_gb: 16 },
      placement: {
        node: 'node-1',
        gpu_model: changes.gpu ?? 'NVIDIA A100-SXM4-40GB',
        gpus: [0, 1],
        driver_version: '580.105.08',
        spare_nodes: [],
      },
      history: { engine_restarts: 0, gpu_resets: [] },
    },
    load: {
      seed: 7,
      phases: [{ start_s: 0, requests_per_s: rate }],
      prompt_tokens: fixed(prompt),
      output_tokens: fixed(output),
      shared_prefix_tokens: 0,
      ...changes.load,
    },
    impairments: changes.impairments ?? [],
    logs: {},
  }
}
