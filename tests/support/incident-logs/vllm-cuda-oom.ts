import type { Scenario } from '../../../fixtures/scenario.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { engineDeath, engineLog, launchOf } from '../engine-log.ts'
import { core } from '../engine-process.ts'
import { engineLine, engineTraceback, type IncidentLogs, journalLine, kernelLine } from '../log-line.ts'
import { placeOf } from '../log-places.ts'
import { applicationXid, correctable, deathOf, oldContainer, startOf, tooLong } from './common.ts'

/** The image encoder needs more memory for a step with many images than the utilisation leaves free. */
export function vllmCudaOom(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  const death = deathOf(scenario)
  const { node } = scenario.deployment.placement
  const reason = simulate(scenario).engine.reason ?? ''
  return {
    vllm: [
      ...oldContainer(scenario, launchOf(scenario), 100),
      ...engineLog(scenario, { accessEvery: 1 }),
      ...tooLong(scenario, start + 61_000, 35_212),
      engineLine(
        death - 100,
        core,
        'dump_input.py:69',
        `Dumping input data for V1 LLM engine (v${scenario.deployment.vllm_version}) with config: model='${scenario.deployment.model}', enforce_eager=True, enable_chunked_prefill=False`,
        'ERROR',
      ),
      engineLine(
        death - 100,
        core,
        'dump_input.py:76',
        'Dumping scheduler output for model execution: SchedulerOutput(scheduled_new_reqs=[NewRequestData(req_id=chatcmpl-7741,prompt_token_ids_len=7012,mm_features=5),NewRequestData(req_id=chatcmpl-7742,prompt_token_ids_len=8211,mm_features=6)])',
        'ERROR',
      ),
      ...engineTraceback(
        death,
        core,
        placeOf(scenario, 'fatal'),
        'EngineCore encountered a fatal error.',
        [
          'vllm/v1/engine/core.py:701 run_engine_core | engine_core.run_busy_loop()',
          'vllm/v1/engine/core.py:728 run_busy_loop | self._process_engine_step()',
          'vllm/v1/engine/core.py:754 _process_engine_step | outputs, model_executed = self.step_fn()',
          'vllm/v1/engine/core.py:284 step | model_output = self.execute_model_with_error_logging(',
          'vllm/v1/worker/gpu_model_runner.py:2268 execute_model | ) = self._preprocess(scheduler_output, intermediate_tensors)',
          'vllm/v1/worker/gpu_model_runner.py:1582 _execute_mm_encoder | curr_group_outputs = self.model.get_multimodal_embeddings(**mm_kwargs_group)',
          'vllm/model_executor/models/qwen3_vl.py:1406 get_multimodal_embeddings | vision_embeddings = self._process_image_input(multimodal_input)',
          'vllm/model_executor/models/qwen3_vl.py:517 forward | hidden_states = blk(hidden_states, cu_seqlens=cu_seqlens, rotary_pos_emb=rotary_pos_emb)',
          'vllm/model_executor/models/qwen3_vl.py:157 forward | mlp_output = self.linear_fc2(self.act_fn(self.linear_fc1(x)))',
          'torch/nn/functional.py:1704 gelu | return torch._C._nn.gelu(input, approximate=approximate)',
        ],
        reason,
      ),
      ...engineDeath(scenario, death),
    ],
    // Distractors: an Xid of an application, and a large file copy that fills the page cache.
    dmesg: [
      applicationXid(start - 17_000_000, scenario),
      ...correctable(start - 900_000, '0000:02:00.0'),
      kernelLine(start - 3_600_000, 'EXT4-fs (nvme0n1p2): re-mounted. Quota mode: none.'),
    ],
    journal: [
      journalLine(
        death + 3000,
        node,
        'dockerd[1650]',
        `time="${new Date(death + 3000).toISOString()}" level=info msg="Container 81ce04 exited" exitCode=1 restartPolicy=no`,
      ),
    ],
  }
}
