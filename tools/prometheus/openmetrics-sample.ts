import type { LineReader } from './line-reader.ts'
import type { Exemplar, ParsedSample } from './metrics-page.ts'
import { jsonValue, parseSeconds, parseValue } from './number-token.ts'

/** Characters of all names and values in the labels of an exemplar together. */
const exemplarLimit = 128

/** One sample line: name, labels, value, and where they stand timestamp and exemplar, each after exactly one space. */
export function readOpenMetricsSample(reader: LineReader): {
  readonly sample: ParsedSample
  /** For comparisons; `undefined` where the line has no timestamp. */
  readonly nanoseconds: bigint | undefined
} {
  const { fail } = reader
  const outside = reader.metricName()
  const { labels, name } = reader.take('{') ? reader.labels(outside) : { labels: {}, name: outside }
  if (name === undefined) return fail(`expected a metric name, found ${JSON.stringify(reader.rest.slice(0, 20))}`)
  const at = reader.rest.indexOf(' # ')
  const exemplarText = at === -1 ? undefined : reader.rest.slice(at + 3)
  const { value, timestamp } = numbers(reader, at === -1 ? reader.rest : reader.rest.slice(0, at))
  const base = { name, labels, value }
  const timed = timestamp === undefined ? base : { ...base, timestamp_ms: timestamp.milliseconds }
  if (exemplarText === undefined) return { sample: timed, nanoseconds: timestamp?.nanoseconds }
  reader.take(reader.rest.slice(0, at + 3))
  return { sample: { ...timed, exemplar: readExemplar(reader) }, nanoseconds: timestamp?.nanoseconds }
}

function readExemplar(reader: LineReader): Exemplar {
  if (!reader.take('{')) return reader.fail('expected "{" at the beginning of an exemplar')
  const { labels, name } = reader.labels(undefined)
  if (name !== undefined) return reader.fail('an exemplar has labels only, no metric name')
  const length = Object.entries(labels).reduce((sum, [label, text]) => sum + [...label].length + [...text].length, 0)
  if (length > exemplarLimit) {
    return reader.fail(`the labels of an exemplar have ${length} characters; at most ${exemplarLimit} are allowed`)
  }
  const { value, timestamp } = numbers(reader, reader.rest)
  return { labels, value, ...(timestamp === undefined ? {} : { timestamp_ms: timestamp.milliseconds }) }
}

/** ` value` or ` value timestamp`. */
function numbers({ fail }: LineReader, text: string) {
  const [before, token, time, ...more] = text.split(' ')
  if (before !== '' || token === undefined || token === '')
    return fail(`expected one space and a value, found ${JSON.stringify(text.slice(0, 20))}`)
  if (more.length > 0) return fail(`expected the end of the line, found ${JSON.stringify(more.join(' '))}`)
  const value = jsonValue(parseValue(token) ?? fail(`${JSON.stringify(token)} is not a number`))
  if (time === undefined) return { value, timestamp: undefined }
  const timestamp = parseSeconds(time) ?? fail(`timestamp ${JSON.stringify(time)} is not in seconds`)
  return { value, timestamp }
}
