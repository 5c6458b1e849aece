/**
 * `npm run temporal [-- <state file>]`: a Temporal development server with its web UI. It uses the same binary as the tests and
 * installs it if necessary. It runs until Ctrl-C. With a state file, the next server continues with the same workflows.
 */
import { findOrInstallTemporal } from './install-temporal.ts'
import { startTemporalServer } from './temporal-server.ts'

const port = 7233
const uiPort = 8233
const [stateFile] = process.argv.slice(2)

try {
  const source = await findOrInstallTemporal()
  if (source.kind === 'address') {
    console.log(`TEMPORAL_ADDRESS is set, so no server is started. The running one is ${source.address}.`)
  } else {
    console.log(`starting ${source.path} (${source.from})`)
    const server = await startTemporalServer(source.path, {
      port,
      uiPort,
      ...(stateFile === undefined ? {} : { stateFile }),
    })
    console.log(`Temporal server: ${server.address}\nweb UI:          http://127.0.0.1:${uiPort}\nStop it with Ctrl-C.`)
    const stop = () => void server[Symbol.asyncDispose]()
    process.once('SIGINT', stop).once('SIGTERM', stop)
  }
} catch (error) {
  console.error(`No Temporal server: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}
