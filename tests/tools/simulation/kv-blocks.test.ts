import fc from 'fast-check'
import { expect, test } from 'vitest'
import { blockContents } from '../../../tools/simulation/block-contents.ts'
import { KvBlocks } from '../../../tools/simulation/kv-blocks.ts'

const size = 4
const count = 6
const total = 24

/** Requests with prompts of 1 to 6 blocks, of which the first two blocks are often the same. */
const pools = fc.record({
  prompts: fc.array(fc.integer({ min: 1, max: 24 }), { minLength: count, maxLength: count }),
  prefix: fc.integer({ min: 0, max: 12 }),
  caching: fc.boolean(),
  partialBlocksFirst: fc.boolean(),
  moves: fc.array(fc.tuple(fc.integer({ min: 0, max: count - 1 }), fc.constantFrom('grow', 'release')), {
    maxLength: 60,
  }),
})

function poolOf({ prompts, prefix, ...options }: { prompts: number[]; prefix: number } & Options) {
  const requests = {
    count,
    arrival: new Float64Array(count),
    promptTokens: Int32Array.from(prompts),
    outputTokens: new Int32Array(count).fill(16),
    imageTokens: new Int32Array(count),
    images: new Int32Array(count),
  }
  const contents = blockContents(requests, size, prefix)
  return { contents, blocks: new KvBlocks({ total, blockSize: size, ...options }, contents) }
}

interface Options {
  readonly caching: boolean
  readonly partialBlocksFirst: boolean
}

test('free and held blocks make up the pool; only equal contents share a block; nothing is lost', () => {
  fc.assert(
    fc.property(pools, ({ moves, ...options }) => {
      const { contents, blocks } = poolOf(options)
      const tokens = new Int32Array(count)
      const contentAt = (request: number, index: number) => contents.ids[(contents.first[request] ?? 0) + index]
      for (const [request, move] of moves) {
        const known = (options.prompts[request] ?? 0) + 16
        if (move === 'release') {
          blocks.release(request)
          tokens[request] = 0
        } else if (tokens[request] === 0) {
          const found = blocks.find(request, known)
          expect(found).toBeLessThan(known)
          if (!options.caching) expect(found).toBe(0)
          if (blocks.fits(found + 1, 0)) {
            blocks.begin(request)
            expect(blocks.grow(request, found + 1)).toBe(true)
            tokens[request] = found + 1
          }
        } else if ((tokens[request] ?? 0) < known) {
          const wanted = Math.min((tokens[request] ?? 0) + 3, known)
          if (blocks.grow(request, wanted)) tokens[request] = wanted
        }
        blocks.remember(request, tokens[request] ?? 0)
        // Every holder of a block has the same content at the same place in its text.
        const holders = new Map<number, number | undefined>()
        for (let other = 0; other < count; other++) {
          const held = [...blocks.heldBy(other)]
          expect(held).toHaveLength(Math.ceil((tokens[other] ?? 0) / size))
          expect(held.length * size).toBe(blocks.covered[other])
          for (const [index, block] of held.entries()) {
            expect(block).toBeGreaterThan(0)
            const content = contentAt(other, index)
            if (holders.has(block)) expect(content).toBe(holders.get(block))
            holders.set(block, content)
          }
        }
        expect(blocks.free + holders.size).toBe(total - 1)
        expect(blocks.usage).toBeCloseTo(holders.size / (total - 1), 12)
      }
      for (let request = 0; request < count; request++) blocks.release(request)
      expect(blocks.free).toBe(total - 1)
      // All blocks are in the list of free blocks: one request after the other can take them.
      const taken = new Set<number>()
      for (let request = 0; request < count && blocks.free > 0; request++) {
        blocks.find(request, 1)
        blocks.begin(request)
        blocks.grow(request, Math.min(blocks.free * size, (options.prompts[request] ?? 0) + 16))
        for (const block of blocks.heldBy(request)) taken.add(block)
      }
      expect(taken.size + blocks.free).toBe(total - 1)
    }),
    { numRuns: 400 },
  )
})

test('a request that is preempted finds its full blocks again, without those that were taken', () => {
  const { blocks } = poolOf({ prompts: [20, 20, 1, 1, 1, 1], prefix: 0, caching: true, partialBlocksFirst: false })
  const start = (request: number, tokens: number) => {
    const found = blocks.find(request, tokens)
    blocks.begin(request)
    expect(blocks.grow(request, tokens)).toBe(true)
    blocks.remember(request, tokens)
    return found
  }
  start(0, 20)
  blocks.release(0)
  expect(blocks.free).toBe(23)
  // The last token is computed in any case, so the fifth block is not used.
  expect(blocks.find(0, 20)).toBe(16)
  expect(blocks.find(0, 21)).toBe(20)
  // 18 blocks were never used. Two more come from the end of the released request.
  for (const request of [1, 2, 3, 4]) start(request, [0, 36, 17, 17, 4][request] ?? 0)
  expect(blocks.free).toBe(23 - 9 - 5 - 5 - 1)
  expect(blocks.find(0, 21)).toBe(12)
})

test('since vLLM 0.24 a block that was never full is taken before all others', () => {
  const next = (partialBlocksFirst: boolean) => {
    const { blocks } = poolOf({ prompts: [7, 7, 7, 7, 7, 7], prefix: 0, caching: true, partialBlocksFirst })
    blocks.find(0, 7)
    blocks.begin(0)
    blocks.grow(0, 7)
    blocks.remember(0, 7)
    const partial = blocks.heldBy(0)[1]
    blocks.release(0)
    blocks.find(1, 1)
    blocks.begin(1)
    blocks.grow(1, 1)
    return blocks.heldBy(1)[0] === partial
  }
  expect([next(true), next(false)]).toEqual([true, false])
})
