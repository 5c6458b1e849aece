import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { packCheckpoint, unpackCheckpoint } from '../../lib/temporal/heartbeat-state.ts'
import { heartbeatAimBytes } from '../../lib/temporal/payload.ts'
import { seededText } from '../support/seeded-text.ts'

describe('a checkpoint in heartbeat details', () => {
  test('comes back as it was, over JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (document) => {
        // What JSON cannot carry (-0, a key "__proto__") is not the envelope's business.
        const checkpoint = JSON.parse(JSON.stringify(document))
        const details = JSON.parse(JSON.stringify({ progress: {}, checkpoint: packCheckpoint(checkpoint) }))
        expect(unpackCheckpoint(details)).toMatchObject({ kind: 'checkpoint', checkpoint })
      }),
    )
  })

  test('takes a fraction of the bytes', () => {
    const checkpoint = {
      messages: Array.from({ length: 200 }, (_, index) => ({ role: 'tool', content: `line ${index} of a log` })),
    }
    expect(packCheckpoint(checkpoint).data.length).toBeLessThan(JSON.stringify(checkpoint).length / 3)
  })

  test('is compressed further where the quick way gives more than a heartbeat should carry', () => {
    const random = seededText(7)
    const checkpoint = {
      messages: Array.from({ length: 4_000 }, () => `${random(80)} and the same tail every time, or nearly`),
    }
    const quick = gzipSync(JSON.stringify(checkpoint), { level: 1 }).toString('base64').length
    expect(quick).toBeGreaterThan(heartbeatAimBytes)
    const packed = packCheckpoint(checkpoint)
    expect(packed.data.length).toBeLessThan(quick)
    expect(unpackCheckpoint({ checkpoint: packed })).toMatchObject({ kind: 'checkpoint', checkpoint })
  })

  test.each([undefined, null, { progress: { round: 1 } }])('is absent in %j', (details) => {
    expect(unpackCheckpoint(details)).toEqual({ kind: 'none' })
  })

  test.each([
    '{"checkpoint":1}',
    42,
    [],
    { cursor: 'of somebody else' },
    { checkpoint: 'text' },
    { checkpoint: { encoding: 'zstd', data: 'AAAA' } },
    { checkpoint: { encoding: 'gzip+base64', data: 'not gzip' } },
    { checkpoint: { ...packCheckpoint({ a: 1 }), data: packCheckpoint({ a: 'b'.repeat(50) }).data.slice(0, -12) } },
    { checkpoint: packCheckpoint([1, 2]) },
  ])('is unreadable, with a reason, in %j', (details) => {
    expect(unpackCheckpoint(details)).toEqual({ kind: 'unreadable', reason: expect.stringMatching(/./) })
  })

  test('never throws, whatever the details are', () => {
    fc.assert(
      fc.property(fc.anything(), fc.string(), (anything, data) => {
        unpackCheckpoint(anything)
        unpackCheckpoint({ checkpoint: anything })
        expect(unpackCheckpoint({ checkpoint: { encoding: 'gzip+base64', data } }).kind).toBe('unreadable')
      }),
    )
  })
})
