import type { PageWriter } from './page-writer.ts'

/** Input of {@link writeProcessMetrics}. */
interface ProcessMetricsInput {
  /** Start of the process, in Unix seconds. */
  readonly startedAt: number
  /** Requests that the process has answered. */
  readonly requests: number
  /** Output tokens that the process has sent. */
  readonly outputTokens: number
  /** Open connections of clients. */
  readonly connections: number
}

/**
 * Writes the families that `prometheus_client` has in every Python process: `python_*` and `process_*`.
 *
 * No analysis depends on their values. They are those of a vLLM 0.32.0 that is idle after its start; CPU time and garbage
 * collections grow as they did there with 118 requests and 26371 output tokens.
 */
export function writeProcessMetrics(page: PageWriter, input: ProcessMetricsInput): void {
  const { startedAt, requests, outputTokens, connections } = input
  const perGeneration = (name: string, help: string, values: readonly number[]) =>
    page.counter(
      name,
      help,
      values.map((value, generation) => [{ generation: String(generation) }, value]),
    )
  const collected = 'Objects collected during gc'
  perGeneration('python_gc_objects_collected', collected, [14_779, 2420, 1832])
  perGeneration('python_gc_objects_uncollectable', 'Uncollectable objects found during GC', [0, 0, 0])
  const young = Math.floor((requests * 69) / 118)
  const collections = [1815 + young, 165 + Math.floor(young / 10), 11 + Math.floor(young / 1000)]
  perGeneration('python_gc_collections', 'Number of times this generation was collected', collections)
  const python = { implementation: 'CPython', major: '3', minor: '12', patchlevel: '12', version: '3.12.12' }
  page.gauge('python_info', 'Python platform information', [[python, 1]])
  const gauge = (name: string, help: string, value: number) => page.gauge(`process_${name}`, help, [[{}, value]])
  gauge('virtual_memory_bytes', 'Virtual memory size in bytes.', 4_582_629_376)
  gauge('resident_memory_bytes', 'Resident memory size in bytes.', 1_090_535_424)
  gauge('start_time_seconds', 'Start time of the process since unix epoch in seconds.', startedAt)
  const cpuSeconds = Math.round((22.16 + (outputTokens * 5.11) / 26_371) * 100) / 100
  page.counter('process_cpu_seconds', 'Total user and system CPU time spent in seconds.', [[{}, cpuSeconds]])
  gauge('open_fds', 'Number of open file descriptors.', 35 + connections)
  // vLLM raises the limit of open files to this at its start.
  gauge('max_fds', 'Maximum number of open file descriptors.', 65_535)
}
