import type { Fail, MetricsFormat, MetricsPage } from './metrics-page.ts'
import { MetricsPageError } from './metrics-page.ts'
import { OpenMetrics } from './openmetrics.ts'
import { TextFormat } from './text-format.ts'

/**
 * Parses a metrics page: Prometheus text format 0.0.4 (the default), or OpenMetrics 1.0.
 *
 * Strict: what breaks the format is an error with its line, and so is a page that is cut off. Bytes have to be UTF-8;
 * a text is taken as decoded.
 *
 * @throws {MetricsPageError}
 */
export function parseMetricsPage(
  page: string | Uint8Array,
  { format = 'prometheus' }: { readonly format?: MetricsFormat } = {},
): MetricsPage {
  const text = typeof page === 'string' ? page : decoded(page)
  const lines = text.split('\n')
  // What stands after the last line feed is no whole line: of the text format it is a page that was cut.
  const rest = lines.pop() ?? ''
  const parser = format === 'openmetrics' ? new OpenMetrics() : new TextFormat()
  lines.forEach((line, index) => {
    parser.line(line, failAt(index + 1))
  })
  const failAfter = failAt(lines.length + 1)
  // Blanks at the end of the text format say nothing, with or without a line feed.
  const cut = format === 'openmetrics' ? rest !== '' : /[^ \t]/.test(rest)
  if (cut) {
    const cutOff = 'the page is cut off: its last line has no line feed'
    const ending = rest === '# EOF' && format === 'openmetrics'
    parser.line(rest, ending ? failAfter : (problem) => failAfter(`${problem}; ${cutOff}`))
    if (!ending) failAfter(cutOff)
  }
  return parser.end(failAfter)
}

function failAt(line: number): Fail {
  return (problem) => {
    throw new MetricsPageError(line, problem)
  }
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    const lenient = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
    const before = lenient.slice(0, lenient.indexOf('\ufffd'))
    throw new MetricsPageError(before.split('\n').length, 'the bytes are no valid UTF-8')
  }
}
