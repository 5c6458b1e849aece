/**
 * A worker process for the durability tests. It works like `survey-worker.ts`: it prints `ready`, and starts a worker for
 * each task queue that it reads from stdin.
 */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { takeoverWorkerOptions } from '../../../lib/temporal/index.ts'
import { plannedActivities } from './planned-run.ts'

const [address = '', bundle = '', name = '', ledger = '', release = '', slots = ''] = process.argv.slice(2)

Runtime.install({ logger: new DefaultLogger('ERROR') })
const connection = await NativeConnection.connect({ address })
const code = readFileSync(bundle, 'utf8')
console.log('ready')
for await (const taskQueue of createInterface({ input: process.stdin })) {
  const worker = await Worker.create({
    connection,
    taskQueue,
    workflowBundle: { code },
    activities: plannedActivities({ name, ledger, release: release === '2' ? 2 : 1 }),
    maxConcurrentActivityTaskExecutions: Number(slots),
    ...takeoverWorkerOptions,
  })
  worker.run().then(
    () => process.exit(0),
    () => process.exit(1),
  )
  console.log(`working on ${taskQueue}`)
}
// stdin was closed: the test has ended.
process.exit(0)
