import { expect, test } from 'vitest'
import { loadScenario, readLog } from '../../../fixtures/load-scenario.ts'
import { groupLogLines } from '../../../tools/logs/group-log-lines.ts'

const remap = (gpu: string) =>
  `NVRM: Xid (PCI:${gpu}): 63, pid=1, name=x, Row Remapper: New row (0x01) marked for remapping, reset gpu to activate.`
const contained = (gpu: string) => `NVRM: Xid (PCI:${gpu}): 94, pid=1, name=x, Contained`
const recovery = (gpu: string, to: string) =>
  `NVRM: Xid (PCI:${gpu}): 154, pid=1, GPU recovery action changed from 0x0 (None) to 0x4 (${to})`

/** Finding with a code in the order of the log lines. */
const find = (lines: readonly string[], code: number) =>
  groupLogLines(lines).find(({ message }) => message.includes(`): ${code},`))

test.each([
  ['Xid 94', contained('0000:90:00')],
  ['Xid 95', 'NVRM: Xid (PCI:0000:90:00): 95, pid=1, Uncontained'],
  ['Xid 48', 'NVRM: Xid (PCI:0000:90:00): 48, pid=1, DBE'],
  ['Xid 154', recovery('0000:90:00', 'Drain and Reset')],
  ['a pending remap', 'GPU 00000000:90:00.0: row remapping pending'],
])('Xid 63 is a cause candidate on a GPU that also reports %s', (company, line) => {
  for (const lines of [
    [remap('0000:90:00'), line],
    [line, remap('0000:90:00')],
  ]) {
    expect(find(lines, 63)).toMatchObject({ kind: 'cause_candidate', class: 'xid' })
    expect(find(lines, 63)?.detail).toContain(`also reports ${company}`)
  }
})

test.each([
  ['alone', []],
  ['with an error of another GPU', [contained('0000:3b:00')]],
  ['with an error of the same address on another host', [`Feb 24 05:08:40 n2 kernel: ${contained('0000:90:00')}`]],
  ['with an unrelated Xid of the same GPU', ['NVRM: Xid (PCI:0000:90:00): 43, pid=1, Ch 8']],
])('Xid 63 %s stays benign', (_, others) => {
  expect(find([remap('0000:90:00'), ...others], 63)).toMatchObject({ kind: 'benign', class: 'xid_informational' })
})

test('the explanation of Xid 94 names the action of Xid 154 on the same GPU', () => {
  const gpu = '0000:90:00'
  expect(find([contained(gpu), recovery(gpu, 'Drain and Reset')], 94)?.detail).toContain(
    'its recovery action "Drain and Reset" counts, a restart is not enough',
  )
  expect(find([remap(gpu), contained(gpu)], 94)?.detail).toContain('a reset of the GPU comes first')
  expect(find([contained(gpu), recovery('0000:3b:00', 'Drain and Reset')], 94)?.detail).toContain('If the same GPU')
  expect(find([contained(gpu), recovery(gpu, 'None')], 94)?.detail).toContain('If the same GPU')
})

test('a built-in incident shows the pending remap as evidence, and that of an idle GPU as informational', () => {
  const errors = readLog(loadScenario('cuda_ecc_uncorrectable'), 'dmesg')
  expect(find(errors, 63)?.kind).toBe('cause_candidate')
  expect(find(errors, 94)?.detail).toContain('"Drain and Reset" counts')
  expect(find(readLog(loadScenario('nvidia_xid'), 'dmesg'), 63)?.kind).toBe('benign')
})
