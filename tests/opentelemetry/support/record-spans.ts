import type { Tracer } from '@opentelemetry/api'
import { BasicTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-base'

/** A tracer and its spans so far. */
export interface RecordedSpans {
  readonly tracer: Tracer
  /** Names of all spans, in the order in which they started. */
  readonly started: () => readonly string[]
  /** All spans that ended, in the order in which they ended. */
  readonly ended: () => readonly ReadableSpan[]
}

/** A tracer of the real SDK that keeps its spans. A span that is left open is in `started` and not in `ended`. */
export function recordSpans(): RecordedSpans {
  const started: string[] = []
  const ended: ReadableSpan[] = []
  const provider = new BasicTracerProvider({
    spanProcessors: [
      {
        onStart: ({ name }) => void started.push(name),
        onEnd: (span) => void ended.push(span),
        forceFlush: () => Promise.resolve(),
        shutdown: () => Promise.resolve(),
      },
    ],
  })
  return { tracer: provider.getTracer('test'), started: () => started, ended: () => ended }
}
