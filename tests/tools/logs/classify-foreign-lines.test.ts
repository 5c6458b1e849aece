import { expect, test } from 'vitest'
import { classifyLogLines } from '../../../tools/index.ts'
import { casesOf, verdictOf } from './support/verdicts.ts'

// Lines of real programs and log collectors that the fixtures do not contain.
test.each(
  casesOf({
    'error cause_candidate cuda_out_of_memory': [
      '{"level":"error","ts":"2026-02-17T14:00:10Z","msg":"CUDA out of memory. Tried to allocate 2 GiB"}',
      '2026-02-17 14:00:10,123 - vllm.engine - ERROR - CUDA error: out of memory',
      '#033[36m(EngineCore_0 pid=9)#033[0m torch.OutOfMemoryError: CUDA out of memory.',
    ],
    'error cascade engine_dead': [
      '{"log":"ERROR 02-17 14:00:10 [core.py:718] EngineCore failed to start.\\n","stream":"stderr"}',
      "ERROR 02-17 14:00:10 engine.py:135] RuntimeError('Engine process failed to start')",
      'RuntimeError: Engine process failed to start. See stack trace for the root cause.',
      'ERROR 02-17 14:00:10 [core.py:396] EngineCore hit an exception: Traceback (most recent call last):',
    ],
    'critical cause_candidate xid': [
      '{"MESSAGE":"NVRM: Xid (PCI:0000:3b:00): 79, pid=1","PRIORITY":"2","_TRANSPORT":"kernel"}',
    ],
    'error cause_candidate cuda_error': [
      '{"levelname":"ERROR","message":"step failed","exc_info":"Traceback\\nRuntimeError: CUDA error: x"}',
      '[36m(EngineCore_DP0 pid=99)[0;0m ERROR 02-17 14:00:10 [core.py:793] torch.AcceleratorError: CUDA error: device-side assert',
    ],
    'warning unclassified other': [
      '{"level":"warning","message":"slow"}',
      'Feb 17 14:00:10 node vllm[1]: WARNING 02-17 14:00:10 [a.py:1] odd',
    ],
    'error unclassified other': [
      `{"level":"error","message":"${'x'.repeat(5000)}"}`,
      'vllm-1  | ERROR 02-17 14:00:10 [a.py:1] odd',
      '2026-02-17T14:00:10.123456789Z stderr F (APIServer pid=1) ERROR 02-17 14:00:10 [a.py:1] odd',
      '[pod/vllm-0/vllm] ERROR 02-17 14:00:10 [a.py:1] odd',
    ],
    'error cause_candidate xid': ['2026-02-17 14:00:10 node kernel: NVRM: Xid (PCI:0000:3b:00): 95, Uncontained'],
    'warning cause_candidate nccl_truncated': [
      '[2026-02-17T14:00:10.123+0000] n1:12:13 [0] NCCL WARN NET/Socket : peer 10.0.0.2<1> message truncated : receiving 8 bytes instead of 4.',
    ],
    'critical cascade engine_dead': [
      'CRITICAL 02-17 14:00:10 launcher.py:99] MQLLMEngine is already dead, terminating server process',
    ],
    'error cascade worker_died': ['torch.distributed.elastic.multiprocessing.errors.ChildFailedError:'],
    'error cascade server_error': [
      'ERROR:    Exception in ASGI application',
      '(APIServer pid=1) ERROR 02-17 14:00:10 [serving_chat.py:1000] Error in chat completion stream generator.',
    ],
    'critical cascade nccl_teardown': [
      '[rank3]:[F217 12:09:01.1 ProcessGroupNCCL.cpp:1557] [PG 0 Rank 3] Terminating the process after attempting to dump debug info, due to collective timeout or exception.',
    ],
    'error cause_candidate cuda_ecc': [
      '[rank3]:[E217 12:00:01.1 ProcessGroupNCCL.cpp:1414] [PG 0 Rank 3] Process group watchdog thread terminated with exception: CUDA error: uncorrectable ECC error encountered',
    ],
    'warning cascade nccl_peer_gone': [
      'n:1:2 [0] misc/socket.cc:484 NCCL WARN socketStartConnect: Connect to 10.0.0.2<4> failed : Connection refused',
    ],
    'warning cause_candidate nccl_socket': [
      'n:1:2 [0] misc/socket.cc:484 NCCL WARN socketPollConnect: Connect to 10.0.0.2<4> returned 113(No route to host)',
    ],
    'warning cause_candidate nccl_ib': [
      'n:1:2 [0] transport/net_ib.cc:99 NCCL WARN NET/IB : mlx5_0:1 Got async event : port error',
    ],
    'warning benign link_recovered': [
      'n:1:2 [0] transport/net_ib.cc:99 NCCL WARN NET/IB : mlx5_0:1 Got non-fatal async event: port active(9)',
    ],
    'warning cause_candidate nccl_configuration': [
      'n:1:2 [0] init.cc:1 NCCL WARN Duplicate GPU detected : rank 1 and rank 0 both on CUDA device 50',
    ],
    'warning cause_candidate shared_memory': [
      'n:1:2 [0] misc/shmutils.cc:72 NCCL WARN Error: failed to extend /dev/shm/nccl-x to 9637892 bytes',
    ],
    'warning benign corrected_error': ['[ 12.5] {1}[Hardware Error]: event severity: corrected'],
    'error cause_candidate hardware_error': [
      '[ 12.5] EDAC MC0: 1 UE memory read error on CPU_SrcID#0',
      "[ 12.5] nvidia 0000:18:00.0: AER: can't recover (no error_detected callback)",
    ],
    'error cause_candidate link_error': ['[ 12.5] ixgbe 0000:03:00.0 eth0: NIC Link is Down'],
    'error cause_candidate kernel_bug': ['[ 12.5] Kernel panic - not syncing: Fatal exception'],
    'error cause_candidate hung_task': [
      '[ 12.5] INFO: task python3:77 blocked for more than 122 seconds.',
      'Feb 17 14:00:10 node kernel: INFO: task python3:77 blocked for more than 122 seconds.',
    ],
    'error cascade killed': [
      'Feb 17 14:00:10 node systemd[1]: vllm.service: Main process exited, code=killed, status=9/KILL',
      'Aborted (core dumped)',
    ],
    'error cascade oom_report': [
      'Feb 17 14:00:10 node systemd[1]: vllm.service: A process of this unit has been killed by the OOM killer.',
    ],
    'warning benign ssh_noise': [
      'Feb 17 14:00:10 node sshd[22]: Connection reset by peer 1.2.3.4 port 12345 [preauth]',
    ],
    // Programs without levels: a line that states a failure is a candidate, a listing or a consequence is not.
    'error cause_candidate other': [
      'nvshmem setup connections failed',
      'engine_init: could not open /dev/x',
      '2022/05/13 23:09:23 Failed to load the plugin',
      "ERROR 12-09 00:49:29 engine.py:366] 'layers.0.mlp.down_proj.weight.absmax'",
    ],
    'info unclassified other': [
      'vllm-0                    0/1     Error              3          5m',
      'Health check passed after 2 failures.',
      'Waiting for the port, which is not ready',
      '[   10.2] cfg80211: failed to load regulatory.db',
    ],
    'error cause_candidate gpu_lost': ['Unable to determine the device handle for GPU0000:3B:00.0: Unknown Error'],
    'error benign shutdown': ['ERROR 02-17 14:00:10 [core.py:710] concurrent.futures._base.CancelledError'],
    'error cause_candidate rendezvous_timeout': [
      '[E217 10:00:00.0 socket.cpp:1019] [c10d] The client socket has timed out after 60000ms while trying to connect to (10.0.0.1, 29500).',
    ],
    'info cascade shared_memory_broadcast': [
      'INFO 02-17 14:00:10 [shm_broadcast.py:466] No available shared memory broadcast blocks found in 60 seconds.',
    ],
    'error cause_candidate gpu_hang': [
      '[ 12.5] NVRM: krcWatchdog_IMPL: RC watchdog: GPU is probably locked!  Notify Timeout Seconds: 7',
    ],
    'error cause_candidate segmentation_fault': ['Fatal Python error: Segmentation fault'],
    'error cause_candidate exception': ['triton.runtime.errors.OutOfResources: out of resource: shared memory'],
  }),
)('%s → %s', (line, expected) => {
  const [found] = classifyLogLines([line])
  expect(verdictOf(found?.level, found?.kind, found?.class)).toBe(expected)
})
