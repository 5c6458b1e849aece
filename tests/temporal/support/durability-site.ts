import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { WorkflowHandle } from '@temporalio/client'
import type { ActivityOptions } from '@temporalio/common'
import { expect } from 'vitest'
import { type ActivityHarness, activityHarness } from '../../support/activity-harness.ts'
import {
  openTemporal,
  type StartedServer,
  startTemporalServer,
  type TemporalServer,
  type TemporalSource,
} from '../../support/temporal-server.ts'
import {
  entriesLike,
  expectNoEffectTwice,
  type LedgerEntry,
  repeatedEffects,
  repeatedModelCalls,
  untilEntry,
} from './ledger.ts'
import { mixedPlan, type Plan } from './planned-run.ts'
import { WorkerProcess } from './worker-process.ts'

/** Timeouts of the activity in these tests. Attempts are bounded by time only, as README advises. */
export const timeouts = {
  startToCloseTimeout: '3m',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '100ms', maximumInterval: '1s' },
} as const satisfies ActivityOptions

/** A server, a ledger, and the worker processes of one test. */
export class DurabilitySite implements AsyncDisposable {
  readonly #folder: string
  readonly #source: TemporalSource
  readonly #harness: ActivityHarness
  readonly #workers: WorkerProcess[] = []
  #server: TemporalServer

  /** Opens a server whose state is in a file, if it can be started here. */
  static async open(source: TemporalSource | undefined): Promise<DurabilitySite> {
    if (source === undefined) throw new Error('The tests need a Temporal server.')
    const folder = await mkdtemp(join(tmpdir(), 'tenrounds-durability-'))
    const server =
      source.kind === 'binary'
        ? await startTemporalServer(source.path, { stateFile: join(folder, 'state.db') })
        : await openTemporal(source)
    const harness = await activityHarness(server)
    await writeFile(join(folder, 'bundle.js'), harness.workflowBundle.code)
    return new DurabilitySite(folder, source, server, harness)
  }

  private constructor(folder: string, source: TemporalSource, server: TemporalServer, harness: ActivityHarness) {
    this.#folder = folder
    this.#source = source
    this.#server = server
    this.#harness = harness
  }

  /** Host and port of the server. */
  get address(): string {
    return this.#server.address
  }

  /** A new ledger file and a task queue of the same name. */
  place(): { readonly ledger: string; readonly taskQueue: string } {
    const taskQueue = `plan-${randomUUID()}`
    return { ledger: join(this.#folder, `${taskQueue}.jsonl`), taskQueue }
  }

  /** A process that is ready to work; `address` can be the one of a proxy. */
  worker(name: string, ledger: string, { address = this.address, release = 1, slots = 100 } = {}): WorkerProcess {
    const args = [address, join(this.#folder, 'bundle.js'), name, ledger, String(release), String(slots)]
    const worker = new WorkerProcess('planned-worker.ts', args)
    this.#workers.push(worker)
    return worker
  }

  /** Processes that work one after the other: each begins when the one before has ended, and the next one is ready. */
  relay(taskQueue: string, ledger: string, count: number): void {
    const work = async () => {
      let next = this.worker('w1', ledger)
      for (let number = 2; number <= count + 1; number++) {
        const worker = next
        await worker.work(taskQueue)
        if (number <= count) next = this.worker(`w${number}`, ledger)
        await worker.exited
      }
    }
    // At the end of the test, a process is killed while it starts.
    work().catch(() => {})
  }

  start(taskQueue: string, plan: Plan, options: ActivityOptions = {}): Promise<WorkflowHandle> {
    return this.#harness.start({ taskQueue }, 'planned', { ...timeouts, ...options }, plan)
  }

  /** Starts {@link mixedPlan}s, one after the other. */
  async startMixed(taskQueue: string, count: number): Promise<(readonly [Plan, WorkflowHandle])[]> {
    const started: (readonly [Plan, WorkflowHandle])[] = []
    for (let number = 0; number < count; number++) {
      const plan = mixedPlan(number)
      started.push([plan, await this.start(taskQueue, plan)])
      await delay(60)
    }
    return started
  }

  /**
   * Waits until a worker that was frozen or cut off works again and has ended every attempt that it had: it does a run on
   * a task queue of its own.
   */
  async untilAwake(worker: WorkerProcess, name: string, ledger: string): Promise<void> {
    const { taskQueue } = this.place()
    await worker.work(taskQueue)
    const plan: Plan = { run: `${name} is awake`, rounds: [[{ tool: 'charge', what: 'stretch' }]], modelMs: 200 }
    await (await this.start(taskQueue, plan)).result()
    await untilEntry(
      ledger,
      { at: 'attempt-end', worker: name },
      entriesLike(ledger, { at: 'attempt', worker: name }).length,
    )
  }

  /** Kills the server, waits, and starts another one with the same state on the same port. */
  async interruptServer(wait: () => Promise<unknown>): Promise<void> {
    const server = this.#server as StartedServer
    if (this.#source.kind !== 'binary') throw new Error('A server that was not started here must not be killed.')
    await server.kill()
    await wait()
    this.#server = await startTemporalServer(this.#source.path, {
      stateFile: join(this.#folder, 'state.db'),
      port: server.port,
    })
  }

  /** Ends all worker processes so far. */
  async killWorkers(): Promise<void> {
    for (const worker of this.#workers.splice(0)) await worker.kill()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killWorkers()
    await this.#harness[Symbol.asyncDispose]()
    await this.#server[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true })
  }
}

/**
 * Waits for the runs of these plans, and checks that each has an answer after all its rounds and that no side effect
 * happened twice. `title` names the fault in the printed figures.
 */
export async function expectAnswered(
  title: string,
  ledger: string,
  started: readonly (readonly [Plan, WorkflowHandle])[],
): Promise<{ readonly modelCallsRepeated: readonly number[] }> {
  for (const [plan, handle] of started) {
    const result: unknown = await handle.result()
    expect(result).toMatchObject({ stop_reason: 'answered', answer: 'done', rounds: plan.rounds.length + 1 })
  }
  const modelCallsRepeated = started.map(([{ run }]) => repeatedModelCalls(ledger, run))
  const count = (at: LedgerEntry['at']) => entriesLike(ledger, { at }).length
  console.log(
    `${title}: ${started.length} runs answered, ${count('attempt')} attempts, ` +
      `executions repeated ${JSON.stringify(repeatedEffects(ledger))} of ${count('effect')}, ` +
      `model calls repeated ${modelCallsRepeated.join(' ')} of ${count('model')}, ${count('tool-error')} error results`,
  )
  expectNoEffectTwice(ledger)
  return { modelCallsRepeated }
}
