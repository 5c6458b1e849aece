import { ModelError } from '../../loop/errors.ts'
import type { Model } from '../../loop/model.ts'
import { minimaxTextFormat } from '../../minimax/markup/text-format.ts'
import { type CassetteEntry, play, readCassette, requestDocument, requestKey } from './cassette-file.ts'
import { miss } from './cassette-miss.ts'

/**
 * A model that answers from a cassette of `recordModel`, and from nothing else. A request that was recorded several
 * times gets its replies in recorded order; recorded failures are thrown. A request without a reply fails with a
 * `ModelError` with code `protocol` that is not retryable and shows where it differs from the nearest recorded one.
 *
 * @throws {Error} where there is no such file, or it is no cassette.
 */
export function replayModel(file: string): Model {
  const entries = readCassette(file)
  const tracks = new Map<string, Track>()
  for (const entry of entries) {
    const track = tracks.get(entry.key)
    if (track === undefined) tracks.set(entry.key, { entries: [entry], played: 0 })
    else track.entries.push(entry)
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
      const track = tracks.get(requestKey(document))
      const entry = track?.entries[track.played]
      if (track === undefined || entry === undefined) throw miss(document, track?.played ?? 0, entries, file)
      track.played++
      return play(entry)
    },
  }
}

/** The outcomes of one and the same request. */
interface Track {
  readonly entries: CassetteEntry[]
  played: number
}
