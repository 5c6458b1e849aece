/** `node worker.ts <settings>`: one worker in a process of its own, so that it can be measured and killed. */
import { NativeConnection, Worker } from '@temporalio/worker'
import { type ContenderName, loadContender } from './contender.ts'
import { makeWork, type WorkSettings } from './work.ts'

/** The argument of the process, as JSON. */
export interface WorkerSettings extends WorkSettings {
  readonly name: ContenderName
  /** Of the Temporal server. */
  readonly address: string
  readonly taskQueue: string
  /** Base URL of the model server. */
  readonly baseUrl: string
  /** The workflow, bundled. */
  readonly codePath: string
  /** Whether the tool is declared to have no side effects. */
  readonly isReadOnly: boolean
}

const { name, address, taskQueue, baseUrl, codePath, isReadOnly, ...workSettings }: WorkerSettings = JSON.parse(
  process.argv[2] ?? '{}',
)
const { contend } = await loadContender(name)
const options = await contend({ baseUrl, work: makeWork(workSettings), isReadOnly })
const connection = await NativeConnection.connect({ address })
const worker = await Worker.create({ connection, taskQueue, workflowBundle: { codePath }, ...options })
process.on('disconnect', () => process.exit())
const running = worker.run()
process.send?.('ready')
await running
process.exit()
