import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { heartbeatTargetBytes, packCheckpoint, unpackCheckpoint } from '../../lib/temporal/checkpoint-codec.ts'
import { seededText } from '../support/seeded-text.ts'

describe('the checkpoint in heartbeat details', () => {
  test('is restored unchanged after a round trip over JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (document) => {
        // Values that JSON cannot represent (-0, a key "__proto__") do not matter here.
        const checkpoint = JSON.parse(JSON.stringify(document))
        const details = JSON.parse(JSON.stringify({ progress: {}, checkpoint: packCheckpoint(checkpoint) }))
        expect(unpackCheckpoint(details)).toMatchObject({ kind: 'checkpoint', checkpoint })
      }),
    )
  })

  test('is compressed to less than a third', () => {
    const checkpoint = {
      messages: Array.from({ length: 200 }, (_, index) => ({ role: 'tool', content: `line ${index} of a log` })),
    }
    expect(packCheckpoint(checkpoint).data.length).toBeLessThan(JSON.stringify(checkpoint).length / 3)
  })

  test('is compressed more if the fast way gives more than the target size', () => {
    const random = seededText(7)
    const checkpoint = {
      messages: Array.from({ length: 4_000 }, () => `${random(80)} and the same tail every time, or nearly`),
    }
    const fast = gzipSync(JSON.stringify(checkpoint), { level: 1 }).toString('base64').length
    expect(fast).toBeGreaterThan(heartbeatTargetBytes)
    const packed = packCheckpoint(checkpoint)
    expect(packed.data.length).toBeLessThan(fast)
    expect(unpackCheckpoint({ checkpoint: packed })).toMatchObject({ kind: 'checkpoint', checkpoint })
  })

  test.each([undefined, null, { progress: { round: 1 } }])('does not exist in %j', (details) => {
    expect(unpackCheckpoint(details)).toEqual({ kind: 'none' })
  })

  test.each([
    '{"checkpoint":1}',
    42,
    [],
    { cursor: 'of another activity' },
    { checkpoint: 'text' },
    { checkpoint: { encoding: 'zstd', data: 'AAAA' } },
    { checkpoint: { encoding: 'gzip+base64', data: 'not gzip' } },
    { checkpoint: { ...packCheckpoint({ a: 1 }), data: packCheckpoint({ a: 'b'.repeat(50) }).data.slice(0, -12) } },
    { checkpoint: packCheckpoint([1, 2]) },
  ])('cannot be read, for a stated reason, in %j', (details) => {
    expect(unpackCheckpoint(details)).toEqual({ kind: 'unreadable', reason: expect.stringMatching(/./) })
  })

  test('never makes reading throw', () => {
    fc.assert(
      fc.property(fc.anything(), fc.string(), (anything, data) => {
        unpackCheckpoint(anything)
        unpackCheckpoint({ checkpoint: anything })
        expect(unpackCheckpoint({ checkpoint: { encoding: 'gzip+base64', data } }).kind).toBe('unreadable')
      }),
    )
  })
})
