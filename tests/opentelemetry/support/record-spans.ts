import type { Tracer } from '@opentelemetry/api'
import { BasicTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-base'

export interface RecordedSpans {
  readonly tracer: Tracer
  readonly started: () => readonly string[]
  /** In the order in which they ended. */
  readonly ended: () => readonly ReadableSpan[]
}

/** A tracer of the real SDK, and what it was told so far: a span that is left open is started and never ended. */
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
