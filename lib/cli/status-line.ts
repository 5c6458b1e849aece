import type { StyledText, TerminalOutput } from './terminal-output.ts'
import { clipped } from './text-layout.ts'

/** Interval at which the line is redrawn, so that the elapsed time advances. */
const redrawMs = 100

/** The last line of a terminal, which shows the current step and is replaced again and again. Without a terminal: nothing. */
export class StatusLine {
  readonly #output: TerminalOutput
  readonly #prefix: () => StyledText
  #status = ''
  #timer: NodeJS.Timeout | undefined

  /**
   * @param output the terminal.
   * @param prefix a text before the status, for example the elapsed time. It is asked for with every redraw.
   */
  constructor(output: TerminalOutput, prefix: () => StyledText) {
    this.#output = output
    this.#prefix = prefix
  }

  /** Shows a status until `clear`. It is cut at the width of the terminal. */
  show(status: string): void {
    this.clear()
    if (!this.#output.isTTY) return
    this.#status = status
    const draw = () => {
      const { style, text } = this.#prefix()
      const columns = this.#output.statusColumns
      const before = clipped(`${text}  `, columns)
      const after = ' …'
      const left = columns - before.length - after.length
      this.#output.eraseLine()
      this.#output.write({ style, text: before }, left < 1 ? '' : `${clipped(this.#status, left)}${after}`)
    }
    draw()
    this.#timer = setInterval(draw, redrawMs)
    // The status line must not keep the process running.
    this.#timer.unref()
  }

  /** Replaces the status with the next redraw, for a text that changes more often than that. */
  update(status: string): void {
    if (this.#timer === undefined) this.show(status)
    else this.#status = status
  }

  /** Removes the line. Call it before other text is printed and at the end. */
  clear(): void {
    if (this.#timer === undefined) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#output.eraseLine()
  }
}
