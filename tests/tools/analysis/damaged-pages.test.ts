import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileSchema } from '../../../router/validation.ts'
import { analyzeSamples } from '../../../tools/analysis/analyze-samples.ts'
import { PagesError, parseMetricsPage, telemetryFromPages } from '../../../tools/index.ts'
import { metricsAnalysisSchema } from '../../../tools/schemas/metrics-analysis.ts'
import { telemetrySchema } from '../../../tools/schemas/telemetry.ts'
import type { Telemetry } from '../../../tools/types.ts'
import { checkTelemetry } from '../../../tools/validation/validate.ts'
import { recordedPage } from '../../support/recorded-pages.ts'

const slo = { ttft_p95_s: 4, inter_token_p99_s: 0.2, served_ratio: 0.85 }
const linesOf = (name: string) =>
  recordedPage(`0.32.0-${name}`)
    .split('\n')
    .filter((line) => line.startsWith('vllm:') || line.startsWith('process_start_time_seconds'))
const [before, after] = [linesOf('saturated-before'), linesOf('saturated')]

/** A family of a page that is damaged. */
interface Damage {
  readonly family: string
  readonly page: string
  /** Its new value, or `drop`. */
  readonly change: string
  /** Only every n-th line. */
  readonly every: number
}

const damage: fc.Arbitrary<Damage> = fc.record({
  family: fc.constantFrom(...new Set(after.map((line) => /^[a-zA-Z_:]+/.exec(line)?.[0] ?? ''))),
  page: fc.constantFrom('before', 'after', 'both'),
  change: fc.constantFrom('drop', 'NaN', '+Inf', '-Inf', '0', '1e300', '0.5'),
  every: fc.integer({ min: 1, max: 3 }),
})

function damaged(lines: readonly string[], page: string, all: readonly Damage[]): string {
  const changed = lines.flatMap((line, index) => {
    const found = all.find(
      (one) => (one.page === page || one.page === 'both') && line.startsWith(one.family) && index % one.every === 0,
    )
    if (found === undefined) return [line]
    return found.change === 'drop' ? [] : [line.replace(/ \S+$/, ` ${found.change}`)]
  })
  return `${changed.join('\n')}\n`
}

const telemetryIsValid = compileSchema(telemetrySchema)
const analysisIsValid = compileSchema(metricsAnalysisSchema)

test('damaged pages give a valid telemetry and analysis, or a PagesError', () => {
  let valid = 0
  fc.assert(
    fc.property(fc.array(damage, { minLength: 1, maxLength: 5 }), fc.boolean(), (all, isAlone) => {
      const texts = [damaged(before, 'before', all), damaged(after, 'after', all)]
      const pages = texts.map((text, index) => ({ text, time: `2026-11-27T20:45:${40 + 16 * index}Z` }))
      const [earlier = [], later = []] = texts.map((text) => parseMetricsPage(text).samples)
      let telemetry: Telemetry
      try {
        telemetry = telemetryFromPages(isAlone ? pages.slice(1) : pages, { slo })
      } catch (error) {
        expect(error).toBeInstanceOf(PagesError)
        return
      }
      expect(telemetryIsValid(telemetry)).toEqual([])
      checkTelemetry('pre_telemetry', telemetry)
      const analysis = analyzeSamples(telemetry, later, isAlone ? undefined : earlier)
      expect(analysisIsValid(analysis)).toEqual([])
      expect(analysis.contradictions ?? []).toEqual([])
      valid++
    }),
    {
      numRuns: 100,
      // The buckets of a part show more time than those of the whole request.
      examples: [[[{ family: 'vllm:request_queue_time_seconds_bucket', page: 'both', change: '0', every: 2 }], false]],
    },
  )
  expect(valid).toBeGreaterThan(20)
})
