import { setTimeout as delay } from 'node:timers/promises'
import type { Work } from './work-contract.ts'

/** Settings of {@link makeWork}. */
export interface WorkSettings {
  /** Address to which each execution is reported. Without it, the tool reports nothing. */
  readonly toolUrl?: string
  /** Mean duration. @defaultValue 0 */
  readonly toolMs?: number
}

export function makeWork({ toolUrl, toolMs = 0 }: WorkSettings): Work {
  const pages = new Map<string, string>()
  return async ({ run, step, bytes }) => {
    if (toolUrl !== undefined) await fetch(toolUrl, { method: 'POST', body: JSON.stringify({ run, step }) })
    if (toolMs > 0) await delay(toolMs * (0.2 + 1.6 * Math.random()))
    const key = `${step}/${bytes}`
    const page = pages.get(key) ?? logPage(Number(step), bytes)
    pages.set(key, page)
    return page
  }
}

/** Lines of a log with figures that a compressor cannot guess. The same step gives the same text. */
function logPage(step: number, bytes: number): string {
  let state = ((step + 1) * 2_654_435_761) >>> 0
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state
  }
  let text = ''
  while (text.length < bytes) {
    const request = next().toString(16) + next().toString(16)
    text += `22:${next() % 60}:${next() % 60} level=info pod=vllm-${next() % 9} req=${request} ttft_ms=${next() % 4_000}\n`
  }
  return text.slice(0, bytes)
}
