import type { Incident } from '../scenario-source.ts'
import { timedLines } from './read-lines.ts'

/** Lines with which a start of vLLM begins, the earliest one first. Not every log has all of them. */
export const engineStartPatterns: readonly RegExp[] = [
  /^non-default args\b/,
  /\bversion v?\d+\.\d+/,
  /^Initializing a V\d LLM engine/,
]

/** The line with which a start of vLLM ends: from now on it serves. */
export const engineReadyPattern = /^Application startup complete/

/**
 * Lines that only an engine that serves writes: figures with requests or tokens, and a request of the API that succeeded. They
 * prove that it became ready where the log does not have {@link engineReadyPattern}.
 */
export const engineServesPatterns: readonly RegExp[] = [
  /\bRunning: [1-9]\d* reqs\b/,
  /\bthroughput: (?!0+(?:\.0+)? )\d+(?:\.\d+)? tokens\/s/,
  /"POST \/\S+ HTTP\/[\d.]+" 200\b/,
]

/**
 * How long the last complete start of the engine took, as its log shows it, in seconds.
 *
 * @returns `undefined` if the log has no complete start with times.
 */
export function loggedStartSeconds(incident: Incident): number | undefined {
  const lines = (timedLines(incident, 'vllm') ?? []).filter(({ kind }) => kind === undefined)
  const end = lines.findLastIndex(({ message }) => engineReadyPattern.test(message.trim()))
  const before = lines.slice(0, Math.max(0, end))
  const begin = engineStartPatterns
    .map((pattern) => before.findLast(({ message }) => pattern.test(message)))
    .find((line) => line !== undefined)
  const [from, to] = [begin?.time, lines[end]?.time]
  return from === undefined || to === undefined || to <= from ? undefined : (to - from) / 1000
}
