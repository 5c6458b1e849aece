import type { Scenario } from '../../../fixtures/scenario.ts'
import { simulate } from '../../../tools/simulation/simulate.ts'
import { engineDeath, engineLog } from '../engine-log.ts'
import { coreOf } from '../engine-process.ts'
import { engineLine, engineTraceback, type IncidentLogs, kernelLine, kernelLines, type LogLine } from '../log-line.ts'
import { placeOf } from '../log-places.ts'
import { startupLog } from '../startup-log.ts'
import {
  applicationXid,
  correctable,
  crashLoop,
  crashLoopJournal,
  deathOf,
  flappingPort,
  kernel,
  noBroadcastBlock,
  restarts,
  startOf,
} from './common.ts'

/** Seconds from the start of the window to the moment when the worker stops. */
const hangsAtS = 400
/** The NFS server with the Triton cache. */
const server = '10.50.7.12'

/**
 * One worker opens a file of its Triton cache on an NFS server that does not respond; the others wait for it in an
 * all-reduce. NCCL writes nothing. The engine core waits for its workers and gives up after 300 s. The next engine hangs
 * while it starts. Only the kernel log names the cause.
 */
export function tensorParallelHang(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  const death = deathOf(scenario)
  const hang = start + hangsAtS * 1000
  // The next engine hangs until the window ends.
  const loop = crashLoop(scenario, death + 2000, Number.POSITIVE_INFINITY)
  const waits: number[] = []
  for (let time = hang + 60_000; time < death; time += 60_000) waits.push(time)
  return {
    vllm: [
      ...engineLog(scenario, { accessEvery: 2 }),
      ...waits.map((time) => noBroadcastBlock(scenario, time)),
      ...timedOut(scenario, death),
      ...engineDeath(scenario, death),
      ...restarts(loop, (at, attempt) => hangingStart(scenario, at, attempt)),
    ],
    dmesg: [
      // Distractors: an outage of another NFS server that ended hours before, a port without traffic that flaps, an Xid of
      // an application, and corrected PCIe errors.
      kernelLine(start - 9_700_000, 'nfs: server 10.50.3.4 not responding, still trying'),
      kernelLine(start - 9_640_000, 'nfs: server 10.50.3.4 OK'),
      ...flappingPort(start + 142_000),
      applicationXid(start - 18_000_000, scenario),
      ...correctable(start - 500_000),
      ...[431, 612, 793].map((second) =>
        kernelLine(start + second * 1000, `nfs: server ${server} not responding, still trying`),
      ),
      ...[122, 245].flatMap((seconds) => hungTask(hang + (seconds + 11) * 1000, seconds)),
    ],
    journal: crashLoopJournal(loop, scenario, 1),
  }
}

/** The end of the engine core, in the words of vLLM 0.17.1. */
function timedOut(scenario: Scenario, death: number): LogLine[] {
  const { model, vllm_version } = scenario.deployment
  const core = coreOf(scenario)
  const running = simulate(scenario).timeline.findLast(({ endS }) => endS <= hangsAtS)?.running ?? 0
  const dump = (where: string, text: string) => engineLine(death - 100, core, where, text, 'ERROR')
  return [
    dump(
      'dump_input.py:72',
      `Dumping input data for V1 LLM engine (v${vllm_version}) with config: model='${model}', tensor_parallel_size=4, enforce_eager=False, `,
    ),
    dump(
      'dump_input.py:79',
      `Dumping scheduler output for model execution: SchedulerOutput(scheduled_new_reqs=[], scheduled_cached_reqs=CachedRequestData(num_reqs=${running}), total_num_scheduled_tokens=${running})`,
    ),
    ...engineTraceback(
      death,
      core,
      placeOf(scenario, 'fatal'),
      'EngineCore encountered a fatal error.',
      [
        'vllm/v1/engine/core.py:1093 run_engine_core | engine_core.run_busy_loop()',
        'vllm/v1/engine/core.py:1128 run_busy_loop | self._process_engine_step()',
        'vllm/v1/engine/core.py:1165 _process_engine_step | outputs, model_executed = self.step_fn()',
        'vllm/v1/engine/core.py:497 step_with_batch_queue | model_output = future.result()',
        'vllm/v1/executor/multiproc_executor.py:83 result | return super().result()',
        'vllm/v1/executor/multiproc_executor.py:87 wait_for_response | response = self.aggregate(get_response())',
        'vllm/v1/executor/multiproc_executor.py:370 get_response | raise TimeoutError(f"RPC call to {method} timed out.") from e',
      ],
      'TimeoutError: RPC call to sample_tokens timed out.',
    ),
  ]
}

/** The workers of the next engine hang when they import Triton, which opens its cache, before they use a GPU. */
function hangingStart(scenario: Scenario, at: number, attempt: number): LogLine[] {
  return startupLog(scenario, at, attempt).filter(({ time }) => time < at + 19_000)
}

/** The kernel's report about the worker: it waits for the lock of a directory that another process holds. */
function hungTask(time: number, seconds: number): LogLine[] {
  return kernelLines(time, [
    `INFO: task VLLM::Worker_TP:48314 blocked for more than ${seconds} seconds.`,
    `      Tainted: P           OE     ${kernel}`,
    '"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.',
    'task:VLLM::Worker_TP state:D stack:    0 pid:48314 ppid: 48213 flags:0x00000002',
    'Call Trace:',
    ' <TASK>',
    ...[
      '__schedule+0x24e/0x590',
      'schedule+0x69/0x110',
      'rwsem_down_write_slowpath+0x230/0x3e0',
      'down_write+0x47/0x60',
      'open_last_lookups+0x1d1/0x430',
      'path_openat+0x8c/0x2a0',
      'do_filp_open+0xa9/0x150',
      'do_sys_openat2+0x9b/0x160',
      '__x64_sys_openat+0x55/0x90',
      'do_syscall_64+0x5c/0xc0',
      'entry_SYSCALL_64_after_hwframe+0x62/0xcc',
    ].map((symbol) => ` ${symbol}`),
    ' </TASK>',
  ])
}
