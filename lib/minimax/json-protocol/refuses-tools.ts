import { ModelError, type ModelErrorKind } from '../../loop/model-error.ts'

const refusals: ReadonlySet<ModelErrorKind> = new Set(['invalid_request', 'server'])

/** That a server does not know the field of the request. */
const unknownField = [
  /\b(?:unknown|unsupported|unrecognized|unexpected) (?:request )?(?:field|parameter|argument|name|key)s?(?: supplied)?:? ["'`\\]*tools\b/i,
  /["'`]tools["'`] (?:field|parameter|argument)? ?is (?:unknown|unsupported|not supported|not allowed)/i,
]

/** What servers say when they know no tools. */
const noTools = [
  ...unknownField,
  /\b(?:tools?|tool[ _](?:use|calls?|calling|choice)|functions?(?:[ _]call(?:s|ing)?)?)\b.{0,60}(?:\bnot|n't|\bun)[ -]?(?:yet )?(?:be )?(?:support|implement|allow|permit|enabl|available)/i,
  /(?:\bnot|n't|\bun)[ -]?(?:yet )?(?:support|implement|allow|permit)\w*.{0,40}\b(?:tools?|tool[ _](?:use|calls?|calling|choice)|function[ _]call)/i,
  /\b(?:unrecognized|unexpected|unsupported|extra)\b.{0,40}["'`: ]tools\b/i,
  /No endpoints found that support tool/i,
  /Failed to fetch tools/i,
  /requires --enable-auto-tool-choice/i,
]

/** Complaints about one tool, a part of it, or how many there are: the field itself is known. */
const oneTool = [
  /\btools?(?:\[|\.)["'`]?\d|\btools?["'`],\s*\d|\b\d+ (?:tools|functions)\b/i,
  /\bparameters\b(?!:? ["'`\\]*tools\b)|\bkeyword\b|\b(?:tool|function)s?(?:'s)? (?:input |parameter )?schemas?\b/i,
  /\b(?:function|tool)(?:'s)?[ _.]names?\b|\bcharacters\b|\bduplicate|\btoo many\b|\bat most\b|\bmaximum\b/i,
]

/**
 * Whether an endpoint refused a request because of its `tools` field, whatever is in it. MiniMax itself knows tools: with
 * its code 2013 it complains about what is in them, unless it says that it does not know the field.
 */
export function refusesTools(error: unknown): boolean {
  if (!(error instanceof ModelError) || !refusals.has(error.kind)) return false
  const { message, code } = error
  if (oneTool.some((pattern) => pattern.test(message))) return false
  const isMinimax = code === '2013' || message.includes('(2013)')
  return (isMinimax ? unknownField : noTools).some((pattern) => pattern.test(message))
}
