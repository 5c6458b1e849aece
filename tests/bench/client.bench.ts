import { readingRows } from './client/reading.ts'
import { startReplyServer } from './client/server.ts'
import { printTable } from './table.ts'

const server = await startReplyServer()
try {
  printTable('One call of the client / undici and JSON.parse of the same bytes', await readingRows(server))
} finally {
  server.close()
}
