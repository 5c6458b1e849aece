/**
 * Reads an incident folder with a large engine log, and prints the time and the memory:
 *
 *     npx tsx tests/bench/incident-folder.bench.ts 200     # MB of the log; add "gz" for a compressed one
 */
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { openIncident } from '../../tools/incident-folder/open-incident.ts'

const [size = '200', form = 'plain'] = process.argv.slice(2)
const bytes = Number(size) * 1e6
const folder = await mkdtemp(join(tmpdir(), 'incident-bench-'))
const file = join(folder, form === 'gz' ? 'vllm.log.gz' : 'vllm.log')

function* log(): Generator<string> {
  let written = 0
  for (let index = 0; written < bytes; index++) {
    const time = `02-17 14:${String(Math.floor(index / 60_000) % 60).padStart(2, '0')}:${String(index % 60).padStart(2, '0')}`
    // One line of a hundred is abnormal, as in a bad hour.
    const line =
      index % 100 === 0
        ? `(APIServer pid=1) WARNING ${time} [protocol.py:117] Timed out waiting for request ${index}\n`
        : `(APIServer pid=1) INFO ${time} [loggers.py:257] Engine 000: Avg prompt throughput: ${index % 997}.4 tokens/s, Running: 12 reqs, Waiting: 3 reqs\n`
    written += line.length
    yield line
  }
}

const sink = createWriteStream(file)
await (form === 'gz' ? pipeline(Readable.from(log()), createGzip(), sink) : pipeline(Readable.from(log()), sink))
const started = performance.now()
const cpu = process.cpuUsage()
let peak = 0
const watch = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss())
}, 20)
const { log: read, leftOut } = await openIncident(folder)
clearInterval(watch)
const { user, system } = process.cpuUsage(cpu)
const mb = (value: number) => Math.round(value / 1e6)
console.log(`${form} log of ${mb(bytes)} MB (file ${mb((await stat(file)).size)} MB)`)
console.log(`time ${((performance.now() - started) / 1000).toFixed(1)} s, CPU ${((user + system) / 1e6).toFixed(1)} s`)
console.log(`memory of the process at most ${mb(Math.max(peak, process.memoryUsage.rss()))} MB`)
console.log(`${read('vllm')?.length} lines kept; ${leftOut.map(({ reason }) => reason.slice(0, 110)).join(' | ')}`)
await rm(folder, { recursive: true })
