import fc from 'fast-check'
import { expect, test } from 'vitest'
import { classifyLogLines } from '../../../tools/index.ts'
import { casesOf, verdictOf } from './support/verdicts.ts'

test.each(
  casesOf({
    'cause_candidate cpu_soft_lockup': [
      '[Wed Jan 14 07:11:20 2026] watchdog: BUG: soft lockup - CPU#5 stuck for 24s! [kworker/u8:2+a.b:911]',
      '<3>[ 8812.1] watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [kworker/3:1:77]',
    ],
    'cause_candidate linux_oom_kill': [
      '[123.4] python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=984',
      'kern  :err   : 2026-01-21T10:06:31,250000+00:00 Memory cgroup out of memory: Killed process 40112 (node) total-vm:1kB',
      'Out of memory: Kill process 77 (python) score 901 or sacrifice child',
    ],
    'cause_candidate xid': [
      '[Mon Jan 12 03:00:09 2026] NVRM: Xid (PCI:0000:3b:00): 119, pid=7781, name=dcgmi, Timeout after 6s',
      '4,1042,88123000,-;NVRM: Xid (PCI:0000:3b:00): 95, pid=1, name=python3, Uncontained',
    ],
    'benign xid_informational': ['NVRM: Xid (PCI:0000:3b:00): 63, Row remapping event'],
    'cascade xid_following': [
      "NVRM: Xid (0000:03:00): 45, pid='<unknown>', Ch 00000008",
      '2026-03-10T13:01:36+0000 n1 kernel: NVRM: Xid (PCI:0000:3b:00): 154, GPU recovery action changed',
    ],
    'cause_candidate gpu_lost': ['NVRM: GPU 0000:29:00.0: GPU has fallen off the bus.'],
    'cause_candidate nccl_ib': [
      'gpu-9:311:502 [0] transport/net_ib.cc:1180 NCCL WARN NET/IB : Got completion from peer 10.7.0.9<40102> with error 12, opcode 0',
    ],
    'cascade nccl_peer_gone': [
      'n:1:2 [0] misc/socket.cc:49 NCCL WARN socketProgress: Connection closed by remote peer gpu-2<41022>',
    ],
    'cause_candidate nccl_truncated': [
      'n:1:2 [0] NCCL WARN NET/Socket : peer 10.0.0.2<4> message truncated : receiving 1048576 bytes instead of 65536.',
      'n:1:2 [0] bootstrap.cc:77 NCCL WARN Message truncated : received 64 bytes instead of 32',
    ],
    'cause_candidate nccl_timeout': [
      '[Rank 3] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=1, OpType=ALLREDUCE)',
      '[rank3]:[E312 13:01:36.123456789 ProcessGroupNCCL.cpp:632] [Rank 3] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=9, OpType=ALLREDUCE) ran for 600059 milliseconds before timing out.',
    ],
    'cause_candidate cuda_ecc': ['RuntimeError: CUDA error: uncorrectable ECC error encountered'],
    'cause_candidate cuda_out_of_memory': [
      '(Worker_TP0 pid=3) ERROR 02-17 14:00:00 [multiproc_executor.py:1] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 232.00 MiB.',
      'RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 23.70 GiB total capacity; 20.11 GiB already allocated)',
      '\u001b[36m(RayWorkerWrapper pid=7)\u001b[0m torch.OutOfMemoryError: CUDA out of memory.',
    ],
    'cause_candidate kv_cache_memory': [
      '(EngineCore_DP0 pid=9) ERROR 02-17 14:00:00 [core.py:936] ValueError: No available memory for the cache blocks.',
      "To serve at least one request with the model's max seq len (65536), (8.00 GiB KV cache is needed, which is larger than the available KV cache memory (5.11 GiB).",
    ],
    'cascade engine_dead': [
      '(APIServer pid=1) ERROR 02-17 14:00:00 [async_llm.py:5] EngineCore encountered an issue. See stack trace (above) for the root cause.',
      'ERROR 02-10 12:00:00 engine.py:389] AsyncEngineDeadError: Background loop is not running.',
      '(EngineCore_DP0 pid=9) ERROR 02-17 14:00:00 [core.py:936] EngineCore encountered a fatal error.',
    ],
    'cascade shared_memory_broadcast': [
      'INFO 01-11 03:46:41 [shm_broadcast.py:542] No available shared memory broadcast block found in 60 seconds.',
    ],
    'unclassified other': ['(APIServer pid=1) ERROR 02-17 14:00:00 [x.py:5] something nobody has seen before'],
    'cause_candidate other': ['(EngineCore pid=1) ERROR 02-17 14:00:00 [x.py:5] the frobnicator failed'],
    'benign startup_wait': [
      'DEBUG 01-29 10:00:00 [utils.py:1] Waiting for 1 local, 0 remote core engine proc(s) to start.',
    ],
    'request_error client_error': [
      '(APIServer pid=1) INFO:     10.0.0.1:5 - "POST /v1/chat/completions HTTP/1.1" 400 Bad Request',
    ],
    'cause_candidate kv_preemption': [
      'WARNING 01-11 03:46:41 scheduler.py:1754] Sequence group 7 is preempted by PreemptionMode.RECOMPUTE mode because there is not enough KV cache space.',
    ],
    'cascade worker_died': [
      "(EngineCore_DP0 pid=9) ERROR 02-17 14:00:00 [core.py:936] RuntimeError: Worker failed with error 'cancelled', please check the stack trace above for the root cause",
    ],
    'cause_candidate sampler_memory': [
      'RuntimeError: CUDA out of memory occurred when warming up sampler with 1024 dummy requests. Please try lowering `max_num_seqs`',
    ],
    'cause_candidate gpu_memory_taken': [
      'ValueError: Free memory on device cuda:0 (3.10/23.57 GiB) on startup is less than desired GPU memory utilization (0.9, 21.21 GiB).',
    ],
    'cause_candidate graph_capture_memory': [
      'RuntimeError: Capturing CUDA graphs failed. torch.OutOfMemoryError: CUDA out of memory.',
    ],
    'benign shutdown': [
      '[rank0]:[W312 13:01:36.120000000 ProcessGroupNCCL.cpp:1476] Warning: WARNING: destroy_process_group() was not called before program exit',
    ],
    'cascade nccl_result': ['n-2:311:502 [0] NCCL INFO transport/net.cc:1100 -> 6'],
    'cascade nccl_flush': [
      '[2026-03-10 13:01:36] n:1:2 [0] transport/net_ib.cc:2270 NCCL WARN NET/IB: Got completion from peer 10.0.0.2<1> with status=IBV_WC_WR_FLUSH_ERR(5) opcode=IBV_WC_SEND(0)',
    ],
    'cascade ray_task': ['ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.'],
    'cause_candidate ray_memory_monitor': ['(raylet) 1 Workers (tasks / actors) killed due to memory pressure (OOM)'],
    'cause_candidate hung_task': ['INFO: task python3:77 blocked for more than 120 seconds.'],
    'cascade killed': ['Killed'],
    'cause_candidate cuda_driver': [
      'RuntimeError: CUDA error: system has unsupported display driver / cuda driver combination (Error 803)',
      'Failed to initialize NVML: Driver/library version mismatch',
    ],
    'cause_candidate cuda_unavailable': [
      'RuntimeError: No CUDA GPUs are available',
      'Failed to initialize NVML: Unknown Error',
    ],
    'benign nvswitch_nonfatal': ['nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 12028, Non-fatal, Link 32'],
  }),
)('%s → %s', (line, expected) => {
  const [found] = classifyLogLines([line])
  expect(verdictOf(found?.kind, found?.class)).toBe(expected)
})

test.each([
  [
    '(APIServer pid=1) INFO 02-17 14:00:10 [loggers.py:257] Engine 000: Avg prompt throughput: 0.0 tokens/s',
    'info',
    'Engine 000: Avg prompt throughput: 0.0 tokens/s',
  ],
  ['Feb 17 14:00:10 node-1 systemd[1]: Started x.service.', 'info', 'Started x.service.'],
  [
    '  File "/usr/lib/python3.12/asyncio/base_events.py", line 1',
    'info',
    '  File "/usr/lib/python3.12/asyncio/base_events.py", line 1',
  ],
  ['', 'info', ''],
])('%s has level %s and is not a failure', (line, level, message) => {
  expect(classifyLogLines([line])).toEqual([{ line, level, message }])
})

test.each([
  ['(EngineCore_DP0 pid=1) (Worker_TP0 pid=2) WARNING 02-17 14:00:10 [a.py:2] careful', 'careful'],
  ['kern  :warn  : 2026-01-21T10:06:31,250000+00:00 something', 'something'],
])('%s has level warning and is shown as unclassified', (line, message) => {
  expect(classifyLogLines([line])).toEqual([{ line, level: 'warning', message, kind: 'unclassified', class: 'other' }])
})

test.each([
  [
    'NVRM: Xid (PCI:0000:3b:00): 79, pid=1, GPU has fallen off the bus.',
    'Xid 79: GPU has fallen off the bus.',
    'RESTART_BM',
  ],
  ['NVRM: GPU 0000:29:00.0: GPU has fallen off the bus.', 'Xid 79', 'RESTART_BM'],
  ['NVRM: Xid (PCI:0000:3b:00): 48, An uncorrectable double bit error', 'double-bit ECC', 'WORKFLOW_XID_48'],
  ['NVRM: Xid (PCI:0000:3b:00): 119, Timeout', 'Xid 119', 'RESET_GPU'],
  ['NVRM: Xid (PCI:0000:3b:00): 31, Ch 1', 'page fault', 'RESTART_APP'],
  ['NVRM: Xid (PCI:0000:3b:00): 63, Row', 'remapped', 'IGNORE'],
  ['NVRM: Xid (PCI:0000:3b:00): 149, NETIR', 'NVLink 5', 'WORKFLOW_NVLINK5_ERR'],
  ['NVRM: Xid (PCI:0000:3b:00): 149, NETIR_LINK_EVT  Nonfatal XC0 i0', 'NVLink 5', 'Severity in the line: nonfatal.'],
  [
    'NVRM: Xid (PCI:0000:3b:00): 154, GPU recovery action changed from 0x0 (None) to 0x4 (Drain and Reset)',
    'recovery action',
    'to "Drain and Reset"',
  ],
  [
    'NVRM: Xid (PCI:0000:3b:00): 45, pid=1, name=python3, Ch 00000001 caused by previous Xid 149',
    'preemptive cleanup',
    'the earlier Xid 149 (NVLink 5 error)',
  ],
  [
    'NVRM: Xid (PCI:0000:3b:00): 154, pid=1, name=python3, GPU recovery action changed from None to Node Reboot Required',
    'from "None"',
    'to "Node Reboot Required"',
  ],
  [
    'NVRM: Xid (PCI:0000:3b:00): 154, GPU recovery action changed from 0x1 (GPU Reset Required) to 0x2 (Node Reboot Required)',
    'from "GPU Reset Required"',
    'to "Node Reboot Required"',
  ],
  [
    'NVRM: Xid (PCI:0000:3b:00): 45, pid=1, Ch 00000001, caused by previous Xid 999',
    'the earlier Xid 999',
    "(not in NVIDIA's catalogue of 29 October 2025)",
  ],
  ['NVRM: Xid (PCI:0000:3b:00): 92, pid=1', 'IGNORE', 'examined later'],
  ['NVRM: Xid (PCI:0000:3b:00): 99999, unknown error', 'Xid 99999', "not in NVIDIA's catalogue of 29 October 2025"],
  ['NVRM: Xid (PCI:0000:3b:00): 166, pid=1', 'encryption', 'states no action'],
  ['NVRM: Xid (PCI:0000:3b:00): 174, pid=1', 'newer than', 'states no action for it'],
  ['NVRM: Xid (PCI:0000:3b:00): 173, C2C', 'chip-to-chip link', 'states no action'],
  ['NVRM: Xid (PCI:0000:3b:00): 175, pid=1', 'memory subsystem error', 'states no action'],
  ['NVRM: Xid (PCI:0000:3b:00): 999, pid=1', "not in NVIDIA's catalogue of 29 October 2025", 'unknown'],
  ['NCCL WARN NET/IB : Got completion from peer 1.2.3.4<5> with error 13, opcode 1', 'status 13', 'not ready'],
])('%s is explained: %s, %s', (line, meaning, action) => {
  const [found] = classifyLogLines([line])
  expect(found?.detail).toContain(meaning)
  expect(found?.detail).toContain(action)
})

test('a line of a traceback is not a failure, even if it quotes an error', () => {
  const lines = [
    '(Worker_TP0 pid=3) ERROR 02-17 14:00:00 [x.py:1]     raise RuntimeError("CUDA out of memory")',
    '(Worker_TP0 pid=3) ERROR 02-17 14:00:00 [x.py:1] CUDA kernel errors might be asynchronously reported at some other API call',
    '(Worker_TP0 pid=3) ERROR 02-17 14:00:00 [x.py:1] Traceback (most recent call last):',
  ]
  for (const { kind } of classifyLogLines(lines)) expect(kind).toBeUndefined()
})

test('source lines in a traceback keep their indentation after the name of the process', () => {
  const [found] = classifyLogLines(['(EngineCore_0 pid=9)     assert free > 0, "CUDA out of memory"'])
  expect(found?.kind).toBeUndefined()
})

test('every line is classified', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (lines) =>
      classifyLogLines(lines).every(({ line }, index) => line === lines[index]),
    ),
  )
})

test('hostile lines are classified in linear time', () => {
  const lines = ['(', '[', 'NVRM: Xid (', 'NET/IB ', ' corrected', '(a) ', 'aError'].map((part) => part.repeat(20_000))
  expect(classifyLogLines(lines)).toHaveLength(lines.length)
})

test.each([
  [63, 'benign'],
  [106, 'benign'],
  [43, 'unclassified'],
  [92, 'unclassified'],
  [137, 'unclassified'],
  [162, 'unclassified'],
  [176, 'unclassified'],
  [79, 'cause_candidate'],
  [173, 'cause_candidate'],
  [999, 'cause_candidate'],
])('Xid %d is benign only if NVIDIA ignores it at once and later: %s', (code, kind) => {
  const [found] = classifyLogLines([`NVRM: Xid (PCI:0000:3b:00): ${code}, pid=1, name=python3`])
  expect(found?.kind).toBe(kind)
})
