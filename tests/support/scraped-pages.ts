import type { Scenario } from '../../fixtures/scenario.ts'
import type { TimedPage } from '../../tools/prometheus/page-series.ts'
import { vllmPage } from '../../tools/prometheus/vllm-page.ts'

/** The page that a scrape of a scenario gets, `atS` seconds after its window opens. */
export function scrapeOf(scenario: Scenario, atS: number): TimedPage {
  const { window } = scenario
  return {
    text: vllmPage({ ...scenario, window: { ...window, duration_s: atS } }),
    time: new Date(Date.parse(window.start) + atS * 1000).toISOString(),
  }
}

/** Two scrapes: after a third of the window, and at its end. */
export function twoScrapes(scenario: Scenario): TimedPage[] {
  const { duration_s } = scenario.window
  return [scrapeOf(scenario, Math.round(duration_s / 3)), scrapeOf(scenario, duration_s)]
}
