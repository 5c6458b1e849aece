import { numberHidden } from '../../../../router/text/on-one-line.ts'
import type { ReportDocument } from '../report-schema.ts'

/** How much of a document a page shows. */
export interface PageLimits {
  /** UTF-16 code units of a text. */
  readonly text: number
  /** Items of a list and members of an object. */
  readonly items: number
  /** Points of a line in a plot. */
  readonly points: number
}

/** A document that is ready for a page. */
export interface FittedDocument {
  /** The document. Its texts have no hidden characters. */
  readonly document: ReportDocument
  /** Lists that were cut, such as `timeline: 12 of 212`, and texts that were cut. Empty if the page has everything. */
  readonly leftOut: readonly string[]
}

/**
 * Prepares a document for a page: hidden characters are shown by their numbers, and what is longer than the limits is cut.
 * All text of a page goes through here, so no component needs to think of it.
 */
export function fitDocument(document: ReportDocument, limits: PageLimits): FittedDocument {
  const leftOut: string[] = []
  const { charts, ...rest } = document
  const fitted = {
    ...fitValue(rest, '', limits, leftOut),
    charts: {
      ...fitValue({ ...charts, series: [], distributions: [] }, 'charts', limits, leftOut),
      series: charts.series.map((series) => ({
        ...fitValue({ ...series, before: [], after: null }, 'charts', limits, leftOut),
        before: fewer(series.before, limits.points),
        after: series.after === null ? null : fewer(series.after, limits.points),
      })),
      distributions: charts.distributions.map((distribution) => ({
        ...fitValue({ ...distribution, before: [], after: null }, 'charts', limits, leftOut),
        before: fewer(distribution.before, limits.points),
        after: distribution.after === null ? null : fewer(distribution.after, limits.points),
      })),
    },
  }
  return { document: fitted, leftOut }
}

/** A member that a page does not show. */
const notShown = 'agent_trace'

/** Figures, of which there is a fixed number: none is left out. Their texts are not trusted and are fitted, too. */
const figures = /^(?:(?:pre|post)_telemetry|validation\.deltas)$/

/** Fewest members of an object before it is cut: more than the document itself has. */
const minMembers = 60

/** A copy with fitted texts and lists. */
function fitValue<T>(value: T, path: string, limits: PageLimits, leftOut: string[]): T
function fitValue(value: unknown, path: string, limits: PageLimits, leftOut: string[]): unknown {
  if (typeof value === 'string') return fitText(value, path, limits, leftOut)
  if (typeof value !== 'object' || value === null || path === notShown) return value
  if (figures.test(path) && limits.items < Number.POSITIVE_INFINITY) {
    return fitValue(value, path, { ...limits, items: Number.POSITIVE_INFINITY }, leftOut)
  }
  if (Array.isArray(value)) {
    return first(value, limits.items, path, leftOut).map((item) => fitValue(item, path, limits, leftOut))
  }
  const members = first(Object.entries(value), Math.max(limits.items, minMembers), path, leftOut)
  return Object.fromEntries(
    members.map(([name, member]) => [
      fitText(name, path, limits, leftOut),
      fitValue(member, path === '' ? name : `${path}.${name}`, limits, leftOut),
    ]),
  )
}

function first<T>(items: readonly T[], limit: number, path: string, leftOut: string[]): readonly T[] {
  if (items.length > limit) leftOut.push(`${path}: ${items.length - limit} of ${items.length}`)
  return items.slice(0, limit)
}

function fitText(text: string, path: string, { text: maxLength }: PageLimits, leftOut: string[]): string {
  // Most texts are short, and each hidden character becomes several others, so the cut is made before.
  if (text.length <= maxLength) return numberHidden(text)
  leftOut.push(`${path}: ${text.length - maxLength} characters`)
  return `${numberHidden(text.slice(0, maxLength).replace(/\p{Cs}$/u, ''))} … (${text.length - maxLength} more characters)`
}

/** At most `limit` points. Of each group of neighbours the lowest and the highest stay, so that no peak disappears. */
function fewer<P extends readonly number[]>(points: readonly P[], limit: number): P[] {
  if (points.length <= limit) return [...points]
  const size = Math.ceil((2 * points.length) / limit)
  const kept: P[] = []
  for (let start = 0; start < points.length; start += size) {
    let [lowest, highest] = [start, start]
    for (let index = start; index < Math.min(start + size, points.length); index++) {
      const value = points[index]?.[1] ?? 0
      if (value < (points[lowest]?.[1] ?? 0)) lowest = index
      if (value > (points[highest]?.[1] ?? 0)) highest = index
    }
    const both = new Set([Math.min(lowest, highest), Math.max(lowest, highest)])
    for (const index of both) kept.push(...points.slice(index, index + 1))
  }
  return kept
}
