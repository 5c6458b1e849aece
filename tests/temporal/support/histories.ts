import { readdir, readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { fileURLToPath } from 'node:url'
import proto from '@temporalio/proto'

/** Histories of `latencyWorkflow` from a real server. `npx tsx tests/temporal/support/record-histories.ts` replaces them. */
export const historiesFolder = fileURLToPath(new URL('../histories/', import.meta.url))

/** One recorded history. */
export interface RecordedHistory {
  /** Name of the file without its extension. */
  readonly name: string
  /** The history in Protobuf's JSON form, on one line. */
  readonly json: string
}

export async function readHistories(): Promise<readonly RecordedHistory[]> {
  const files = (await readdir(historiesFolder)).filter((file) => file.endsWith('.json')).sort()
  return Promise.all(
    files.map(async (file) => ({
      name: file.replace('.json', ''),
      json: await readFile(`${historiesFolder}${file}`, 'utf8'),
    })),
  )
}

const { History } = proto.temporal.api.history.v1

export type History = proto.temporal.api.history.v1.IHistory

/** Removes the names of the machine that recorded the history. */
export function toJson(history: History): string {
  const plain = History.toObject(History.fromObject(history), { longs: String, enums: String, bytes: String })
  return JSON.stringify(plain, (key, value) => {
    if (key === 'identity') return 'recorded'
    if (key === 'stackTrace') return ''
    // The names of sticky queues contain the host.
    return typeof value === 'string' ? value.replaceAll(`@${hostname()}`, '@recorded') : value
  })
}

export function fromJson(json: string): History {
  return History.fromObject(JSON.parse(json))
}
