import { MetricsPageError } from '../errors.ts'
import type { Fail, MetricsFormat, MetricsPage } from './metrics-page.ts'
import { OpenMetrics } from './openmetrics.ts'
import { TextFormat } from './text-format.ts'

/**
 * Parses a metrics page.
 *
 * The parser is strict: it rejects a page that breaks its format or is cut off, and names the line.
 *
 * @param page bytes, which must be UTF-8, or decoded text.
 * @param options `format` is `prometheus` (text format 0.0.4, the default) or `openmetrics` (OpenMetrics 1.0).
 * @throws {MetricsPageError} if the page breaks its format.
 */
export function parseMetricsPage(
  page: string | Uint8Array,
  { format = 'prometheus' }: { readonly format?: MetricsFormat } = {},
): MetricsPage {
  const text = typeof page === 'string' ? page : decoded(page)
  const lines = text.split('\n')
  // Text after the last line feed is not a complete line: the page was cut off.
  const rest = lines.pop() ?? ''
  const parser = format === 'openmetrics' ? new OpenMetrics() : new TextFormat()
  lines.forEach((line, index) => {
    parser.line(line, failAt(index + 1))
  })
  const failAfter = failAt(lines.length + 1)
  // The text format allows spaces and tabs at the end.
  const cut = format === 'openmetrics' ? rest !== '' : /[^ \t]/.test(rest)
  if (cut) {
    const cutOff = 'the page is cut off: its last line has no line feed'
    const ending = rest === '# EOF' && format === 'openmetrics'
    parser.line(rest, ending ? failAfter : (problem) => failAfter(`${problem}; ${cutOff}`))
    if (!ending) failAfter(cutOff)
  }
  return parser.end(failAfter)
}

/** Errors for problems on one line. */
function failAt(line: number): Fail {
  return (problem) => {
    throw new MetricsPageError(line, problem)
  }
}

/** Decodes UTF-8 strictly. The lenient decoder is only used to find the line of the first invalid byte. */
function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    const lenient = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
    const before = lenient.slice(0, lenient.indexOf('\ufffd'))
    throw new MetricsPageError(before.split('\n').length, 'the bytes are not valid UTF-8')
  }
}
