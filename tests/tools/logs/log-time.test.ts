import { expect, test } from 'vitest'
import { DurationError } from '../../../tools/errors.ts'
import { timeOf } from '../../../tools/logs/log-time.ts'
import { parseDuration, parseWindow } from '../../../tools/logs/log-window.ts'

test.each([
  ['90s', 90_000],
  ['10m', 600_000],
  ['1h30m', 5_400_000],
  ['1.5h', 5_400_000],
  ['250ms', 250],
])('%s is %d ms', (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds)
})

test.each(['', '10', 'm', '-5m', '10 m', '5x', '0s', '1e3s', '99999d', 'last hour'])(
  '"%s" is not a duration',
  (text) => {
    expect(() => parseDuration(text)).toThrow(DurationError)
  },
)

test.each([
  ['(APIServer pid=1) INFO 02-17 14:00:10 [a.py:1] x', '2026-02-17T14:00:10.000Z'],
  ['[pod/vllm-decode-0/vllm] (APIServer pid=1) INFO 02-17 14:00:10 [a.py:1] x', '2026-02-17T14:00:10.000Z'],
  ['[Tue Feb 17 14:00:10 2026] x', '2026-02-17T14:00:10.000Z'],
  ['Feb 17 14:00:10 node unit: x', '2026-02-17T14:00:10.000Z'],
  ['kern  :warn  : 2026-02-17T15:00:10,250000+01:00 x', '2026-02-17T14:00:10.250Z'],
  ['Dec 31 23:59:59 node unit: x', '2025-12-31T23:59:59.000Z'],
  ['[2026-02-17 14:00:10] n:1:2 [0] NCCL WARN x', '2026-02-17T14:00:10.000Z'],
  ['[rank3]:[E217 14:00:10.250000000 ProcessGroupNCCL.cpp:632] x', '2026-02-17T14:00:10.250Z'],
  ['ERROR 02-17 14:00:10 engine.py:389] at 2020-01-01 00:00:00', '2026-02-17T14:00:10.000Z'],
  ['2026-02-17T14:00:10.123456789Z stdout F INFO x', '2026-02-17T14:00:10.123Z'],
  ['\u001b[1;36m(EngineCore_DP0 pid=2)\u001b[0;0m INFO 02-17 14:00:10 [a.py:1] x', '2026-02-17T14:00:10.000Z'],
  ['[0;36m(APIServer pid=1)[0;0m INFO 02-17 14:00:10 [a.py:1] x', '2026-02-17T14:00:10.000Z'],
  ['#033[36m(APIServer pid=1)#033[0m INFO 02-17 14:00:10 [a.py:1] x', '2026-02-17T14:00:10.000Z'],
  ['\u001b[32mINFO\u001b[0m 02-17 14:00:10 [a.py:1] x', '2026-02-17T14:00:10.000Z'],
  ['\u001b[33m[Tue Feb 17 14:00:10 2026]\u001b[m x', '2026-02-17T14:00:10.000Z'],
  ['\u001b[36mvllm-1  | \u001b[0m(APIServer pid=1) INFO 02-17 14:00:10 [a.py:1] x', '2026-02-17T14:00:10.000Z'],
  ['vllm-1  | INFO 02-17 14:00:10 [a.py:1] x', '2026-02-17T14:00:10.000Z'],
  ['[node7] vllm-0: INFO 02-17 14:00:10 [a.py:1] x', '2026-02-17T14:00:10.000Z'],
])('%s was written at %s', (line, time) => {
  expect(timeOf(line, Date.parse('2026-02-17T14:15:00Z'))).toBe(Date.parse(time))
})

test.each([
  '[    2.123456] rtc_cmos 00:01: setting system clock to 2026-02-17T13:00:00 UTC (1771333200)',
  'kern  :err   : [  812.000001] backup of 2026-02-17 13:00:00 failed',
  '<3>[  812.000001] backup of 2026-02-17 13:00:00 failed',
])('%s states only the time since boot', (line) => {
  expect(timeOf(line, Date.parse('2026-02-17T14:15:00Z'))).toBeUndefined()
})

test('a window is a duration before the end, or two times', () => {
  const end = Date.parse('2026-03-03T08:15:00Z')
  const span = (start: string, last: string) => ({ start: Date.parse(start), end: Date.parse(last) })
  expect(parseWindow('10m', end)).toEqual(span('2026-03-03T08:05:00Z', '2026-03-03T08:15:00Z'))
  expect(parseWindow('08:03/08:06:30', end)).toEqual(span('2026-03-03T08:03:00Z', '2026-03-03T08:06:30.999Z'))
  // Before midnight of the day before.
  expect(parseWindow('23:50/00:10', end)).toEqual(span('2026-03-02T23:50:00Z', '2026-03-03T00:10:59.999Z'))
  // The second time is after the end of the incident.
  expect(parseWindow('08:10/08:30', end)).toEqual(span('2026-03-03T08:10:00Z', '2026-03-03T08:30:59.999Z'))
  expect(parseWindow('2026-03-03T09:03+01:00/2026-03-03 08:06:30.5Z', end)).toEqual(
    span('2026-03-03T08:03:00Z', '2026-03-03T08:06:30.500Z'),
  )
})

test.each(['', '/', '10m/5m', '25:00/26:00', '08:00/08:10/08:20', '08:00'])(
  'the window "%s" is refused with both forms',
  (text) => {
    expect(() => parseWindow(text, Date.parse('2026-03-03T08:15:00Z'))).toThrow(/"10m".*"10:00\/10:05:30"/)
  },
)

test('a window with its times in the wrong order is refused with the right order', () => {
  expect(() => parseWindow('08:10/08:05', Date.parse('2026-03-03T08:15:00Z'))).toThrow(/08:05\/08:10/)
})
