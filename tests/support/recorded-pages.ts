import { readFileSync } from 'node:fs'

/** The pages of the saturated server are in an incident folder, so their names there state their times. */
const moved: Readonly<Record<string, string>> = {
  '0.32.0-saturated-before': 'saturated-server/metrics-2026-11-27T20-46-06Z.prom',
  '0.32.0-saturated': 'saturated-server/metrics-2026-11-27T20-46-22Z.prom',
}

/** The text of a metrics page that was recorded from a real server, e.g. `0.32.0-idle`. */
export function recordedPage(name: string): string {
  const file = moved[name] ?? `metrics/${name}.txt`
  return readFileSync(new URL(`../reference/vllm/${file}`, import.meta.url), 'utf8')
}
