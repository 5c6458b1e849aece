/**
 * `npm run reference -- <folder>` replays each trace of a folder with the scheduler of the product and prints one line for
 * each: SAME, or DIFF with the first differing step. A file in place of a folder is one trace.
 *
 * Exit code 1: a trace differs or cannot be read. 2: the arguments are wrong.
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { comparable, firstDifference, replay, unknownSettings } from './replay.ts'
import { readTrace, type Trace } from './trace.ts'

const usage =
  'Usage: npm run reference -- <folder or trace> …, e.g. npm run reference -- tests/reference/vllm/traces-0.15'

const paths = process.argv.slice(2)
if (paths.includes('--help') || paths.includes('-h')) {
  process.stdout.write(`${usage}\n`)
  process.exit(0)
}
if (paths.length === 0) fail(`Name at least one folder with traces. ${usage}`)
// All paths are read first, so that a wrong one is reported before any trace.
for (const file of paths.flatMap(tracesOf)) {
  const line = compare(file)
  if (!line.startsWith('SAME')) process.exitCode = 1
  process.stdout.write(`${line}\n`)
}

function tracesOf(path: string): string[] {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) return fail(`${path} does not exist. ${usage}`)
  if (!found.isDirectory()) return [path]
  const files = jsonFilesOf(path)
  if (files.length > 0) return files
  const folders = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const withTraces = folders.map(({ name }) => join(path, name)).filter((folder) => jsonFilesOf(folder).length > 0)
  const hint = withTraces.length === 0 ? '' : ` These folders do: ${withTraces.join(', ')}.`
  return fail(`${path} contains no trace (*.json).${hint}`)
}

function jsonFilesOf(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'))
  return names.sort().map((name) => join(folder, name))
}

function compare(file: string): string {
  try {
    const trace = readTrace(file)
    for (const name of unknownSettings(trace)) {
      process.stderr.write(`${file}: the setting "${name}" is not simulated, so it is ignored.\n`)
    }
    return result(trace)
  } catch (error) {
    return `DIFF ${file}: ${error instanceof Error ? error.message : error}`
  }
}

function result(trace: Trace): string {
  const { steps: actual } = replay(trace)
  const step = firstDifference(trace.steps, actual)
  if (step === undefined) return `SAME ${trace.name}`
  const [vllm, product] = [trace.steps[step], actual[step]].map(comparable)
  return `DIFF ${trace.name}: step ${step} of ${trace.steps.length}; vLLM ${vllm}; simulation ${product}`
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
