/**
 * A worker process for the tests of crashes. It loads everything, says `ready`, and works on every task queue that it is told on stdin; then
 * it says `working on <queue>`. So one that takes over can stand by while another one is killed.
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
// Whoever started it is gone.
process.exit(0)
