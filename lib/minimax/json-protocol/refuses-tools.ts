import { ModelError, type ModelErrorKind } from '../../loop/model-error.ts'

const refusals: ReadonlySet<ModelErrorKind> = new Set(['invalid_request', 'server'])

/** What servers say when they know no tools; never what MiniMax says about a faulty use of them. */
const patterns = [
  /\b(?:tools?|tool[ _](?:use|calls?|calling|choice)|functions?(?:[ _]call(?:s|ing)?)?)\b.{0,60}(?:\bnot|n't|\bun)[ -]?(?:yet )?(?:be )?(?:support|implement|allow|permit|enabl|available)/i,
  /(?:\bnot|n't|\bun)[ -]?(?:yet )?(?:support|implement|allow|permit)\w*.{0,40}\b(?:tools?|tool[ _](?:use|calls?|calling|choice)|function[ _]call)/i,
  /\bunknown (?:field|parameter|name)s?:? ["'`\\]*tools\b/i,
  /\b(?:unrecognized|unexpected|unsupported|extra)\b.{0,40}["'`: ]tools\b/i,
  /No endpoints found that support tool/i,
  /Failed to fetch tools/i,
  /requires --enable-auto-tool-choice/i,
]

/** Whether an endpoint refused a request because of its `tools` field, whatever is in it. */
export function refusesTools(error: unknown): boolean {
  if (!(error instanceof ModelError) || !refusals.has(error.kind)) return false
  return patterns.some((pattern) => pattern.test(error.message))
}
