import type { WorkflowHandle } from '@temporalio/client'
import type { DurabilitySite } from '../../temporal/support/durability-site.ts'
import { readLedger } from '../../temporal/support/ledger.ts'
import type { Plan, PlannedCall } from '../../temporal/support/planned-run.ts'

/** The runs that one fault hits. */
export interface FaultedRuns {
  readonly ledger: string
  readonly started: readonly (readonly [Plan, WorkflowHandle])[]
}

/** A plan with a tool of each kind in four rounds. Its times depend on the number, so that a fault meets different moments. */
export function mixed(number: number): Plan {
  const rounds = Array.from({ length: 4 }, (_, round): readonly PlannedCall[] => [
    { tool: 'read', what: `measure ${round}` },
    { tool: 'charge', what: `pay ${round}`, ms: 50 + 30 * number },
    { tool: 'put', what: `store ${round}` },
  ])
  return { run: `r${number}`, rounds, modelMs: 800 + 40 * number }
}

/** A plan with one special call between two side effects. */
export function around(call: PlannedCall, number: number): Plan {
  const rounds: Plan['rounds'] = [[{ tool: 'charge', what: 'before' }], [call], [{ tool: 'charge', what: 'after' }]]
  return { run: `r${number}`, rounds, modelMs: 300 }
}

export async function startAll(
  site: DurabilitySite,
  taskQueue: string,
  plans: readonly Plan[],
): Promise<FaultedRuns['started']> {
  return Promise.all(plans.map(async (plan) => [plan, await site.start(taskQueue, plan)] as const))
}

/** Number of runs that have begun and have no ending yet. */
export function runsInProgress(ledger: string): number {
  const open = new Map<string, number>()
  for (const { at, run } of readLedger(ledger)) {
    const change = at === 'attempt' ? 1 : at === 'attempt-end' ? -1 : 0
    open.set(run, (open.get(run) ?? 0) + change)
  }
  return [...open.values()].filter((count) => count > 0).length
}
