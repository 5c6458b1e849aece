import { ModelError } from '../../loop/errors.ts'
import type { Model, ModelReply } from '../../loop/model.ts'
import { minimaxTextFormat } from '../../minimax/markup/text-format.ts'
import {
  appendEntry,
  type CassetteEntry,
  failed,
  openCassette,
  readCassette,
  replay,
  replied,
  requestDocument,
  requestKey,
} from './cassette-file.ts'
import { missError } from './cassette-miss.ts'

/**
 * Wraps a model so that every call is recorded in a cassette: one JSON line per call, secrets masked, written before the
 * reply is returned. An aborted call is not recorded. An existing file is continued; delete it to record again.
 *
 * @throws {Error} Node's, if the file cannot be written.
 */
export function recordModel(model: Model, file: string): Model {
  openCassette(file)
  const { name, provider, textFormat } = model
  return {
    name,
    provider,
    textFormat,
    async complete(request) {
      // The list of messages may grow during the call.
      const document = requestDocument(request)
      const write = (outcome: CassetteEntry['outcome']) =>
        appendEntry(file, {
          version: 1,
          key: requestKey(document),
          model: { name, provider },
          request: document,
          outcome,
        })
      let reply: ModelReply
      try {
        reply = await model.complete(request)
      } catch (error) {
        if (!request.signal.aborted) write(failed(error))
        throw error
      }
      write(replied(reply))
      return reply
    },
  }
}

/**
 * A model that answers from a cassette of {@link recordModel} only. A request that was recorded several times gets its
 * replies in recorded order; recorded failures are thrown. A request without a reply is a `ModelError` with code
 * `protocol` that is not retryable. Its message shows the difference from the nearest recorded request.
 *
 * @throws {CassetteError} if the file does not exist or is not a cassette.
 */
export function replayModel(file: string): Model {
  const entries = readCassette(file)
  const recordings = new Map<string, Recordings>()
  for (const entry of entries) {
    const known = recordings.get(entry.key)
    if (known === undefined) recordings.set(entry.key, { entries: [entry], replayed: 0 })
    else known.entries.push(entry)
  }
  const { name, provider } = entries[0]?.model ?? { name: 'replayed', provider: 'test' }
  return {
    name,
    provider,
    textFormat: minimaxTextFormat,
    async complete(request) {
      if (request.signal.aborted) {
        throw new ModelError('The call was aborted.', { code: 'aborted', retryable: false })
      }
      const document = requestDocument(request)
      const known = recordings.get(requestKey(document))
      const entry = known?.entries[known.replayed]
      if (known === undefined || entry === undefined) throw missError(document, known?.replayed ?? 0, entries, file)
      known.replayed++
      return replay(entry)
    },
  }
}

/** The recordings of equal requests. */
interface Recordings {
  /** In recorded order. */
  readonly entries: CassetteEntry[]
  /** Number of entries that were replayed so far. */
  replayed: number
}
