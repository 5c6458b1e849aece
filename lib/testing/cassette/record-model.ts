import type { Model, ModelReply } from '../../loop/model.ts'
import { appendEntry, failed, openCassette, replied, requestDocument, requestKey } from './cassette-file.ts'

/**
 * A model that does what `model` does and writes every request with its reply or failure to a cassette: JSON lines,
 * secrets masked, one line per call, written before the reply is handed on. A call that is aborted has no outcome and is
 * not written. An existing file is continued; delete it to record anew.
 *
 * @throws {Error} Node's, where the file cannot be written.
 */
export function recordModel(model: Model, file: string): Model {
  openCassette(file)
  const { name, provider, textFormat } = model
  return {
    name,
    provider,
    textFormat,
    async complete(request) {
      // The transcript grows while the call is under way.
      const document = requestDocument(request)
      const write = (outcome: ReturnType<typeof replied>) =>
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
