import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { productFolders, productSources } from './support/product-sources.ts'

const root = join(import.meta.dirname, '..')

/**
 * The folders and packages that each folder may import, besides itself and its own subfolders. A folder that is not
 * listed may import nothing, so that a new folder is denied until somebody decides where it belongs.
 */
const allowedImports: Readonly<Record<string, readonly string[]>> = {
  router: ['ajv', 'ajv-formats', 'json-schema-to-ts', 'node:'],
  'lib/loop': ['router', 'node:'],
  'lib/minimax': ['router', 'lib/loop', 'undici', 'node:'],
  'lib/temporal': ['router', 'lib/loop', 'lib/minimax', '@temporalio/activity', '@temporalio/common', 'node:'],
  'lib/mcp': ['router', 'node:'],
  'lib/opentelemetry': ['router', 'lib/loop', 'lib/minimax', '@opentelemetry/api', 'node:'],
  'lib/testing': ['router', 'lib/loop', 'lib/minimax', 'node:'],
  'lib/incident': [
    'router',
    'lib/loop',
    'lib/minimax',
    'lib/testing',
    'tools',
    'fixtures',
    'preact',
    'preact-render-to-string',
    'd3-scale',
    'd3-shape',
    'node:',
  ],
  'lib/cli': [
    'router',
    'lib/loop',
    'lib/minimax',
    'lib/incident',
    'lib/testing',
    'lib/temporal',
    'workflows',
    'fixtures',
    'tools',
    '@temporalio/client',
    '@temporalio/worker',
    'commander',
    'node:',
  ],
  'lib/index.ts': ['router', 'lib/loop', 'lib/minimax'],
  tools: ['router', 'fixtures', 'yaml', 'node:'],
  // A scenario's type is inferred from its schema.
  fixtures: ['router', 'node:'],
  workflows: [
    'router',
    'lib/loop',
    'lib/minimax',
    'lib/temporal',
    'lib/incident',
    'tools',
    'fixtures',
    '@temporalio/',
    'node:',
  ],
  // Temporal bundles this file for its sandbox, so it may load nothing but the workflow package.
  'workflows/latency-workflow.ts': ['@temporalio/workflow', '@temporalio/common'],
}

interface Import {
  readonly from: string
  readonly to: string
  readonly typeOnly: boolean
}

const imports = productSources().flatMap(importsOf)

test('every import of the product is on the list of its folder', () => {
  const denied = imports.filter((one) => !isAllowed(one)).map(({ from, to }) => `${from} imports ${to}`)
  expect(denied).toEqual([])
})

test('no folders import each other in a circle', () => {
  const edges = new Map<string, Set<string>>()
  for (const { from, to } of imports) {
    const [a, b] = [dirname(from), dirname(to)]
    // A folder and its own subfolders form one unit.
    if (!isProduct(b) || `${a}/`.startsWith(`${b}/`) || `${b}/`.startsWith(`${a}/`)) continue
    edges.set(a, (edges.get(a) ?? new Set()).add(b))
  }
  const circles = [...edges.keys()].filter((folder) => reaches(edges, folder, folder))
  expect(circles).toEqual([])
})

test('only tests and the evaluation read the right answers, and the agent does not import the evaluation', () => {
  const isEvaluation = (path: string) => path.startsWith('lib/incident/evaluation/')
  const readers = productSources().filter((file) =>
    /['"`][^\n]*\boracles\//.test(readFileSync(join(root, file), 'utf8')),
  )
  expect(readers).toEqual(['lib/incident/evaluation/oracle.ts'])
  const importers = imports.filter(({ from, to }) => isEvaluation(to) && !isEvaluation(from)).map(({ from }) => from)
  const allowed = ['lib/incident/index.ts', 'lib/cli/eval-command.ts', 'lib/cli/main.ts']
  expect([...new Set(importers)].filter((file) => !allowed.includes(file))).toEqual([])
})

test('the product has at most 465 files, none over 400 lines, and a median between 80 and 200', () => {
  const lines = productSources()
    .map((file) => [readFileSync(join(root, file), 'utf8').split('\n').length - 1, file] as const)
    .sort(([a], [b]) => a - b)
  expect(lines.length).toBeLessThanOrEqual(465)
  expect(lines.filter(([count]) => count > 400)).toEqual([])
  const median = lines[Math.floor(lines.length / 2)]?.[0]
  expect(median).toBeGreaterThanOrEqual(80)
  expect(median).toBeLessThanOrEqual(200)
})

test('a file with JSX names its library, because tsx reads tsconfig.json only in its own folder', () => {
  const files = productSources().filter((file) => file.endsWith('.tsx'))
  const named = files.filter((file) =>
    readFileSync(join(root, file), 'utf8').startsWith('/* @jsxRuntime automatic @jsxImportSource preact */\n'),
  )
  expect(named).toEqual(files)
})

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8')
  const statement = /^(?:import|export)\s+(type\s)?(?:[^'"]*?\sfrom\s)?'([^']+)'|\bimport\('([^']+)'\)/gm
  return [...text.matchAll(statement)].map(([, type, named, dynamic]) => {
    const specifier = named ?? dynamic ?? ''
    const to = specifier.startsWith('.') ? join(dirname(file), specifier) : specifier
    return { from: file, to, typeOnly: type !== undefined }
  })
}

/** The longest listed prefix of a path: the file itself, or one of its folders. */
function ownerOf(path: string): string | undefined {
  const owners = Object.keys(allowedImports).filter((owner) => path === owner || path.startsWith(`${owner}/`))
  return owners.sort((a, b) => b.length - a.length)[0]
}

function isProduct(path: string): boolean {
  return productFolders.includes(path.split('/')[0] ?? '')
}

function isAllowed({ from, to, typeOnly }: Import): boolean {
  const owner = ownerOf(from)
  if (owner === undefined) return false
  if (ownerOf(to) === owner) return true
  // Types are erased, so the workflow's sandbox never sees them.
  if (owner === 'workflows/latency-workflow.ts' && typeOnly) return true
  if (to.startsWith('workflows/') && from.startsWith('workflows/')) return true
  return (allowedImports[owner] ?? []).some(
    (allowed) =>
      to === allowed || to.startsWith(allowed.endsWith(':') || allowed.endsWith('/') ? allowed : `${allowed}/`),
  )
}

function reaches(
  edges: ReadonlyMap<string, ReadonlySet<string>>,
  start: string,
  target: string,
  seen = new Set<string>(),
): boolean {
  for (const next of edges.get(start) ?? []) {
    if (next === target) return true
    if (!seen.has(next)) {
      seen.add(next)
      if (reaches(edges, next, target, seen)) return true
    }
  }
  return false
}
