/**
 * `npm run reference -- <folder>` replays each trace of a folder with the scheduler of the product and prints one line for
 * each: SAME, or DIFF with the first differing step. Exit code 1 if a trace differs.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { comparable, firstDifference, replay, unknownSettings } from './replay.ts'
import { readTrace, type Trace } from './trace.ts'

const folders = process.argv.slice(2)
if (folders.length === 0)
  fail('Name at least one folder with traces: npm run reference -- tests/reference/vllm/traces-0.15')
for (const folder of folders) {
  for (const file of tracesOf(folder)) {
    const line = compare(file)
    if (!line.startsWith('SAME')) process.exitCode = 1
    process.stdout.write(`${line}\n`)
  }
}

function tracesOf(folder: string): string[] {
  try {
    const files = readdirSync(folder).filter((file) => file.endsWith('.json'))
    if (files.length === 0) fail(`${folder} contains no trace (*.json).`)
    return files.sort().map((file) => join(folder, file))
  } catch (error) {
    return fail(`The folder ${folder} cannot be read: ${error instanceof Error ? error.message : error}`)
  }
}

function compare(file: string): string {
  try {
    const trace = readTrace(file)
    for (const name of unknownSettings(trace)) {
      process.stderr.write(`${trace.name}: the setting "${name}" is not simulated, so it is ignored.\n`)
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
