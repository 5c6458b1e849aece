import { entriesLike, type LedgerEntry, readLedger } from '../../temporal/support/ledger.ts'
import type { FaultedRuns } from './plans.ts'

/** What became of the runs of a fault. */
export interface Figures {
  readonly runs: number
  /** Runs that ended with their answer after all their rounds. */
  readonly answered: number
  /** Endings of the other runs. */
  readonly lost: readonly string[]
  /** Attempts after the first one of each run. */
  readonly takeovers: number
  /** Executions of the tool that is neither read-only nor idempotent, and calls of it in the plans. */
  readonly effects: number
  readonly plannedEffects: number
  /** Executions of such a tool beyond the first one of its step, with any input. */
  readonly effectsTwice: number
  /** Repeated executions of the tools that may be repeated. */
  readonly repeatable: number
  /** Keys that were given to calls with different inputs. */
  readonly ambiguousKeys: number
  /** Error results of calls, for example because their outcome is unknown. */
  readonly errorResults: Readonly<Record<string, number>>
  readonly modelCalls: number
  /** Model calls of a round that was asked for before, unless the model's server had refused that call. */
  readonly modelCallsRepeated: number
  /** Most of them in one attempt. */
  readonly mostInOneTakeover: number
  /** Model calls and executions that an attempt began after the next attempt of its run. */
  readonly actsOfLostAttempts: number
}

/** A run without an ending after this time is lost. It only ends a wait: every run that is not lost ends before. */
const patienceMs = 600_000

/** Waits for the runs. Each ends as `answered`, or as a text that says how it ended. */
export async function endingsOf({ started }: FaultedRuns): Promise<readonly string[]> {
  return Promise.all(
    started.map(async ([{ run, rounds }, handle]) => {
      const patience = new AbortController()
      const late = new Promise<string>((resolve) => {
        const timer = setTimeout(() => resolve('no ending'), patienceMs)
        patience.signal.addEventListener('abort', () => clearTimeout(timer))
      })
      const ended = handle.result().then(
        (result: { stop_reason: string; rounds: number }) =>
          result.stop_reason === 'answered' && result.rounds === rounds.length + 1
            ? 'answered'
            : `${result.stop_reason} in round ${result.rounds}`,
        (error: unknown) => String(error instanceof Error ? (error.cause ?? error) : error),
      )
      const ending = await Promise.race([ended, late])
      patience.abort()
      return ending === 'answered' ? ending : `${run}: ${ending}`
    }),
  )
}

/** Reads the ledger after everything has ended. */
export function figuresOf({ ledger, started }: FaultedRuns, endings: readonly string[]): Figures {
  const names = new Set(started.map(([{ run }]) => run))
  const entries = readLedger(ledger).filter(({ run }) => names.has(run))
  const effects = entries.filter(({ at }) => at === 'effect')
  const isFinal = ({ tool }: LedgerEntry) => tool === 'charge'
  const stepOf = ({ run, tool, what }: LedgerEntry) => `${run} ${tool} ${what}`
  const inputOf = (entry: LedgerEntry) => `${stepOf(entry)} ${entry.nonce}`
  const inputsOfKeys = new Map<string, Set<string>>()
  for (const entry of effects) {
    const key = entry.call_id ?? ''
    inputsOfKeys.set(key, (inputsOfKeys.get(key) ?? new Set()).add(inputOf(entry)))
  }
  const errorResults: Record<string, number> = {}
  for (const { at, text = '' } of entries) if (at === 'tool-error') errorResults[text] = (errorResults[text] ?? 0) + 1
  const repeated = [...names].map((run) => modelCallsRepeated(entriesLike(ledger, { run })))
  return {
    runs: endings.length,
    answered: endings.filter((ending) => ending === 'answered').length,
    lost: endings.filter((ending) => ending !== 'answered'),
    takeovers: entries.filter(({ at, attempt }) => at === 'attempt' && attempt > 1).length,
    effects: effects.filter(isFinal).length,
    plannedEffects: started.flatMap(([{ rounds }]) => rounds.flat()).filter(({ tool }) => tool === 'charge').length,
    effectsTwice: excess(effects.filter(isFinal), stepOf),
    repeatable: excess(
      effects.filter((entry) => !isFinal(entry)),
      stepOf,
    ),
    ambiguousKeys: [...inputsOfKeys.values()].filter(({ size }) => size > 1).length,
    errorResults,
    modelCalls: entries.filter(({ at }) => at === 'model').length,
    modelCallsRepeated: repeated.flat().reduce((sum, count) => sum + count, 0),
    mostInOneTakeover: Math.max(0, ...repeated.flat()),
    actsOfLostAttempts: [...names]
      .map((run) => actsOfLostAttempts(entriesLike(ledger, { run })))
      .reduce((sum, count) => sum + count, 0),
  }
}

/** The promises that these figures break, in words. */
export function brokenPromises(figures: Figures): readonly string[] {
  const { lost, effectsTwice, ambiguousKeys, mostInOneTakeover, actsOfLostAttempts } = figures
  return [
    ...lost.map((ending) => `A run is lost. ${ending}`),
    ...(effectsTwice > 0 ? [`${effectsTwice} side effects happened twice.`] : []),
    ...(ambiguousKeys > 0 ? [`${ambiguousKeys} keys belong to two inputs.`] : []),
    ...(mostInOneTakeover > 1 ? [`${mostInOneTakeover} model calls were repeated in one takeover.`] : []),
    ...(actsOfLostAttempts > 0 ? [`Lost attempts began ${actsOfLostAttempts} model calls or tools.`] : []),
  ]
}

/** Model calls that each attempt of a run has repeated. */
function modelCallsRepeated(entries: readonly LedgerEntry[]): readonly number[] {
  const asked = new Set<number | undefined>()
  const repeated = new Map<number, number>()
  for (const { at, round, attempt } of entries) {
    // Nobody pays for a call that was refused.
    if (at === 'refused') asked.delete(round)
    if (at !== 'model') continue
    if (asked.has(round)) repeated.set(attempt, (repeated.get(attempt) ?? 0) + 1)
    asked.add(round)
  }
  return [...repeated.values()]
}

function actsOfLostAttempts(entries: readonly LedgerEntry[]): number {
  let newest = 0
  let acts = 0
  for (const { at, attempt } of entries) {
    if (at === 'attempt') newest = Math.max(newest, attempt)
    if ((at === 'model' || at === 'effect') && attempt < newest) acts++
  }
  return acts
}

/** Number of entries beyond the first one with each key. */
function excess(entries: readonly LedgerEntry[], keyOf: (entry: LedgerEntry) => string): number {
  return entries.length - new Set(entries.map(keyOf)).size
}
