/** Bytes per token: a rule of thumb for English text and JSON. The stand-in has no tokenizer. */
const bytesPerToken = 4

export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / bytesPerToken)
}

/** The part of a request that the model reads, as JSON text: the same for streaming and non-streaming requests. */
export function promptText(body: { readonly [key: string]: unknown }): string {
  return JSON.stringify([body['messages'], body['tools'] ?? []])
}
