import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { statisticOf } from '../harness.ts'
import { root, tsc } from '../product.ts'
import { atMost, type Goal, type Row, shown } from '../table.ts'

/** Check time of a file with 30 tools by TypeScript's own diagnostics, in a separate project without incremental builds. */
export async function checkTimeRows(): Promise<readonly Row[]> {
  const none = checkTimes(0)
  const thirty = checkTimes(30)
  const check = statisticOf(thirty.map(({ check }) => check))
  const alone = statisticOf(thirty.map(({ check }, index) => check - (none[index]?.check ?? 0)))
  const row = (what: string, figure: string, goal?: Goal): Row => ({ what, figure, ...(goal && { goal }) })
  return [
    row('30 tools: check time', shown(check, ' s', 3), atMost(check.median, 0.5, ' s')),
    row('30 tools: check time beyond that of an empty list', shown(alone, ' s', 3)),
    row('30 tools: total time', shown(statisticOf(thirty.map(({ total }) => total)), ' s', 3)),
  ]
}

function checkTimes(tools: number): readonly { readonly check: number; readonly total: number }[] {
  const folder = mkdtempSync(join(tmpdir(), 'tenrounds-bench-'))
  try {
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    writeFileSync(join(folder, 'tools.ts'), sourceOf(tools))
    const compilerOptions = { typeRoots: [join(root, 'node_modules/@types')] }
    const files = [join(folder, 'tools.ts')]
    const project = { extends: join(root, 'tsconfig.json'), compilerOptions, files, include: [], exclude: [] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(project))
    return Array.from({ length: 5 }, () => {
      const options = [tsc, '-p', folder, '--extendedDiagnostics']
      const report = execFileSync(process.execPath, options, { encoding: 'utf8', cwd: root })
      return { check: seconds(report, 'Check time'), total: seconds(report, 'Total time') }
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function seconds(report: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+([\\d.]+)s`, 'm').exec(report)
  if (found === null) throw new Error(`tsc reported no "${name}":\n${report}`)
  return Number(found[1])
}

/** Tools with different schemas, so that the checker cannot reuse one inference for all. */
function sourceOf(count: number): string {
  const definitions = Array.from({ length: count }, (_, index) => {
    return `defineTool({
  name: 'tool_${index}',
  description: 'Tool ${index}.',
  inputSchema: {
    type: 'object',
    properties: {
      name_${index}: { type: 'string', minLength: ${index} },
      count: { type: 'integer', minimum: 0 },
      level: { enum: ['info', 'warning', 'error_${index}'] },
      labels: { type: 'array', items: { type: 'string' } },
      window: {
        type: 'object',
        properties: { from: { type: 'string' }, to_${index}: { type: ['string', 'null'] } },
        required: ['from'],
        additionalProperties: false,
      },
    },
    required: ['name_${index}', 'level'],
    additionalProperties: false,
  },
  outputSchema: {
    type: 'object',
    properties: { total_${index}: { type: 'number' }, level: { enum: ['info', 'warning', 'error_${index}'] } },
    required: ['total_${index}', 'level'],
    additionalProperties: false,
  },
  execute: (input) => ({ total_${index}: input.name_${index}.length + (input.count ?? 0), level: input.level }),
})`
  })
  const entry = JSON.stringify(join(root, 'router/tool.ts'))
  return `import { defineTool } from ${entry}\n\nexport const tools = [\n${definitions.join(',\n')}]\nvoid defineTool\n`
}
