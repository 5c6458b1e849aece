import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Checkpoint } from '../../lib/loop/checkpoint.ts'
import { runLoop } from '../../lib/loop/run-loop.ts'
import { scriptedModel } from '../../lib/testing/index.ts'
import { defineTool } from '../../router/define-tool.ts'

const prompt = 'Read the log.'
const inputSchema = { type: 'object', properties: { page: {} }, additionalProperties: false } as const

/** A tool that returns these values one after the other. */
function reader(values: readonly unknown[]) {
  let count = 0
  const annotations = { idempotentHint: true }
  const execute = (): unknown => values[count++ % values.length]
  return defineTool({ name: 'read', description: 'Reads.', inputSchema, annotations, execute })
}

const reading = (page: unknown) => ({ toolCalls: [{ name: 'read', input: { page } }] })

/** Some values are larger than the part that the model is shown. */
const anyValue = fc
  .tuple(fc.jsonValue(), fc.nat(800), fc.boolean())
  .map(([value, length, isText]) => (isText ? `${'é"\n'.repeat(length)}` : { value, more: 'x'.repeat(length) }))

test('results have the values that the tools returned, in a resumed run too', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyValue, { minLength: 1, maxLength: 3 }), async (values) => {
      const expected: unknown[] = values.map((value) => JSON.parse(JSON.stringify(value)))
      const steps = [...values.keys()].map(reading)
      const checkpoints: string[] = []
      const options = { tools: [reader(values)], prompt, limits: { resultBytes: 1024 }, runId: 'run-1' }
      const whole = await runLoop({
        ...options,
        model: scriptedModel([...steps, 'Done.']),
        onCheckpoint: (checkpoint) => checkpoints.push(JSON.stringify(checkpoint)),
      })
      const resumeFrom: Checkpoint = JSON.parse(checkpoints.at(-2) ?? '')
      const resumed = await runLoop({ ...options, model: scriptedModel(['Done.']), resumeFrom })
      for (const { results } of [whole, resumed]) {
        expect(results.map((result) => result.status === 'ok' && result.value)).toStrictEqual(expected)
        for (const [index, result] of results.entries()) {
          const copy = { ...result }
          expect(Object.keys(copy).sort()).toEqual(Object.keys(result).sort())
          expect(copy).toMatchObject({ value: expected[index], content: result.content })
          if (!result.clipped) expect(result.content).toBe(JSON.stringify(expected[index]))
        }
      }
    }),
    { numRuns: 100 },
  )
})

test('a value is the same object as long as it is in use', async () => {
  const model = scriptedModel([reading(1), 'Done.'])
  const { results } = await runLoop({ model, tools: [reader([{ text: 'x'.repeat(1000) }])], prompt })
  const [result] = results
  if (result?.status !== 'ok') throw new Error('no result')
  const { value } = result
  expect(result.value).toBe(value)
})

test('a tool that changes what it returned does not change its result', async () => {
  const page = { lines: ['a'.repeat(1000)] }
  const model = scriptedModel([
    reading(1),
    () => {
      page.lines.push('later')
      return reading({ $result: 'read#/lines' })
    },
    'Done.',
  ])
  const { results } = await runLoop({ model, tools: [reader([page])], prompt })
  expect(results[0]).toMatchObject({ value: { lines: ['a'.repeat(1000)] } })
  expect(results[1]).toMatchObject({ input: { page: ['a'.repeat(1000)] } })
})

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

test('a run keeps no second copy of what a message contains', async () => {
  const returned: WeakRef<object>[] = []
  const tool = defineTool({
    name: 'read',
    description: 'Reads.',
    inputSchema,
    execute: () => {
      const page = { lines: Array.from({ length: 100 }, (_, line) => `line ${line}`) }
      returned.push(new WeakRef(page))
      return page
    },
  })
  let left: number | undefined
  const model = scriptedModel([
    reading(1),
    reading(2),
    async () => {
      for (let time = 0; time < 5; time++) {
        await new Promise((resolve) => setImmediate(resolve))
        collectGarbage()
      }
      left = returned.filter((page) => page.deref() !== undefined).length
      return 'Done.'
    },
  ])
  const run = await runLoop({ model, tools: [tool], prompt })
  expect(run.results).toHaveLength(2)
  expect([returned.length, left]).toEqual([2, 0])
})
