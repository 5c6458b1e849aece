import type { TimedLine } from './log-time.ts'

/** Classes of lines that report a wait. One such line is normal: weights load, kernels compile. */
const waits: ReadonlySet<string> = new Set(['startup_wait', 'shared_memory_broadcast'])
/** vLLM reports that it waits for its processes every 10 seconds (`STARTUP_POLL_PERIOD_MS`). */
const startupPeriod = 10
/** Longest normal wait in seconds, while the engine starts and after that. */
const longestStart = 600
const longestStep = 180

/** The engine has served a request, or can. */
const serving = /Application startup complete|Avg generation throughput: (?!0\.0 )/
/** A new process of the server starts. */
const starting = /vLLM API server version|Initializing a V\d LLM engine|Starting to load model/
/** Lines that an engine without progress writes as well: requests arrive, probes are answered, nothing is generated. */
const idle =
  /^\s*$|"GET \S|(?:Received|Added|Aborted|Aborting) request|Avg prompt throughput: 0\.0 tokens\/s, Avg generation throughput: 0\.0 /

/** Reports of a wait without a sign of progress between them. */
interface Run {
  /** Indexes of the lines. */
  readonly lines: number[]
  /** Seconds that the reports state, and those between the first and the last of them. */
  seconds: number
}

/**
 * Marks repeated waits as causes: an engine that only reports that it waits, for minutes and without progress, hangs. The
 * lines do not say why, but nothing else may say that it hangs.
 *
 * @returns the lines of the log in the same order.
 */
export function withHangs<Line extends TimedLine>(lines: readonly Line[]): readonly Line[] {
  const hangs = new Map<number, string>()
  let run: Run = { lines: [], seconds: 0 }
  let serves = false
  const close = () => {
    if (run.lines.length > 1 && run.seconds >= (serves ? longestStep : longestStart)) {
      const detail = `Repeated for ${Math.round(run.seconds)} s without progress: the engine hangs. The line does not say why.`
      for (const index of run.lines) hangs.set(index, detail)
    }
    run = { lines: [], seconds: 0 }
  }
  lines.forEach((line, index) => {
    if (line.class !== undefined && waits.has(line.class)) {
      run.lines.push(index)
      const first = lines[run.lines[0] ?? index]?.time
      const elapsed = first === undefined || line.time === undefined ? 0 : (line.time - first) / 1000
      run.seconds = Math.max(run.seconds + statedSeconds(line.message), elapsed)
      return
    }
    // Failures are not progress; further lines of a traceback have no kind, but follow one.
    if (line.kind !== undefined || line.level === 'error' || idle.test(line.message)) return
    close()
    if (serving.test(line.message)) serves = true
    else if (starting.test(line.message)) serves = false
  })
  close()
  if (hangs.size === 0) return lines
  return lines.map((line, index) => {
    const detail = hangs.get(index)
    return detail === undefined ? line : { ...line, kind: 'cause_candidate' as const, detail }
  })
}

/** Seconds that a report of a wait covers. */
function statedSeconds(message: string): number {
  return Number(/\b(\d{1,6}) seconds/.exec(message)?.[1] ?? startupPeriod)
}
