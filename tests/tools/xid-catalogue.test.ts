import { expect, test } from 'vitest'
import { xidIn, xidOf } from '../../tools/xid-catalogue.ts'

test.each([
  [13, 'RESTART_APP', 'restart_engine'],
  [43, 'IGNORE', 'none'],
  [45, 'WORKFLOW_XID_45', undefined],
  [48, 'WORKFLOW_XID_48', 'reset_gpu'],
  [61, 'CONTACT_SUPPORT', 'drain_node'],
  [64, 'RESET_GPU', 'reset_gpu'],
  [74, 'WORKFLOW_NVLINK_ERR', 'drain_node'],
  [79, 'RESTART_BM', 'drain_node'],
  [94, 'RESTART_APP', 'restart_engine'],
  [95, 'RESET_GPU', 'reset_gpu'],
  [100, 'RESTART_APP', 'restart_engine'],
  [111, 'CONTACT_SUPPORT', 'drain_node'],
  [119, 'RESET_GPU', 'reset_gpu'],
  [147, 'WORKFLOW_NVLINK5_ERR', 'drain_node'],
  [154, 'XID_154', undefined],
  [172, undefined, undefined],
  [999, undefined, undefined],
])('Xid %d asks for %s, which is the remedy %s', (code, action, remedy) => {
  expect(xidOf(code)).toMatchObject({ code, action, remedy })
  expect(xidOf(code).meaning).not.toBe('')
})

test('the severity orders codes by their remedy', () => {
  const codes = [999, 119, 43, 79, 31, 154]
  const ordered = codes.toSorted((a, b) => xidOf(b).severity - xidOf(a).severity)
  expect(ordered).toEqual([79, 119, 31, 999, 43, 154])
})

test.each([
  ['[1.2] NVRM: Xid (PCI:0000:9b:00): 79, pid=1, GPU has fallen off the bus.', 79, 'NVRM: Xid (PCI:0000:9b:00): 79'],
  ['NVRM: Xid (0000:03:00): 13, Graphics Exception', 13, 'NVRM: Xid (0000:03:00): 13'],
  ['NVRM: GPU 0000:9b:00.0: GPU has fallen off the bus.', 79, 'GPU 0000:9b:00.0: GPU has fallen off the bus'],
])('reads the code and its text from: %s', (line, code, text) => {
  expect(xidIn(line)).toMatchObject({ xid: { code }, text })
})

test.each(['pid=1, GPU has fallen off the bus.', 'NVRM: loading NVIDIA UNIX Open Kernel Module'])(
  'finds no Xid in: %s',
  (line) => {
    expect(xidIn(line)).toBeUndefined()
  },
)
