import { expect, test } from 'vitest'
import { groupLogLines } from '../../../tools/index.ts'

const near = Date.parse('2026-02-17T14:00:00Z')

/** A line of `dmesg -T`, some seconds after 14:00. */
const dmesg = (seconds: number, text: string) =>
  `[Tue Feb 17 ${new Date(near + seconds * 1000).toISOString().slice(11, 19)} 2026] ${text}`
const kindsOf = (lines: readonly string[]) => groupLogLines(lines, near).map(({ kind, count }) => `${kind} ${count}`)

test.each([
  ['mlx5_core 0000:9a:00.1 ens3f1np1: Link down', 'mlx5_core 0000:9a:00.1 ens3f1np1: Link up'],
  [
    'bond0: link status definitely down for interface eth0, disabling it',
    'bond0: link status definitely up for interface eth0',
  ],
  ['ixgbe 0000:03:00.0 eth0: NIC Link is Down', 'ixgbe 0000:03:00.0 eth0: NIC Link is Up 10 Gbps, Flow Control: RX/TX'],
])('a link that is up again after some seconds is shown, but not called a cause: %s', (down, up) => {
  expect(groupLogLines([dmesg(0, down), dmesg(3, up)], near)).toMatchObject([
    { kind: 'unclassified', message: down, detail: 'The link was up again after 3 s.' },
  ])
  expect(kindsOf([`[  100.5] ${down}`, `[  103.5] ${up}`])).toEqual(['unclassified 1'])
  expect(kindsOf([dmesg(0, down), dmesg(60, up)])).toEqual(['cause_candidate 1'])
  expect(kindsOf([dmesg(0, down)])).toEqual(['cause_candidate 1'])
})

test('a link that comes up says nothing about another one', () => {
  const lines = [
    dmesg(0, 'mlx5_core 0000:9a:00.1 ens3f1np1: Link down'),
    dmesg(3, 'mlx5_core 0000:9a:00.0 ens3f0np0: Link up'),
  ]
  expect(kindsOf(lines)).toEqual(['cause_candidate 1'])
})

test('a link that goes down again and again is a cause', () => {
  const port = 'mlx5_core 0000:9a:00.1 ens3f1np1'
  const lines = [0, 60, 120, 180].flatMap((at) => [dmesg(at, `${port}: Link down`), dmesg(at + 2, `${port}: Link up`)])
  expect(kindsOf(lines)).toEqual(['cause_candidate 4'])
  expect(kindsOf(lines.slice(0, 6))).toEqual(['unclassified 3'])
})
