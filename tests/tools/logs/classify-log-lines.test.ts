import fc from 'fast-check'
import { expect, test } from 'vitest'
import { classifyLogLines } from '../../../tools/index.ts'
import { DurationError, parseDuration } from '../../../tools/logs/duration.ts'
import { timeOf } from '../../../tools/logs/log-time.ts'

test.each([
  [
    '[Sun Jan  5 18:28:55 2025] watchdog: BUG: soft lockup - CPU#18 stuck for 27s! [python3:2254956]',
    'cause_candidate',
    'cpu_soft_lockup',
  ],
  [
    '[123.4] python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=984',
    'cause_candidate',
    'linux_oom_kill',
  ],
  [
    'kern  :err   : 2025-01-21T08:46:30,287197+00:00 Memory cgroup out of memory: Killed process 863987 (node) total-vm:1kB',
    'cause_candidate',
    'linux_oom_kill',
  ],
  [
    '[Sun Feb 23 16:24:18 2025] NVRM: Xid (PCI:0000:9b:00): 119, pid=2024380, name=nvidia-smi, Timeout after 6s',
    'cause_candidate',
    'nvidia_xid',
  ],
  ['NVRM: Xid (PCI:0000:9b:00): 63, Row remapping event', 'benign', 'xid_informational'],
  ["NVRM: Xid (0000:03:00): 45, pid='<unknown>', Ch 00000008", 'cascade', 'xid_following'],
  ['NVRM: GPU 0000:29:00.0: GPU has fallen off the bus.', 'cause_candidate', 'gpu_lost'],
  [
    'node-2:5776:5902 [0] transport/net_ib.cc:1296 NCCL WARN NET/IB : Got completion from peer 10.2.0.5<33092> with error 12, opcode 0',
    'cause_candidate',
    'nccl_ib',
  ],
  [
    'n:1:2 [0] misc/socket.cc:49 NCCL WARN socketProgress: Connection closed by remote peer gpu-2<41022>',
    'cascade',
    'nccl_peer_gone',
  ],
  [
    'n:1:2 [0] NCCL WARN NET/Socket : peer 10.0.0.2<4> message truncated : receiving 1048576 bytes instead of 65536.',
    'cause_candidate',
    'nccl_truncated',
  ],
  [
    '[Rank 3] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=1, OpType=ALLREDUCE)',
    'cause_candidate',
    'nccl_timeout',
  ],
  ['RuntimeError: CUDA error: uncorrectable ECC error encountered', 'cause_candidate', 'cuda_ecc'],
  [
    '(Worker_TP0 pid=3) ERROR 02-17 14:00:00 [multiproc_executor.py:1] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 232.00 MiB.',
    'cause_candidate',
    'cuda_out_of_memory',
  ],
  [
    '(EngineCore_DP0 pid=9) ERROR 02-17 14:00:00 [core.py:936] ValueError: No available memory for the cache blocks.',
    'cause_candidate',
    'kv_cache_memory',
  ],
  [
    '(APIServer pid=1) ERROR 02-17 14:00:00 [async_llm.py:5] EngineCore encountered an issue. See stack trace (above) for the root cause.',
    'cascade',
    'engine_dead',
  ],
  [
    'INFO 01-11 03:46:41 [shm_broadcast.py:542] No available shared memory broadcast block found in 60 seconds.',
    'cascade',
    'shared_memory_broadcast',
  ],
  ['(APIServer pid=1) ERROR 02-17 14:00:00 [x.py:5] something nobody has seen before', 'cause_candidate', 'other'],
  [
    'DEBUG 01-29 10:00:00 [utils.py:1] Waiting for 1 local, 0 remote core engine proc(s) to start.',
    'benign',
    'startup_wait',
  ],
  [
    '(APIServer pid=1) INFO:     10.0.0.1:5 - "POST /v1/chat/completions HTTP/1.1" 400 Bad Request',
    'benign',
    'client_error',
  ],
])('%s → %s, %s', (line, kind, name) => {
  expect(classifyLogLines([line])).toMatchObject([{ kind, class: name }])
})

test.each([
  [
    '(APIServer pid=1) INFO 02-17 14:00:10 [loggers.py:257] Engine 000: Avg prompt throughput: 0.0 tokens/s',
    'info',
    'Engine 000: Avg prompt throughput: 0.0 tokens/s',
  ],
  ['(EngineCore_DP0 pid=1) (Worker_TP0 pid=2) WARNING 02-17 14:00:10 [a.py:2] careful', 'warning', 'careful'],
  ['Feb 17 14:00:10 node-1 systemd[1]: Started x.service.', 'info', 'Started x.service.'],
  ['kern  :warn  : 2025-01-21T08:46:30,287197+00:00 something', 'warning', 'something'],
  [
    '  File "/usr/lib/python3.12/asyncio/base_events.py", line 1',
    'info',
    '  File "/usr/lib/python3.12/asyncio/base_events.py", line 1',
  ],
  ['', 'info', ''],
])('%s has level %s and tells of no failure', (line, level, message) => {
  expect(classifyLogLines([line])).toEqual([{ line, level, message }])
})

test('every line is classified, whatever it is', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (lines) =>
      classifyLogLines(lines).every(({ line }, index) => line === lines[index]),
    ),
  )
})

test('a hostile line costs no more than its length', () => {
  const lines = ['(', '[', 'NVRM: Xid (', 'NET/IB ', ' corrected', '(a) ', 'aError'].map((part) => part.repeat(20_000))
  expect(classifyLogLines(lines)).toHaveLength(lines.length)
})

test.each([
  ['90s', 90_000],
  ['10m', 600_000],
  ['1h30m', 5_400_000],
  ['1.5h', 5_400_000],
  ['250ms', 250],
])('%s is %d ms', (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds)
})

test.each(['', '10', 'm', '-5m', '10 m', '5x', '0s', '1e3s', '99999d', 'last hour'])('"%s" is no duration', (text) => {
  expect(() => parseDuration(text)).toThrow(DurationError)
})

test.each([
  ['(APIServer pid=1) INFO 02-17 14:00:10 [a.py:1] x', '2026-02-17T14:00:10.000Z'],
  ['[Tue Feb 17 14:00:10 2026] x', '2026-02-17T14:00:10.000Z'],
  ['Feb 17 14:00:10 node unit: x', '2026-02-17T14:00:10.000Z'],
  ['kern  :warn  : 2026-02-17T15:00:10,250000+01:00 x', '2026-02-17T14:00:10.250Z'],
  ['Dec 31 23:59:59 node unit: x', '2025-12-31T23:59:59.000Z'],
])('%s was written at %s', (line, time) => {
  expect(timeOf(line, Date.parse('2026-02-17T14:15:00Z'))).toBe(Date.parse(time))
})
