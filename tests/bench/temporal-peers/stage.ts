import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client, Connection } from '@temporalio/client'
import {
  findTemporal,
  howToGetTemporal,
  type StartedServer,
  startTemporalServer,
} from '../../support/temporal-server.ts'
import { bundleOf } from './bundle.ts'
import type { ContenderName } from './contender.ts'
import { type ModelServer, startModelServer } from './model-server.ts'
import { promptOf, type Script } from './script.ts'
import type { WorkSettings } from './work.ts'
import type { WorkerSettings } from './worker.ts'

const taskQueue = 'bench'

/** Everything that runs of one contender need: a fresh Temporal server, a model server, and workers. */
export interface Stage {
  readonly name: ContenderName
  readonly client: Client
  readonly model: ModelServer
  readonly workers: readonly ChildProcess[]
  /** The Temporal server; another one after {@link Stage.restartServer}. */
  server(): StartedServer
  /** Kills the Temporal server and starts another one on the same state after a pause. */
  restartServer(pauseMs: number): Promise<void>
  close(): Promise<void>
}

/** Settings of {@link openStage}. */
export interface StageSettings {
  /** @defaultValue 1 */
  readonly workers?: number
  /** Mean duration of the tool. @defaultValue 0 */
  readonly toolMs?: number
  /** Whether executions of the tool are counted, which costs a request each. */
  readonly countsTools: boolean
  /** Whether the tool is declared to have no side effects. @defaultValue false */
  readonly isReadOnly?: boolean
}

export async function openStage(name: ContenderName, settings: StageSettings): Promise<Stage> {
  const { workers: count = 1, toolMs = 0, countsTools, isReadOnly = false } = settings
  const codePath = await bundleOf(name)
  const source = await findTemporal()
  if (source?.kind !== 'binary') throw new Error(`The comparison starts its own servers: ${howToGetTemporal}.`)
  // In memory where there is such a folder: on a disk, the server waits for the disk, and nothing else is measured.
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'tenrounds-stage-'))
  const options = { stateFile: join(folder, 'state.db'), metrics: true }
  let server = await startTemporalServer(source.path, options)
  const model = await startModelServer()
  const work: WorkSettings = { toolMs, ...(countsTools && { toolUrl: model.toolUrl }) }
  const settingsOfWorker = {
    name,
    address: server.address,
    taskQueue,
    baseUrl: model.baseUrl,
    codePath,
    isReadOnly,
    ...work,
  }
  const workers = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      startWorker(settingsOfWorker, join(tmpdir(), `bench-${name}-${index}.log`)),
    ),
  )
  const connection = await Connection.connect({ address: server.address })
  return {
    name,
    client: new Client({ connection }),
    model,
    workers,
    server: () => server,
    restartServer: async (pauseMs) => {
      await server.kill()
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
      server = await startTemporalServer(source.path, { ...options, port: server.port })
    },
    close: async () => {
      for (const worker of workers) worker.kill('SIGKILL')
      model.close()
      await connection.close()
      await server.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Starts a run; its workflow id is the name of the run. */
export function startRun({ client }: Stage, script: Script) {
  return client.workflow.start('agentWorkflow', { taskQueue, workflowId: script.run, args: [promptOf(script)] })
}

/** Starts a worker and waits until it polls. What it logs goes to a file. */
async function startWorker(settings: WorkerSettings, logFile: string): Promise<ChildProcess> {
  const log = openSync(logFile, 'a')
  const file = fileURLToPath(new URL('worker.ts', import.meta.url))
  const child = fork(file, [JSON.stringify(settings)], { stdio: ['ignore', log, log, 'ipc'] })
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`The worker of ${settings.name} ended with code ${code}; see ${logFile}.`)
  })
  await Promise.race([once(child, 'message'), failed])
  failed.catch(() => {})
  return child
}
