import { Distribution } from './distribution.ts'
import type { DraftCounts } from './draft-acceptance.ts'
import type { AcceptedRequests } from './requests.ts'
import type { Scheduler } from './scheduler.ts'
import type { EngineWindow, Interval, SimulatedWindow } from './window.ts'

/** The part of a window that one engine shows. `assigned`: its requests; absent: all. */
export function engineWindow(
  { recorder, counts, state, running, waiting, kvUsage, oldestWaitingS }: Scheduler,
  { images, imagesFound }: AcceptedRequests,
  assigned?: readonly number[],
): EngineWindow {
  const sum = (column: Int32Array = new Int32Array()) =>
    (assigned === undefined ? [...column] : assigned.map((request) => column[request] ?? 0)).reduce(
      (total, count) => total + count,
      0,
    )
  return {
    counts: { images: sum(images), imagesFound: sum(imagesFound), ...counts, ...recorder.totals },
    drafts: recorder.drafts,
    end: { inFrontEnd: state.waiting.expected, running, waiting, kvUsage, oldestWaitingS },
    occupancy: recorder.occupancy(),
    observed: recorder.observed,
    timeline: recorder.timeline,
    finished: recorder.finished,
  }
}

/**
 * All engines together: counts and observations are added up, the usage of the KV cache is the mean of the engines, and
 * its maximum is that of the fullest engine. The largest numbers of requests are sums of the engines' own maxima.
 */
export function together([first, ...others]: readonly [EngineWindow, ...EngineWindow[]]): EngineWindow {
  if (others.length === 0) return first
  const engines = [first, ...others]
  const sum = (of: (engine: EngineWindow) => number) => engines.reduce((total, engine) => total + of(engine), 0)
  const mean = (of: (engine: EngineWindow) => number) => sum(of) / engines.length
  const largest = (of: (engine: EngineWindow) => number) => Math.max(...engines.map(of))
  const count = (name: keyof EngineWindow['counts']) => sum(({ counts }) => counts[name])
  const distribution = (name: keyof EngineWindow['observed']) => {
    const all = new Distribution()
    for (const { observed } of engines) all.addAll(observed[name])
    return all
  }
  return {
    counts: {
      stopped: count('stopped'),
      cutByLength: count('cutByLength'),
      aborted: count('aborted'),
      errored: count('errored'),
      preemptions: count('preemptions'),
      promptTokens: count('promptTokens'),
      cachedPromptTokens: count('cachedPromptTokens'),
      generationTokens: count('generationTokens'),
      prefixQueries: count('prefixQueries'),
      prefixHits: count('prefixHits'),
      externalQueries: count('externalQueries'),
      externalHits: count('externalHits'),
      externalPromptTokens: count('externalPromptTokens'),
      images: count('images'),
      imagesFound: count('imagesFound'),
    },
    drafts: allDrafts(engines),
    end: {
      inFrontEnd: sum(({ end }) => end.inFrontEnd),
      running: sum(({ end }) => end.running),
      waiting: sum(({ end }) => end.waiting),
      kvUsage: mean(({ end }) => end.kvUsage),
      oldestWaitingS: largest(({ end }) => end.oldestWaitingS),
    },
    occupancy: {
      runningMean: sum(({ occupancy }) => occupancy.runningMean),
      runningMax: sum(({ occupancy }) => occupancy.runningMax),
      waitingMean: sum(({ occupancy }) => occupancy.waitingMean),
      waitingMax: sum(({ occupancy }) => occupancy.waitingMax),
      kvUsageMean: mean(({ occupancy }) => occupancy.kvUsageMean),
      kvUsageMax: largest(({ occupancy }) => occupancy.kvUsageMax),
    },
    observed: {
      ttft: distribution('ttft'),
      interToken: distribution('interToken'),
      e2e: distribution('e2e'),
      queue: distribution('queue'),
      prefill: distribution('prefill'),
      decode: distribution('decode'),
      inference: distribution('inference'),
      timePerOutputToken: distribution('timePerOutputToken'),
      promptTokens: distribution('promptTokens'),
      generationTokens: distribution('generationTokens'),
      computedPromptTokens: distribution('computedPromptTokens'),
      iterationTokens: distribution('iterationTokens'),
      preemptions: distribution('preemptions'),
    },
    timeline: first.timeline.map((_, index) => interval(engines.flatMap(({ timeline }) => timeline[index] ?? []))),
    finished: engines.flatMap(({ finished }) => finished).toSorted((a, b) => a.atS - b.atS),
  }
}

/** The same interval of several engines. */
function interval(intervals: readonly Interval[]): Interval {
  const sum = (name: Exclude<keyof Interval, 'drafts' | 'deferred' | 'observed'>) =>
    intervals.reduce((total, one) => total + one[name], 0)
  const mean = (name: Exclude<keyof Interval, 'drafts' | 'deferred' | 'observed'>) => sum(name) / intervals.length
  const drafts = allDrafts(intervals)
  return {
    endS: mean('endS'),
    promptTokens: sum('promptTokens'),
    cachedPromptTokens: sum('cachedPromptTokens'),
    generationTokens: sum('generationTokens'),
    preemptions: sum('preemptions'),
    running: sum('running'),
    waiting: sum('waiting'),
    kvUsage: mean('kvUsage'),
    busy: mean('busy'),
    memoryBusy: mean('memoryBusy'),
    ...(drafts === undefined ? {} : { drafts }),
  }
}

/** The drafts of several engines; `undefined` without speculative decoding. */
function allDrafts(parts: readonly { readonly drafts?: Readonly<DraftCounts> | undefined }[]): DraftCounts | undefined {
  const counts = parts.flatMap(({ drafts }) => drafts ?? [])
  const [first] = counts
  if (first === undefined) return undefined
  const sum = (of: (one: Readonly<DraftCounts>) => number) => counts.reduce((total, one) => total + of(one), 0)
  return {
    drafts: sum(({ drafts }) => drafts),
    draftTokens: sum(({ draftTokens }) => draftTokens),
    acceptedTokens: sum(({ acceptedTokens }) => acceptedTokens),
    acceptedPerPosition: first.acceptedPerPosition.map((_, position) =>
      sum(({ acceptedPerPosition }) => acceptedPerPosition[position] ?? 0),
    ),
  }
}

/** The window as if one of its engines had served alone. */
export function windowOfEngine(window: SimulatedWindow, engine: EngineWindow): SimulatedWindow {
  return { ...window, ...engine, counts: { ...window.counts, ...engine.counts }, engines: [engine] }
}
