import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import { MetricsPageError } from '../errors.ts'
import { total, withCurrentNames } from '../prometheus/metric-values.ts'
import { startOf, type TimedPage } from '../prometheus/page-series.ts'
import { parseMetricsPage } from '../prometheus/parse-metrics-page.ts'
import type { MetricSample } from '../types.ts'
import { type PageTotals, totalsOfPage } from './page-totals.ts'

/** One scrape of an engine. */
export interface Scrape {
  /** Time in Unix seconds. */
  readonly timeS: number
  /** Totals since the start of the engine. */
  readonly totals: PageTotals
  /** All samples of the page. */
  readonly samples: readonly MetricSample[]
}

/** Scrapes of one engine in order of time, or why the pages are not that. */
export type ReadPages =
  | { readonly kind: 'read'; readonly scrapes: readonly Scrape[]; readonly startedS: number | undefined }
  | { readonly kind: 'refused'; readonly reasons: readonly string[] }

/** Reads pages and checks that they are of one running engine whose work the simulation models. */
export function readPages(pages: readonly TimedPage[], { model, engine_args }: DeploymentConfig): ReadPages {
  if (pages.length === 0) return refused('There is no page. Scrape /metrics twice, some minutes apart.')
  const reasons: string[] = []
  const scrapes = pages.flatMap((page, index) => {
    const scrape = readPage(page, index)
    if (typeof scrape !== 'string') return [scrape]
    reasons.push(scrape)
    return []
  })
  if (reasons.length > 0) return { kind: 'refused', reasons }
  const started = new Set<number | undefined>()
  const names = [model, engine_args['served_model_name']].filter((name) => name !== undefined && name !== null)
  for (const [index, { timeS, totals, samples }] of scrapes.entries()) {
    const before = scrapes[index - 1]
    if (before !== undefined && timeS <= before.timeS) {
      reasons.push(
        `pages[${index}] was scraped at ${timeS} (Unix seconds), which is not after pages[${index - 1}] at ` +
          `${before.timeS}. Pass the pages in order of time.`,
      )
    }
    if (before !== undefined && totals.finished < before.totals.finished) {
      reasons.push(`Counters of pages[${index}] are lower than before: the engine restarted. Pass pages of one run.`)
    }
    started.add(startOf(samples))
    reasons.push(...unmodelled(samples, index))
    const served = new Set(samples.map(({ labels }) => labels['model_name']).filter((name) => name !== undefined))
    if (index > 0 || served.size === 0 || names.some((name) => served.has(String(name)))) continue
    reasons.push(
      `pages[0] is of the model "${[...served].join(', ')}", but the configuration has "${names.join('" or "')}". Correct ` +
        'model, or set engine_args.served_model_name.',
    )
  }
  if (started.size > 1) {
    reasons.push(
      'The pages have different start times of the counters: they are of several servers, or after a restart.',
    )
  }
  const startedS = createdOf(scrapes[0]?.samples ?? [])
  return reasons.length > 0 ? { kind: 'refused', reasons: [...new Set(reasons)] } : { kind: 'read', scrapes, startedS }
}

/** One page; the reason if it cannot be used. */
function readPage({ text, time, atS }: TimedPage, index: number): Scrape | string {
  const timeS = time === undefined ? atS : Date.parse(time) / 1000
  if (timeS === undefined) return `pages[${index}] has neither time nor atS. Pass the time of the scrape.`
  if (!Number.isFinite(timeS)) return `pages[${index}].time is "${time ?? atS}", but it must be an ISO 8601 time.`
  if (text.length === 0) return `pages[${index}] is empty: the engine did not answer. Scrape a running engine.`
  try {
    const samples = withCurrentNames(parseMetricsPage(text).samples)
    const totals = totalsOfPage(samples)
    if (!('arrived' in totals)) {
      return `pages[${index}] lacks ${totals.join(', ')}. It must be a page of vLLM V1 with statistics (no --disable-log-stats).`
    }
    return { timeS, samples, totals }
  } catch (error) {
    if (error instanceof MetricsPageError) return `pages[${index}] cannot be read: ${error.message}.`
    throw error
  }
}

/** Features in use that the simulation of an inferred load does not have, one sentence each. */
function unmodelled(samples: readonly MetricSample[], index: number): string[] {
  const engines = new Set(
    samples.filter(({ name }) => name === 'vllm:num_requests_running').map(({ labels }) => labels['engine'] ?? '0'),
  )
  const features = [
    ['vllm:mm_cache_queries_total', 'prompts with images, whose sizes a page does not show'],
    ['vllm:spec_decode_num_draft_tokens_total', 'speculative decoding'],
    ['vllm:external_prefix_cache_hits_total', 'a KV connector'],
  ] as const
  const found = features
    .filter(([name]) => (total(samples, name) ?? 0) > 0)
    .map(([name, feature]) => `pages[${index}] has ${name} above 0: ${feature}. The simulation does not model that.`)
  if (engines.size > 1) {
    found.push(
      `pages[${index}] has ${engines.size} engines (label engine). Pass the samples of one engine, with the configuration of one.`,
    )
  }
  return found
}

/** When the counters of the engine began, in Unix seconds; `undefined` if the page does not say it. */
function createdOf(samples: readonly MetricSample[]): number | undefined {
  const created = samples.find(({ name }) => name === 'vllm:generation_tokens_created')?.value
  return typeof created === 'number' && created > 0 ? created : undefined
}

function refused(reason: string): ReadPages {
  return { kind: 'refused', reasons: [reason] }
}
