import { MetricsPageError } from '../errors.ts'
import type { Fail, MetricsPage } from './metrics-page.ts'
import { PrometheusTextParser } from './prometheus-text.ts'

/**
 * Parses a metrics page in the Prometheus text format 0.0.4, which vLLM's `/metrics` returns. A page that ends with
 * `# EOF` is in the OpenMetrics format, which vLLM returns to a client that asks for it.
 *
 * The parser is strict: it rejects a page that breaks the format or is cut off, and names the line.
 *
 * @param page bytes, which must be UTF-8, or decoded text.
 * @throws {MetricsPageError} if the page breaks the format.
 */
export function parseMetricsPage(page: string | Uint8Array): MetricsPage {
  const text = typeof page === 'string' ? page : decoded(page)
  const lines = text.split('\n')
  // Text after the last line feed is not a complete line: the page was cut off. Only spaces and tabs may follow it.
  const rest = lines.pop() ?? ''
  const parser = new PrometheusTextParser(/(?:^|\n)# EOF\n?$/.test(text))
  lines.forEach((line, index) => {
    parser.line(line, failAt(index + 1))
  })
  if (/[^ \t]/.test(rest)) {
    const fail = failAt(lines.length + 1)
    const cutOff = 'the page is cut off: its last line has no line feed'
    // A problem inside the incomplete line is named first.
    parser.line(rest, (problem) => fail(`${problem}; ${cutOff}`))
    fail(cutOff)
  }
  return parser.end()
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
