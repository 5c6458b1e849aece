// Many runs share one event loop. When the replies of many models arrive together, Node handles all of them before anything
// else: with 200 runs a timer, a heartbeat or a request of the application waited for hundreds of milliseconds. So the runs of
// a process share time slices. When a slice is used up, further runs wait for the next turn of the event loop.

import { performance } from 'node:perf_hooks'
import { nextTick } from 'node:process'
import { setImmediate } from 'node:timers'

/** Milliseconds that all runs of the process together use in one turn of the event loop, and the rest of the last step. */
const sliceMs = 10

/** Fewer runs cannot block the event loop for long, and a turn costs a little. */
const fewRuns = 8

let runs = 0
/** When the slice began. The next one begins in another turn, when a run asks for it. */
let startedAt = Number.NEGATIVE_INFINITY
/**
 * The run that is doing its step, or was the last to do one. A step is a chain of microtasks, which those of other runs would
 * interrupt.
 */
let active: Turns | undefined
const waiting: { readonly turns: Turns; readonly go: () => void }[] = []
/** Whether the first of the waiting runs will be let go. */
let isScheduled = false

/** The turns of one run. It counts from its beginning until it leaves. */
export class Turns {
  constructor() {
    runs++
  }

  /** Call it before a step of the run. @returns a promise to wait for, or `undefined` if the run can go on at once. */
  next(): Promise<void> | undefined {
    if (runs < fewRuns && waiting.length === 0) return undefined
    // A run that goes on with its step does not wait for others.
    const isFree = active === this || (active === undefined && waiting.length === 0)
    if (isFree && isSliceLeft()) {
      active = this
      return undefined
    }
    this.endStep()
    return new Promise((go) => {
      waiting.push({ turns: this, go })
      schedule()
    })
  }

  /** Ends a step before its microtasks are over. It need not be called: it only spares the next run a wait. */
  endStep(): void {
    if (active === this) active = undefined
  }

  /** Ends the turns of the run. */
  leave(): void {
    this.endStep()
    runs--
  }
}

function schedule(): void {
  if (isScheduled) return
  isScheduled = true
  // A step is over when the run has done all that it can do at once: ticks come after all microtasks.
  if (isSliceLeft()) void settled.then(atNextTick)
  else setImmediate(beginSlice)
}

const settled = Promise.resolve()

function atNextTick(): void {
  nextTick(letNextGo)
}

function beginSlice(): void {
  startedAt = performance.now()
  letNextGo()
}

function letNextGo(): void {
  isScheduled = false
  active = undefined
  const next = isSliceLeft() ? waiting.shift() : undefined
  if (next !== undefined) {
    active = next.turns
    next.go()
  }
  if (waiting.length > 0) schedule()
}

function isSliceLeft(): boolean {
  return performance.now() - startedAt < sliceMs
}
