import { expect, test } from 'vitest'
import { groupLogLines } from '../../../tools/index.ts'

const near = Date.parse('2026-02-17T14:00:00Z')

test('lines that differ only in numbers, addresses and ids are one group with count and times', () => {
  const groups = groupLogLines(
    [
      'ERROR 02-17 14:00:10 [a.py:1] request cmpl-abc failed at 0x7f3a after 12 ms',
      'INFO 02-17 14:00:11 [a.py:1] fine',
      'ERROR 02-17 14:03:10 [a.py:1] request cmpl-def-7 failed at 0x9b after 7 ms',
    ],
    near,
  )
  expect(groups).toHaveLength(1)
  expect(groups[0]).toMatchObject({
    count: 2,
    kind: 'cause_candidate',
    first_time: '2026-02-17T14:00:10.000Z',
    last_time: '2026-02-17T14:03:10.000Z',
  })
})

test('the order is: causes, unclassified lines, cascades, request errors, benign lines', () => {
  const lines = [
    '[1.1] pcieport 0000:4a:01.0: AER: Corrected error received: 0000:4b:00.0',
    'ERROR 02-17 14:00:10 [serving_chat.py:1] ValueError: no',
    'ERROR 02-17 14:00:10 [core.py:1] EngineCore failed to start.',
    'WARNING 02-17 14:00:10 [core.py:1] odd',
    'ERROR 02-17 14:00:10 [core.py:1] torch.OutOfMemoryError: CUDA out of memory.',
  ]
  const kinds = ['cause_candidate', 'unclassified', 'cascade', 'request_error', 'benign']
  expect(groupLogLines(lines).map(({ kind }) => kind)).toEqual(kinds)
})

test('without a time near the lines, groups have no times', () => {
  expect(groupLogLines(['ERROR 02-17 14:00:10 [a.py:1] x failed'])[0]).not.toHaveProperty('first_time')
})
