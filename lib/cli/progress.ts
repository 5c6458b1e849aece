import { styleText } from 'node:util'
import { formatChange, formatFigure, headlineDeltas, tradeoffNote } from '../incident/report/figures.ts'
import type { ReportDocument } from '../incident/report/report.ts'
import type { LoopEvent } from '../loop/events.ts'

/** Where progress goes: a terminal gets a live status line, anything else one line per step. */
interface ProgressStream {
  readonly isTTY?: boolean
  write(text: string): unknown
}

const tickMs = 100

/** Prints the steps of a run as they happen: round, tool, elapsed time. */
export class Progress {
  readonly #stream: ProgressStream
  readonly #now: () => number
  readonly #startedAt: number
  #rounds = 0
  #status = ''
  #timer: NodeJS.Timeout | undefined

  constructor(stream: ProgressStream, now: () => number) {
    this.#stream = stream
    this.#now = now
    this.#startedAt = now()
  }

  readonly onEvent = (event: LoopEvent): void => {
    switch (event.type) {
      case 'run-start':
        this.#rounds = event.limits.rounds
        this.line(`model ${event.model}, ${event.tools.length} tools, at most ${event.limits.rounds} rounds`)
        break
      case 'round-start':
        this.#wait(
          `round ${event.round}/${this.#rounds}: ${event.answerOnly ? 'asking for the answer' : 'waiting for the model'}`,
        )
        break
      case 'reply': {
        const calls =
          event.calls.length === 0
            ? 'an answer'
            : `${event.calls.length} tool ${event.calls.length === 1 ? 'call' : 'calls'}`
        this.line(
          `round ${event.round}/${this.#rounds}: ${calls} (${event.usage.inputTokens} tokens in, ${event.usage.outputTokens} out)`,
        )
        break
      }
      case 'tool-start':
        this.#wait(`round ${event.round}/${this.#rounds}: ${event.tool}`)
        break
      case 'tool-end': {
        const outcome = event.errorKind ?? 'ok'
        this.line(`  ${event.tool} ${outcome} (${Math.round(event.durationMs)} ms)`, event.errorKind && 'yellow')
        break
      }
      case 'retry':
        this.line(`  ${event.code}: sent again in ${Math.round(event.waitMs)} ms`, 'yellow')
        break
      case 'reply-failed':
        this.line(`  model call failed: ${event.error.message}`, 'yellow')
        break
      case 'answer-rejected':
        this.line(`  answer sent back: ${event.problems.join('; ')}`, 'yellow')
        break
      case 'limit':
        this.line(`  limit ${event.limit}: ${event.detail}`, 'yellow')
        break
      case 'warning':
        this.line(`  warning: ${event.source}: ${event.message}`, 'yellow')
        break
      case 'repair':
        this.line(`  repaired ${event.tool}: ${event.repair.kind} ${event.repair.path}`)
        break
      case 'run-end':
        this.line(`ended: ${event.stopReason} after ${event.rounds} ${event.rounds === 1 ? 'round' : 'rounds'}`)
    }
  }

  line(text: string, style?: 'yellow'): void {
    this.#clear()
    const shown = printable(text).trimEnd()
    this.#stream.write(`${this.#elapsed()}  ${style === undefined ? shown : this.#paint(style, shown)}\n`)
  }

  close(): void {
    this.#clear()
  }

  #wait(status: string): void {
    this.#clear()
    if (!this.#stream.isTTY) return
    this.#status = status
    const draw = () => this.#stream.write(`\r\u001b[2K${this.#elapsed()}  ${this.#status} …`)
    draw()
    this.#timer = setInterval(draw, tickMs)
    this.#timer.unref()
  }

  #clear(): void {
    if (this.#timer === undefined) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#stream.write('\r\u001b[2K')
  }

  #elapsed(): string {
    return this.#paint('dim', `${((this.#now() - this.#startedAt) / 1000).toFixed(1).padStart(6)} s`)
  }

  #paint(style: 'dim' | 'yellow', text: string): string {
    return this.#stream.isTTY ? styleText(style, text) : text
  }
}

/** Model output may carry escape sequences that would command the terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ')
}

/** What the terminal says at the end: the verdict with the figures before and after. */
export function verdict(document: ReportDocument): string {
  const { validation, diagnosis, fix_plan: plan } = document
  const rows = headlineDeltas(validation.deltas).map((delta) => [
    delta.metric,
    formatFigure(delta.before, delta.unit),
    formatFigure(delta.after, delta.unit),
    formatChange(delta),
    delta.verdict,
  ])
  const lines = [
    ...(document.notice === null ? [] : [document.notice, '']),
    `Cause       ${oneLine(diagnosis.root_cause)}`,
    `Fix         ${oneLine(plan?.summary ?? 'none')}`,
    `Validation  ${validation.status}: ${oneLine([validation.summary, tradeoffNote(validation) ?? []].flat().join(' '))}`,
    ...(rows.length === 0 ? [] : ['', ...columns([['figure', 'before', 'after', 'change', ''], ...rows])]),
  ]
  return lines.join('\n')
}

function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
}

/** Model output on a terminal: one line, no control characters. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\s]+/gu, ' ').trim()
}
