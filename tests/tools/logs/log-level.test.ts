import { expect, test } from 'vitest'
import { classifyLogLines } from '../../../tools/index.ts'

test.each([
  ['<3>[ 8812.1] x', 'error'],
  ['3,1042,88123000,-;x', 'error'],
  ['ERROR 02-10 12:00:00 engine.py:389] x', 'error'],
  ['2026-02-17 14:00:10,123\tWARNING services.py:2070 -- x', 'warning'],
  ['[rank3]:[E312 13:01:36.123456789 ProcessGroupNCCL.cpp:632] x', 'error'],
  ['[W CUDAGuardImpl.h:115] x', 'warning'],
  ['time="2026-02-17T14:00:00Z" level=error msg="x"', 'error'],
  ['/usr/lib/python3/x.py:1: UserWarning: x', 'warning'],
  ['[ERROR] x', 'error'],
  ['2026/02/17 14:00:10 [warn] 22#22: x', 'warning'],
  ['2026-02-17 14:00:10.123 | ERROR    | vllm.engine:step:12 - x', 'error'],
  ['2026-02-17T14:00:10.123Z  WARN vllm::router: x', 'warning'],
  ['[2026-02-17 14:00:10,123] torch.distributed.run: [WARNING] x', 'warning'],
  ['error: x', 'error'],
  ['without an error: x', 'info'],
  ['vllm-1  | INFO 02-17 14:00:10 [a.py:1] x', 'info'],
])('%s states level %s', (line, level) => {
  expect(classifyLogLines([line])[0]?.level).toBe(level)
})
