import type { Requests } from './requests.ts'
import type { StepBatch } from './step-batch.ts'

/** GPU memory that encoding images takes at run time, beyond the memory that profiling reserved. */
export interface ImageMemory {
  /** Bytes per image token of one step. */
  readonly bytesPerToken: number
  /** Image tokens of one step that profiling reserved memory for. */
  readonly profiledTokens: number
  /** Free memory. */
  readonly slackBytes: number
  /** The engine's last message if `bytes` more than the reserved memory are needed. */
  readonly message: (bytes: number) => string
}

/** Counts the image tokens that a step encodes, and detects a step that needs more memory than there is. */
export class ImageEncoding {
  readonly #memory: ImageMemory
  readonly #requests: Requests

  /**
   * @param memory memory that images take.
   * @param requests the requests, with their images.
   */
  constructor(memory: ImageMemory, requests: Requests) {
    this.#memory = memory
    this.#requests = requests
  }

  /** Counts the image tokens of a batch. Images come first in a prompt; each is encoded as a whole. */
  measure(batch: StepBatch): void {
    for (let position = 0; position < batch.count; position++) {
      const request = batch.requests[position] ?? 0
      const tokens = this.#requests.imageTokens[request] ?? 0
      const end = batch.ends[position] ?? 0
      const context = end - (batch.chunks[position] ?? 0)
      if (context >= tokens) continue
      const size = tokens / (this.#requests.images[request] ?? 1)
      const after = Math.ceil(Math.min(end, tokens) / size)
      batch.imageTokens += (after - Math.ceil(context / size)) * size
    }
  }

  /** The engine's last message if a batch needs too much memory, otherwise `undefined`. */
  failure({ imageTokens }: StepBatch): string | undefined {
    const { bytesPerToken, profiledTokens, slackBytes, message } = this.#memory
    const bytes = (imageTokens - profiledTokens) * bytesPerToken
    return bytes > slackBytes ? message(bytes) : undefined
  }
}
