/**
 * A worker process for the crash tests. It loads everything, prints `ready`, and then starts a worker for each task queue that
 * it reads from stdin and prints `working on <queue>`. So it can be ready to take over before another one is killed.
 */
import { createInterface } from 'node:readline'
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { minimax } from '../../../lib/minimax/minimax.ts'
import { takeoverWorkerOptions } from '../../../lib/temporal/index.ts'
import { createActivities } from '../../../workflows/activities.ts'
import { surveyActivities } from './survey.ts'

const [address = '', modelUrl = '', controlUrl = '', bundle = ''] = process.argv.slice(2)

Runtime.install({ logger: new DefaultLogger('ERROR') })
const connection = await NativeConnection.connect({ address })
const model = minimax({ url: modelUrl, token: 'test-token', retries: 0, env: {} })
console.log('ready')
for await (const taskQueue of createInterface({ input: process.stdin })) {
  const worker = await Worker.create({
    connection,
    taskQueue,
    workflowBundle: { codePath: bundle },
    activities: { ...createActivities({ model }), ...surveyActivities(model, controlUrl) },
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
