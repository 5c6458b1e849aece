/**
 * `npm run temporal [-- <state file>]`: a Temporal development server with its web UI, for a person, found as the tests find theirs, and
 * installed into the cache where there is none. It runs until Ctrl-C; with a file, the next one goes on with its workflows.
 */
import { findOrInstallTemporal } from './install-temporal.ts'
import { startTemporalServer } from './temporal-server.ts'

const port = 7233
const uiPort = 8233
const [stateFile] = process.argv.slice(2)

try {
  const source = await findOrInstallTemporal()
  if (source.kind === 'address') {
    console.log(`TEMPORAL_ADDRESS says that a server runs at ${source.address}; none is started.`)
  } else {
    console.log(`starting ${source.path} (${source.from})`)
    const server = await startTemporalServer(source.path, {
      port,
      uiPort,
      ...(stateFile === undefined ? {} : { stateFile }),
    })
    console.log(`Temporal server: ${server.address}\nweb UI:          http://127.0.0.1:${uiPort}\nCtrl-C ends it.`)
    const stop = () => void server[Symbol.asyncDispose]()
    process.once('SIGINT', stop).once('SIGTERM', stop)
  }
} catch (error) {
  console.error(`No Temporal server: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 1
}
