import { expect, test } from 'vitest'
import { xidOf } from '../../tools/xid-catalogue.ts'

test.each([
  [13, 'RESTART_APP'],
  [43, 'IGNORE'],
  [45, 'WORKFLOW_XID_45'],
  [48, 'WORKFLOW_XID_48'],
  [61, 'CONTACT_SUPPORT'],
  [64, 'RESET_GPU'],
  [74, 'WORKFLOW_NVLINK_ERR'],
  [79, 'RESTART_BM'],
  [94, 'RESTART_APP'],
  [95, 'RESET_GPU'],
  [100, 'RESTART_APP'],
  [111, 'CONTACT_SUPPORT'],
  [119, 'RESET_GPU'],
  [147, 'WORKFLOW_NVLINK5_ERR'],
  [154, 'XID_154'],
  [172, undefined],
  [999, undefined],
])('Xid %d asks for %s', (code, action) => {
  expect(xidOf(code)).toMatchObject({ code, action })
  expect(xidOf(code).meaning).not.toBe('')
})
