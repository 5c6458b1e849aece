import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '..', '..')

/** A file that defines `count` tools, each with a schema as rich as those of real ones, and types that depend on it. */
function source(count: number): string {
  const tools = Array.from({ length: count }, (_, index) => {
    return `export const tool${index} = defineTool({
  name: 'tool_${index}',
  description: 'Tool ${index}.',
  inputSchema: {
    type: 'object',
    properties: {
      scenario_${index}: { type: 'string', minLength: 1 },
      limit: { type: 'integer', minimum: 1, maximum: ${index + 10} },
      level: { enum: ['debug', 'info', 'level_${index}'] },
      window: {
        type: 'object',
        properties: { from: { type: 'string' }, to: { type: ['string', 'null'] } },
        required: ['from'],
        additionalProperties: false,
      },
      lines: {
        type: 'array',
        items: {
          anyOf: [
            { type: 'string' },
            { type: 'object', properties: { kind: { const: 'a_${index}' }, n: { type: 'number' } }, required: ['kind'], additionalProperties: false },
            { type: 'object', properties: { kind: { const: 'b_${index}' }, s: { type: 'string' } }, required: ['kind'], additionalProperties: false },
          ],
        },
      },
      labels: { type: 'object', additionalProperties: { type: 'string' } },
    },
    required: ['scenario_${index}', 'lines'],
    additionalProperties: false,
  },
  outputSchema: {
    type: 'object',
    properties: { total: { type: 'number' }, rows: { type: 'array', items: { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'], additionalProperties: false } } },
    required: ['total', 'rows'],
    additionalProperties: false,
  },
  execute: ({ scenario_${index}, lines, limit }) => ({ total: lines.length + scenario_${index}.length, rows: [{ id: limit ?? 0 }] }),
})`
  })
  return `import { defineTool } from '../../../router/define-tool.ts'\n\n${tools.join('\n\n')}\n`
}

/** The same tools with schemas of zod, which are typed by zod itself. */
function zodSource(count: number): string {
  const tools = Array.from({ length: count }, (_, index) => {
    return `export const tool${index} = defineTool({
  name: 'tool_${index}',
  description: 'Tool ${index}.',
  inputSchema: z.strictObject({
    scenario_${index}: z.string().min(1),
    limit: z.int().min(1).max(${index + 10}).optional(),
    level: z.enum(['debug', 'info', 'level_${index}']).optional(),
    window: z.strictObject({ from: z.string(), to: z.string().nullable().optional() }).optional(),
    lines: z.array(z.union([
      z.string(),
      z.strictObject({ kind: z.literal('a_${index}'), n: z.number().optional() }),
      z.strictObject({ kind: z.literal('b_${index}'), s: z.string().optional() }),
    ])),
    labels: z.record(z.string(), z.string()).optional(),
  }),
  outputSchema: z.strictObject({ total: z.number(), rows: z.array(z.strictObject({ id: z.int() })) }),
  execute: ({ scenario_${index}, lines, limit }) => ({ total: lines.length + scenario_${index}.length, rows: [{ id: limit ?? 0 }] }),
})`
  })
  return `import * as z from 'zod'\nimport { defineTool } from '../../../router/define-tool.ts'\n\n${tools.join('\n\n')}\n`
}

/** The number of type instantiations that checking a file takes. Unlike time, it is the same on every machine. */
async function instantiations(text: string): Promise<number> {
  // A dot keeps the folder out of what the project itself compiles.
  const folder = await mkdtemp(join(here, '.check-time-'))
  try {
    await writeFile(join(folder, 'tools.ts'), text)
    const options = { extends: join(root, 'tsconfig.json'), files: ['tools.ts'], include: [], exclude: [] }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(options))
    const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
    const { stdout } = await promisify(execFile)(process.execPath, [
      tsc,
      '-p',
      folder,
      '--noEmit',
      '--extendedDiagnostics',
    ])
    return Number(/^Instantiations:\s+(\d+)/m.exec(stdout)?.[1])
  } finally {
    await rm(folder, { recursive: true })
  }
}

test('type-checking thirty tools needs a limited number of types, and each tool adds the same number', async () => {
  const counts = await Promise.all([10, 20, 30].map((count) => instantiations(source(count))))
  const [ten = 0, twenty = 0, thirty = 0] = counts
  expect(thirty, `instantiations: ${counts}`).toBeLessThan(330_000)
  expect(thirty - twenty, `instantiations: ${counts}`).toBeLessThan(1.1 * (twenty - ten))
}, 60_000)

test('type-checking thirty tools with schemas of zod needs fewer types', async () => {
  expect(await instantiations(zodSource(30))).toBeLessThan(150_000)
}, 60_000)
