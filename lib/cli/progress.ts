import { onOneLine } from '../../router/text/on-one-line.ts'
import type { LoopEvent } from '../loop/events.ts'
import { StatusLine } from './status-line.ts'
import type { StyledText, TerminalOutput } from './terminal-output.ts'
import { reflow } from './text-layout.ts'

/** Characters of a text that is arriving in the status line, which must not wrap. Some take two of the 80 columns. */
const shownCharacters = 28

/**
 * Prints the steps of a run as they happen, one line each, with the elapsed time. A terminal also gets a status line with
 * the current step, or with the end of the text that is arriving.
 *
 * ```
 *    0.4 s  round 1/10: 6 tool calls (5312 tokens in, 118 out)
 *    0.4 s    fetch_config ok (1 ms)
 * ```
 */
export class Progress {
  readonly #output: TerminalOutput
  readonly #now: () => number
  readonly #startedAt: number
  readonly #status: StatusLine
  readonly #isQuiet: boolean
  #rounds = 0
  /** The end of the text that is arriving. */
  #text = ''

  /**
   * @param output where the lines go, usually stderr.
   * @param now source of time in milliseconds; tests pass their own.
   * @param isQuiet whether nothing is printed.
   */
  constructor(output: TerminalOutput, now: () => number, isQuiet = false) {
    this.#output = output
    this.#now = now
    this.#isQuiet = isQuiet
    this.#status = new StatusLine(output, () => this.#elapsed())
    this.#startedAt = now()
  }

  /** Prints an event of the run. Pass it as `onEvent`. */
  readonly onEvent = (event: LoopEvent): void => {
    switch (event.type) {
      case 'run-start':
        this.#rounds = event.limits.rounds
        this.line(`model ${event.model}, ${event.tools.length} tools, at most ${event.limits.rounds} rounds`)
        break
      case 'round-start':
        this.#showStatus(
          `round ${event.round}/${this.#rounds}: ${event.answerOnly ? 'asking for the answer' : 'waiting for the model'}`,
        )
        break
      case 'text-delta':
        this.#showText(event)
        break
      case 'text-reset':
        this.#text = ''
        break
      case 'reply': {
        this.#text = ''
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
        this.#showStatus(`round ${event.round}/${this.#rounds}: ${event.tool}`)
        break
      case 'tool-end': {
        const outcome = event.errorKind ?? 'ok'
        this.line(`  ${event.tool} ${outcome} (${Math.round(event.durationMs)} ms)`, event.errorKind && 'yellow')
        break
      }
      case 'retry':
        this.line(`  ${event.code}: retrying in ${Math.round(event.waitMs)} ms`, 'yellow')
        break
      case 'reply-failed':
        this.line(`  ${event.error.name === 'AbortError' ? '' : 'model call failed: '}${event.error.message}`, 'yellow')
        break
      case 'results-shortened':
        this.line(`  context window exceeded: ${event.results} older results shortened, sending again`, 'yellow')
        break
      case 'answer-rejected':
        this.line(`  answer rejected: ${event.problems.join('; ')}`, 'yellow')
        break
      case 'tool-waiting':
        this.line(`  ${event.tool} waits for a decision`, 'yellow')
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

  /** Prints one line; line breaks of the text become spaces. */
  line(text: string, style?: 'yellow'): void {
    if (this.#isQuiet) return
    this.#status.clear()
    const shown = text.replace(/\s*\n\s*/g, ' ').trimEnd()
    const elapsed = this.#elapsed()
    const indent = elapsed.text.length + 2
    const lines = reflow(shown, this.#output.listColumns - indent).replaceAll('\n', `\n${' '.repeat(indent)}`)
    this.#output.write(elapsed, '  ', style === undefined ? lines : { style, text: lines }, '\n')
  }

  /** Removes the status line. Call it before other text is printed and at the end. */
  close(): void {
    this.#status.clear()
  }

  /** Shows the end of the text that is arriving. It is drawn with the next redraw, because pieces come quickly. */
  #showText({ round, text }: { readonly round: number; readonly text: string }): void {
    this.#text = (this.#text + text).slice(-shownCharacters)
    if (!this.#isQuiet) this.#status.update(`round ${round}/${this.#rounds}: ${onOneLine(this.#text)}`)
  }

  /** Shows the current step until the next line is printed. Only a terminal can replace it. */
  #showStatus(status: string): void {
    if (!this.#isQuiet) this.#status.show(status)
  }

  /** Time since the start in seconds, as wide as that of runs of up to 1000 s. */
  #elapsed(): StyledText {
    return { style: 'dim', text: `${((this.#now() - this.#startedAt) / 1000).toFixed(1).padStart(6)} s` }
  }
}
