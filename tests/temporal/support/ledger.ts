import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'

/** One line of the file in which the workers of a test write what they do. It survives every crash. */
export interface LedgerEntry {
  /**
   * - `attempt`, `attempt-end`: an activity attempt begins and ends.
   * - `model`, `reply`, `refused`: a model call begins, is answered, or fails at the model's server.
   * - `effect`, `effect-end`: a tool is executed, and is about to return.
   * - `tool-error`, `warning`: events of the run.
   */
  readonly at:
    | 'attempt'
    | 'attempt-end'
    | 'model'
    | 'reply'
    | 'refused'
    | 'effect'
    | 'effect-end'
    | 'tool-error'
    | 'warning'
  readonly run: string
  /** Name of the worker process. */
  readonly worker: string
  /** Number of the activity attempt. */
  readonly attempt: number
  /** Number of the model call in the run, from 1. */
  readonly round?: number
  readonly tool?: string
  /** The step of the plan that the call belongs to. */
  readonly what?: string
  /** Different each time that the model is asked for this step. */
  readonly nonce?: string
  readonly call_id?: string
  /** Kind of an error, or text of a warning. */
  readonly text?: string
}

export function writeLedger(file: string, entry: LedgerEntry): void {
  appendFileSync(file, `${JSON.stringify(entry)}\n`)
}

/** The entries so far, in the order in which all processes wrote them. */
export function readLedger(file: string): readonly LedgerEntry[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): LedgerEntry => JSON.parse(line))
}

/** The entries that have all these fields. */
export function entriesLike(file: string, fields: Partial<LedgerEntry>): readonly LedgerEntry[] {
  return readLedger(file).filter((entry) => isLike(entry, fields))
}

/** Waits until there are this many entries with these fields. */
export async function untilEntry(file: string, fields: Partial<LedgerEntry>, count = 1): Promise<void> {
  for (let waits = 0; entriesLike(file, fields).length < count; waits++) {
    if (waits > 2_000) throw new Error(`No entry like ${JSON.stringify(fields)}:\n${readFileSync(file, 'utf8')}`)
    await delay(50)
  }
}

/**
 * The promises about side effects, for all runs of a ledger: a step whose tool is neither read-only nor idempotent is
 * executed at most once, with any input, and an idempotency key never belongs to two inputs.
 */
export function expectNoEffectTwice(file: string): void {
  for (const [step, executions] of stepsOf(file)) {
    if (executions[0]?.tool === 'charge') expect({ step, executions }).toEqual({ step, executions: [executions[0]] })
  }
  for (const [key, executions] of grouped(entriesLike(file, { at: 'effect' }), ({ call_id }) => call_id ?? '')) {
    const [input, ...others] = new Set(executions.map(({ run, what, nonce }) => `${run} ${what} ${nonce}`))
    expect({ key, input, others }).toEqual({ key: expect.stringMatching(/./), input, others: [] })
  }
}

/** Executions beyond the first one of each step, for each tool. */
export function repeatedEffects(file: string): Readonly<Record<string, number>> {
  const repeated: Record<string, number> = {}
  for (const [, [first, ...more]] of stepsOf(file)) {
    const tool = first?.tool ?? ''
    repeated[tool] = (repeated[tool] ?? 0) + more.length
  }
  return repeated
}

/** Model calls of a run beyond the first one of each round. */
export function repeatedModelCalls(file: string, run: string): number {
  const calls = entriesLike(file, { at: 'model', run })
  return calls.length - new Set(calls.map(({ round }) => round)).size
}

function isLike(entry: LedgerEntry, fields: Partial<LedgerEntry>): boolean {
  const wanted: ReadonlyMap<string, unknown> = new Map(Object.entries(fields))
  const found: ReadonlyMap<string, unknown> = new Map(Object.entries(entry))
  return [...wanted].every(([name, value]) => found.get(name) === value)
}

function stepsOf(file: string) {
  return grouped(entriesLike(file, { at: 'effect' }), ({ run, tool, what }) => `${run} ${tool} ${what}`)
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item])
  return groups
}
