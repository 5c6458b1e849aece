/** npm and other runners pass a Ctrl-C on that the terminal has sent to every process already: within so long it is the same one. */
const sameMs = 1_000

/** A signal that is aborted by the first Ctrl-C or SIGTERM; another one, later, ends the process at once. */
export function interruption(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController()
  let firstAt = 0
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      if (performance.now() - firstAt > sameMs) process.exit(130)
      return
    }
    firstAt = performance.now()
    controller.abort(new DOMException(`Interrupted by ${name}.`, 'AbortError'))
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return {
    signal: controller.signal,
    // Once it was interrupted the process is about to end: a repetition of the signal must not end it in another way.
    release: () => {
      if (!controller.signal.aborted) process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
    },
  }
}
