import type { Requests } from './requests.ts'
import type { ImageMemory } from './scheduler-input.ts'

/** Counts the images that the steps of a window encode, and says when a step needs more memory for them than there is. */
export class ImageEncoding {
  readonly #memory: ImageMemory
  readonly #requests: Requests
  /** Image tokens of the step in progress. */
  #tokens = 0

  constructor(memory: ImageMemory, requests: Requests) {
    this.#memory = memory
    this.#requests = requests
  }

  beginStep(): void {
    this.#tokens = 0
  }

  /** A chunk of a request, after `context` tokens. Images stand first in a prompt, and each is encoded as a whole. */
  schedule(request: number, context: number, chunk: number): void {
    const tokens = this.#requests.imageTokens[request] ?? 0
    if (context >= tokens) return
    const size = tokens / (this.#requests.images[request] ?? 1)
    const after = Math.ceil(Math.min(context + chunk, tokens) / size)
    this.#tokens += (after - Math.ceil(context / size)) * size
  }

  /** The engine's last message when this step needs too much; `undefined` when it does not. */
  get failure(): string | undefined {
    const { bytesPerToken, profiledTokens, slackBytes, message } = this.#memory
    const bytes = (this.#tokens - profiledTokens) * bytesPerToken
    return bytes > slackBytes ? message(bytes) : undefined
  }
}
