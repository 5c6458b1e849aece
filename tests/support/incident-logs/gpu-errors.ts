import type { Scenario } from '../../../fixtures/scenario.ts'
import { engineDeath, engineLog, initializationFailed } from '../engine-log.ts'
import { core, worker } from '../engine-process.ts'
import {
  engineLine,
  engineTraceback,
  type IncidentLogs,
  journalLine,
  kernelLine,
  kernelLines,
  type LogLine,
} from '../log-line.ts'
import { placeOf } from '../log-places.ts'
import { startupLog, startupSeconds } from '../startup-log.ts'
import {
  addressOf,
  applicationXid,
  correctable,
  crashLoop,
  crashLoopJournal,
  deathOf,
  restarts,
  startOf,
  tooLong,
} from './common.ts'

const frames = [
  'vllm/v1/executor/multiproc_executor.py:824 worker_busy_loop | output = func(*args, **kwargs)',
  'vllm/v1/worker/worker_base.py:365 execute_model | return self.worker.execute_model(scheduler_output)',
  'vllm/v1/worker/gpu_worker.py:641 execute_model | output = self.model_runner.execute_model(',
  'vllm/v1/worker/gpu_model_runner.py:3405 execute_model | model_output = self._model_forward(',
  'vllm/v1/worker/gpu_model_runner.py:3620 _bookkeeping_sync | valid_sampled_token_ids = self._to_list(sampled_token_ids)',
  'vllm/v1/worker/gpu_model_runner.py:5240 _to_list | self.transfer_event.synchronize()',
]
const asynchronous =
  'CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be incorrect.\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1\nCompile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.'

/** GPU 2 falls off the bus. The pod's restarts find seven GPUs and a driver that does not respond for the eighth. */
export function nvidiaXid(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  const death = deathOf(scenario)
  const { node } = scenario.deployment.placement
  const address = addressOf(scenario, 2)
  const loop = crashLoop(scenario, death + 2000, 25)
  return {
    vllm: [
      ...engineLog(scenario, { accessEvery: 3 }),
      ...tooLong(scenario, start + 133_000, 36_000),
      ...engineTraceback(
        death + 100,
        worker(scenario, 2),
        placeOf(scenario, 'workerException'),
        'WorkerProc hit an exception.',
        frames,
        `torch.AcceleratorError: CUDA error: unspecified launch failure\n${asynchronous}`,
      ),
      ...coreDeath(
        scenario,
        death + 200,
        2,
        "RuntimeError: Worker failed with error 'CUDA error: unspecified launch failure', please check the stack trace above for the root cause",
      ),
      ...engineDeath(scenario, death),
      ...restarts(loop, (at, attempt) => [
        ...startupLog(scenario, at, attempt).filter(({ time }) => time < at + 20_000),
        ...engineTraceback(
          at + 21_000,
          worker(scenario, 2),
          placeOf(scenario, 'workerFailedToStart'),
          'WorkerProc failed to start.',
          [
            'vllm/v1/executor/multiproc_executor.py:736 worker_main | worker = WorkerProc(*args, **kwargs)',
            'vllm/v1/worker/gpu_worker.py:233 init_device | current_platform.set_device(self.device)',
            'torch/cuda/__init__.py:417 _lazy_init | torch._C._cuda_init()',
          ],
          'RuntimeError: CUDA unknown error - this may be due to an incorrectly set up environment, e.g. changing env variable CUDA_VISIBLE_DEVICES after program start. Setting the available devices to be zero.',
        ),
        engineLine(at + 22_000, core, placeOf(scenario, 'failedToStart'), 'EngineCore failed to start.', 'ERROR'),
        initializationFailed(at + 23_000),
      ]),
    ],
    dmesg: [
      // Distractors: a remapped row on another GPU at night, and an error of an application.
      kernelLine(
        start - 27_000_000,
        `NVRM: Xid (PCI:${addressOf(scenario, 6)}): 63, pid='<unknown>', name=<unknown>, Row Remapper: New row (0x000000000132a4c0) marked for remapping, reset gpu to activate.`,
      ),
      applicationXid(start - 15_400_000, scenario),
      ...correctable(start - 2_100_000),
      kernelLine(death - 1000, 'pcieport 0000:4c:00.0: pciehp: Slot(3): Link Down'),
      ...kernelLines(death, [
        `NVRM: GPU at PCI:${address}: GPU-6f0d1c52-8f5e-7b55-3b0c-0d2a6a61f0c4`,
        'NVRM: GPU Board Serial Number: 1652923033142',
        `NVRM: Xid (PCI:${address}): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.`,
        `NVRM: GPU ${address}.0: GPU has fallen off the bus.`,
        `NVRM: GPU ${address}.0: GPU serial number is 1652923033142.`,
        `NVRM: Xid (PCI:${address}): 154, pid='<unknown>', name=<unknown>, GPU recovery action changed from 0x0 (None) to 0x2 (Node Reboot Required)`,
        'NVRM: A GPU crash dump has been created. If possible, please run',
        'NVRM: nvidia-bug-report.sh as root to collect this data before',
        'NVRM: the NVIDIA kernel module is unloaded.',
      ]),
      ...[0, 1, 3].map((gpu) =>
        kernelLine(
          death + 2000,
          `NVRM: Xid (PCI:${addressOf(scenario, gpu)}): 45, pid=${48_311 + gpu}, name=VLLM::Worker_TP, Ch 0000000e`,
        ),
      ),
      ...[60, 120, 240, 360].map((second) =>
        kernelLine(death + second * 1000, `NVRM: rm_init_adapter failed for GPU ${address}.0`),
      ),
    ],
    journal: [
      ...[5, 65, 185].map((second) =>
        journalLine(
          death + second * 1000,
          node,
          'dcgm-exporter[2290]',
          `time="${new Date(death + second * 1000).toISOString().slice(0, 19)}Z" level=error msg="Failed to collect metrics" error="GPU is lost" gpu=2`,
        ),
      ),
      ...crashLoopJournal(loop, scenario, 1),
    ],
  }
}

/** Uncorrectable errors in the memory of GPU 5. The row is remapped when the GPU is reset. */
export function cudaEccUncorrectable(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  const death = deathOf(scenario)
  const { node } = scenario.deployment.placement
  const address = addressOf(scenario, 5)
  const loaded = startupSeconds(scenario).loaded * 1000
  const loop = crashLoop(scenario, death + 2000, loaded / 1000 + 16)
  const failure = 'torch.AcceleratorError: CUDA error: uncorrectable ECC error encountered'
  const worker5 = worker(scenario, 5)
  return {
    vllm: [
      ...engineLog(scenario, { accessEvery: 3 }),
      ...tooLong(scenario, start + 301_000, 34_001),
      ...engineTraceback(
        death,
        worker5,
        placeOf(scenario, 'workerException'),
        'WorkerProc hit an exception.',
        frames,
        `${failure}\n${asynchronous}`,
      ),
      ...[0, 3].map((rank) =>
        engineLine(
          death + 300,
          worker(scenario, rank),
          placeOf(scenario, 'workerException'),
          '[rank' +
            rank +
            ']: torch.distributed.DistBackendError: NCCL communicator was aborted on rank ' +
            rank +
            ': remote process exited or there was a network error',
          'ERROR',
        ),
      ),
      ...coreDeath(
        scenario,
        death + 200,
        5,
        "RuntimeError: Worker failed with error 'CUDA error: uncorrectable ECC error encountered', please check the stack trace above for the root cause",
      ),
      ...engineDeath(scenario, death),
      ...restarts(loop, (at, attempt) => [
        ...startupLog(scenario, at, attempt).filter(({ time }) => time < at + loaded + 1000),
        ...engineTraceback(
          at + loaded + 13_000,
          worker5,
          placeOf(scenario, 'workerFailedToStart'),
          'WorkerProc failed to start.',
          [
            'vllm/v1/worker/gpu_worker.py:300 determine_available_memory | self.model_runner.profile_run()',
            'vllm/v1/worker/gpu_model_runner.py:4460 profile_run | hidden_states, last_hidden_states = self._dummy_run(',
            'vllm/model_executor/models/llama.py:395 forward | hidden_states, residual = layer(positions, hidden_states, residual)',
          ],
          `${failure}\n${asynchronous}`,
        ),
        initializationFailed(at + loaded + 14_000),
      ]),
    ],
    dmesg: [
      // Distractor: single-bit errors on another GPU, which ECC corrects.
      kernelLine(
        start - 9_000_000,
        `NVRM: Xid (PCI:${addressOf(scenario, 1)}): 92, pid=1811, name=dcgm-exporter, High single-bit ECC error rate`,
      ),
      ...correctable(start - 4_000_000),
      ...kernelLines(death - 1000, [
        `NVRM: GPU at PCI:${address}: GPU-0a7be1c3-42d1-b6b4-9c51-4fd1a7f8be11`,
        `NVRM: Xid (PCI:${address}): 48, pid='<unknown>', name=<unknown>, An uncorrectable double bit error (DBE) has been detected on GPU5 in the framebuffer at partition 6, subpartition 1.`,
        `NVRM: Xid (PCI:${address}): 63, pid='<unknown>', name=<unknown>, Row Remapper: New row (0x0000000002fb1e80) marked for remapping, reset gpu to activate.`,
        `NVRM: Xid (PCI:${address}): 94, pid=48316, name=VLLM::Worker_TP, Contained: HBM (0xa,0x0). RST: No, D-RST: Yes`,
        `NVRM: Xid (PCI:${address}): 154, pid='<unknown>', name=<unknown>, GPU recovery action changed from 0x0 (None) to 0x4 (Drain and Reset)`,
      ]),
      ...[0, 1, 2].map((gpu) =>
        kernelLine(
          death + 1000,
          `NVRM: Xid (PCI:${addressOf(scenario, gpu)}): 45, pid=${48_311 + gpu}, name=VLLM::Worker_TP, Ch 0000000e`,
        ),
      ),
      ...kernelLines(death + 130_000, [
        `NVRM: Xid (PCI:${address}): 48, pid='<unknown>', name=<unknown>, An uncorrectable double bit error (DBE) has been detected on GPU5 in the framebuffer at partition 6, subpartition 1.`,
      ]),
    ],
    journal: [
      journalLine(
        death + 4000,
        node,
        'dcgm-exporter[2290]',
        `time="${new Date(death + 4000).toISOString().slice(0, 19)}Z" level=warning msg="Health watch" gpu=5 system=MEM error="row remap pending"`,
      ),
      ...crashLoopJournal(loop, scenario, 1),
    ],
  }
}

function coreDeath(scenario: Scenario, time: number, rank: number, error: string): LogLine[] {
  return [
    engineLine(
      time,
      core,
      'dump_input.py:72',
      `Dumping input data for V1 LLM engine (v${scenario.deployment.vllm_version}) with config: model='${scenario.deployment.model}'`,
      'ERROR',
    ),
    ...engineTraceback(
      time,
      core,
      placeOf(scenario, 'fatal'),
      'EngineCore encountered a fatal error.',
      [
        'vllm/v1/engine/core.py:927 run_engine_core | engine_core.run_busy_loop()',
        'vllm/v1/engine/core.py:954 run_busy_loop | self._process_engine_step()',
        'vllm/v1/executor/multiproc_executor.py:357 collective_rpc | return aggregate(get_response())',
      ],
      error,
    ),
    engineLine(
      time + 100,
      core,
      placeOf(scenario, 'workerDied'),
      `Worker proc VllmWorker-${rank} died unexpectedly, shutting down executor.`,
      'ERROR',
    ),
  ]
}
