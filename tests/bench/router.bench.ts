import { checkTimeRows } from './router/check-time.ts'
import { dispatchRows } from './router/dispatch.ts'
import { hostileRows } from './router/hostile.ts'
import { memoryRows } from './router/memory.ts'
import { readingRows } from './router/reading.ts'
import { printTable, type Row } from './table.ts'

const sections: Readonly<Record<string, readonly [string, () => Promise<readonly Row[]>]>> = {
  dispatch: ['Dispatch of valid calls', dispatchRows],
  reading: ['Reading native replies', readingRows],
  hostile: ['Hostile replies: reading + dispatch of 1 MiB; time per byte at 64 KiB · 256 KiB · 1 MiB', hostileRows],
  memory: ['10 000 routers created, used and dropped', memoryRows],
  types: ['Type checking', checkTimeRows],
}

const asked = process.argv.slice(2)
for (const [name, [title, rows]] of Object.entries(sections)) {
  if (asked.length === 0 || asked.includes(name)) printTable(title, await rows())
}
