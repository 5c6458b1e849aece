import type { DeploymentConfig } from '../../fixtures/deployment.ts'
import { PagesError } from '../errors.ts'
import { countersStart, finishedRequests, isoTime, labelValues, total } from '../prometheus/metric-values.ts'
import { readRuns, type TimedPage, type TimedScrape } from '../prometheus/page-series.ts'
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

/**
 * Reads pages and checks that they are of one run of an engine whose load follows from them. The order of the pages is free.
 */
export function readPages(pages: readonly TimedPage[], config: DeploymentConfig): ReadPages {
  try {
    const runs = readRuns(pages)
    const [first, second] = runs
    const start = second?.[0]
    if (start !== undefined) {
      const at = isoTime(start.atS)
      return refused([`The engine restarted before ${start.path} of ${at}. Pass the pages before or after a restart.`])
    }
    return readRun(first ?? [], config)
  } catch (error) {
    if (error instanceof PagesError) return refused([error.message])
    throw error
  }
}

/** Reads the pages of one run of an engine. */
function readRun(run: readonly TimedScrape[], { model, engine_args }: DeploymentConfig): ReadPages {
  if (run.length === 0) return refused(['There is no page. Scrape /metrics twice, some minutes apart.'])
  const reasons: string[] = []
  const scrapes = run.flatMap(({ path, atS, samples }): Scrape[] => {
    const totals = totalsOfPage(samples)
    reasons.push(...unmodelled(samples, path))
    if ('arrived' in totals) return [{ timeS: atS, samples, totals }]
    reasons.push(
      `${path} lacks ${totals.join(', ')}. It must be a page of vLLM V1 with statistics (no --disable-log-stats).`,
    )
    return []
  })
  const names = [model, engine_args['served_model_name']].filter((name) => name !== undefined && name !== null)
  // All pages of a run have the same model.
  const served = new Set(run[0]?.samples.flatMap(({ labels }) => labels['model_name'] ?? []))
  if (served.size > 0 && !names.some((name) => served.has(String(name)))) {
    reasons.push(
      `The pages are of the model "${[...served].join(', ')}", but the configuration has "${names.join('" or "')}". Correct ` +
        'model, or set engine_args.served_model_name.',
    )
  }
  const abandoned = abandonedRequests(scrapes)
  if (abandoned !== undefined) reasons.push(abandoned)
  if (reasons.length > 0) return refused([...new Set(reasons)])
  return { kind: 'read', scrapes, startedS: countersStart(run[0]?.samples ?? []) }
}

/**
 * Features in use with which the load does not follow from pages, one sentence each.
 *
 * @param path of the page, for the messages.
 */
function unmodelled(samples: readonly MetricSample[], path: string): string[] {
  const features = [
    ['vllm:mm_cache_queries_total', 'prompts with images, whose sizes a page does not show'],
    ['vllm:spec_decode_num_draft_tokens_total', 'speculative decoding'],
    ['vllm:external_prefix_cache_hits_total', 'a KV connector'],
  ] as const
  const found = features
    .filter(([name]) => (total(samples, name) ?? 0) > 0)
    .map(
      ([name, feature]) => `${path} has ${name} above 0: ${feature}. The load cannot be inferred from pages with it.`,
    )
  const engines = labelValues(samples, 'engine')
  if (engines.includes(', ')) {
    found.push(`${path} has the engines ${engines}. The load can be inferred for one engine only.`)
  }
  return found
}

/** A larger share of requests that clients gave up changes the load that a page shows. */
const mostAbandoned = 0.05

/**
 * Clients that gave up, as a sentence; `undefined` if there are few. vLLM V1 drops such a request before it counts it, but
 * the HTTP server counts its call.
 */
function abandonedRequests(scrapes: readonly Scrape[]): string | undefined {
  const [first, last] = [scrapes[0], scrapes.at(-1)]
  if (first === undefined || last === undefined) return undefined
  const change = (of: (scrape: Scrape) => number) => of(last) - of(first)
  const calls = change(({ samples }) => total(samples.filter(isGeneration), 'http_requests_total') ?? 0)
  const finished = change(({ totals }) => totals.finished)
  const abandoned = Math.max(
    calls - finished,
    change(({ samples }) => finishedRequests(samples)?.abort ?? 0),
  )
  if (abandoned <= Math.max(5, mostAbandoned * Math.max(calls, finished))) return undefined
  return (
    `${abandoned} requests were given up by their clients between the pages, and ${finished} finished. The pages do not ` +
    'show the lengths of the former, so nothing is predicted. Scrape two pages before clients give up.'
  )
}

/** Answered calls that generate text. */
function isGeneration({ labels }: MetricSample): boolean {
  const { handler = '', method, status } = labels
  return method === 'POST' && status === '2xx' && /\/(?:completions|responses|messages)$/.test(handler)
}

function refused(reasons: readonly string[]): ReadPages {
  return { kind: 'refused', reasons }
}
