// Makes the messages of a run shorter when they no longer fit into the model's context window.

import { isObject, parseJson } from '../../router/json/json.ts'
import { fullValueHint } from '../../router/result-content.ts'
import { clip } from '../../router/text/clip.ts'
import { isPartial, type ToolResult } from '../../router/tool-call.ts'
import type { ActiveRun } from './run-state.ts'
import { toRecordedResult } from './save-checkpoint.ts'

/** The outcome of {@link shortenResults}. */
export interface Shortened {
  /** Number of results that were shortened. */
  readonly results: number
  /** UTF-8 bytes of the messages that were saved. */
  readonly savedBytes: number
}

/** Content with more bytes than that is large. */
const largeBytes = 1_024
/** Bytes that are left of a large result: enough to remember what it was about. */
const keptBytes = 512

/** Share of the bytes of all messages that is to be saved. Nobody knows the size of the window, and half usually fits. */
const wantedShare = 1 / 2
/** If the older results save this share, those of the last reply stay: the model has not seen them yet. */
const sufficientShare = 1 / 4

const leftOut = 'left out, because the conversation became too long'

/** Whether the model was shown more of a result than the content that is left. */
export function wasShortened(result: ToolResult): boolean {
  return result.clipped && result.content.includes(leftOut)
}

/**
 * Shortens the oldest large tool results in the messages, until enough is saved or no large result is left. The results of
 * the last reply are shortened only if the older ones save too little.
 *
 * The values stay complete, so that calls can refer to them. Results of `history` have no value here; they are shortened,
 * too. Failed calls stay as they are.
 *
 * @returns `undefined` if there is nothing to shorten.
 */
export function shortenResults(run: ActiveRun): Shortened | undefined {
  const { messages, history } = run
  const before = messages.bytes
  const positions = [...messages.list.keys()].filter((index) => messages.list[index]?.role === 'tool')
  // The results of this run are the last ones: those of `history` come before them.
  const older = positions.length - history.finished.length
  const lastReply = messages.list.findLastIndex(({ role }) => role === 'assistant')
  let results = 0
  for (const [order, position] of positions.entries()) {
    const savedShare = (before - messages.bytes) / before
    if (savedShare >= (position > lastReply ? sufficientShare : wantedShare)) break
    if (shorten(run, position, order - older)) results++
  }
  return results === 0 ? undefined : { results, savedBytes: before - messages.bytes }
}

/**
 * Shortens one message, and the result of this run that it belongs to.
 *
 * @param index index of the finished call; negative for a result of `history`.
 * @returns whether it was large.
 */
function shorten(run: ActiveRun, position: number, index: number): boolean {
  const finished = run.history.finished[index]
  if (finished?.result.status === 'error') return false
  const json = run.messages.list[position]?.json ?? ''
  // A UTF-16 code unit takes at most three bytes.
  if (json.length * 3 <= largeBytes) return false
  const message = parseJson(json)
  const content = isObject(message) ? message['content'] : undefined
  if (!isObject(message) || typeof content !== 'string' || Buffer.byteLength(content) <= largeBytes) return false
  const hasValue = finished !== undefined && run.history.result(finished.result.id) !== undefined
  const hint = hasValue ? `; ${fullValueHint(finished.call, finished.result)}` : ''
  const marker = (left: number, total: number) => `\n[… ${left} of ${total} bytes ${leftOut}${hint} …]\n`
  const short = clip(content, keptBytes + Buffer.byteLength(marker(content.length, content.length)), marker).text
  run.messages.replace(position, { role: 'tool', json: JSON.stringify({ ...message, content: short }) })
  if (finished === undefined) return true
  run.history.replace(index, { ...finished.result, content: short, clipped: true })
  const shortened = run.history.finished[index]
  const record = run.state.results[index]
  if (shortened === undefined || record === undefined) return true
  // The record of a result whose content is not its value has the value already, unless it is lost.
  if (!isPartial(finished.result)) run.state.results[index] = toRecordedResult(shortened)
  else if (record.view !== undefined) run.state.results[index] = { ...record, view: 'clipped' }
  return true
}
