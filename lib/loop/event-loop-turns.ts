// Many runs share one event loop. When the replies of many models arrive together, Node handles all of them before anything
// else: with 200 runs a timer, a heartbeat or a request of the application waited for hundreds of milliseconds. So the runs of
// a process share a time slice in each turn of the event loop. When it is used up, further runs wait for the next turn.

import { performance } from 'node:perf_hooks'
import { nextTick } from 'node:process'
import { setImmediate } from 'node:timers'

/** Milliseconds that all runs of the process together use in one turn of the event loop, and the rest of the last step. */
const sliceMs = 10

/** Fewer runs cannot block the event loop for long, and a turn costs a little. */
const fewRuns = 8

let runs = 0
/** When the slice began; `undefined` if no run has used this turn. Until then `beginTurn` is not scheduled. */
let startedAt: number | undefined
/** Whether a run is doing its step. A step is a chain of microtasks, which those of other runs would interrupt. */
let isBusy = false
const waiting: (() => void)[] = []

/** Counts a run that begins. Call {@link leaveTurns} when it ends. */
export function enterTurns(): void {
  runs++
}

/** Counts a run that has ended. */
export function leaveTurns(): void {
  runs--
}

/** Call it before a step of a run. @returns a promise to wait for, or `undefined` if the run can go on at once. */
export function nextTurn(): Promise<void> | undefined {
  if (runs < fewRuns && waiting.length === 0) return undefined
  if (startedAt === undefined) startSlice()
  if (waiting.length === 0 && !isBusy && isSliceLeft()) {
    step()
    return undefined
  }
  return new Promise((resolve) => {
    waiting.push(resolve)
  })
}

function startSlice(): void {
  startedAt = performance.now()
  setImmediate(beginTurn)
}

function beginTurn(): void {
  startedAt = undefined
  if (waiting.length === 0) return
  startSlice()
  if (!isBusy) letNextGo()
}

function letNextGo(): void {
  isBusy = false
  const next = isSliceLeft() ? waiting.shift() : undefined
  if (next === undefined) return
  step()
  next()
}

/** Begins a step. It is over when the run has done all that it can do at once: ticks come after all microtasks. */
function step(): void {
  isBusy = true
  queueMicrotask(() => nextTick(letNextGo))
}

function isSliceLeft(): boolean {
  return startedAt !== undefined && performance.now() - startedAt < sliceMs
}
