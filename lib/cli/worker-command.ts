import { DefaultLogger, Runtime } from '@temporalio/worker'
import { TemporalConnectionError } from '../../workflows/connection.ts'
import { runWorker } from '../../workflows/worker.ts'
import { openEndpoint } from './endpoint.ts'
import { exitCode, UsageError } from './exit-code.ts'
import { checkReports } from './reports-option.ts'

export interface WorkerCommandOptions {
  /** Refuse to work without a real model. */
  readonly live: boolean
  /** Where the folders of the runs are made. */
  readonly reports: string
}

/**
 * `tenrounds worker`: works for the incident workflow until SIGTERM or Ctrl-C, which end it in order: what it was at goes on in
 * another worker, from the last checkpoint.
 */
export async function workerCommand({ live, reports }: WorkerCommandOptions): Promise<number> {
  // It also shuts the worker down on SIGTERM and SIGINT.
  Runtime.install({ logger: new DefaultLogger('WARN') })
  await checkReports(reports)
  const endpoint = await openEndpoint(live, process.env, { retries: 0 })
  try {
    if (endpoint.notice !== undefined) process.stderr.write(`${endpoint.notice}\n`)
    await runWorker({
      model: endpoint.model,
      reportDirectory: reports,
      ...(endpoint.notice === undefined ? {} : { notice: endpoint.notice }),
      onReady: ({ address, namespace, taskQueue }) => {
        const where = `Temporal ${address}, namespace ${namespace}, task queue ${taskQueue}`
        process.stdout.write(`worker ready: ${where}; model endpoint ${endpoint.model.url}; reports in ${reports}\n`)
      },
    })
    process.stdout.write('worker stopped\n')
    return exitCode.ok
  } catch (error) {
    if (error instanceof TemporalConnectionError) throw new UsageError(error.message)
    throw error
  } finally {
    await endpoint.close()
  }
}
