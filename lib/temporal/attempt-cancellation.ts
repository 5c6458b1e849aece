import { CompleteAsyncError, type Context, type Info } from '@temporalio/activity'
import { ApplicationFailure, ApplicationFailureCategory, CancelledFailure } from '@temporalio/common'

/**
 * Why an attempt was cancelled.
 *
 * - `requested`: the workflow or a client cancelled it, and a partial result is welcome.
 * - `worker-shutdown`: this worker stops, and the run continues in the next attempt.
 * - `attempt-lost`: the attempt was paused, reset, timed out or is unknown to the server. Its result would be ignored.
 */
export type CancellationReason = 'requested' | 'worker-shutdown' | 'attempt-lost'

/** The SDK ties its client to its own signal, which may be aborted when there is still something to report. */
const neverAborted = new AbortController().signal

/**
 * The cancellation of one attempt. It comes from the SDK, whose heartbeats are delayed, or from an answer to a heartbeat
 * that was sent directly.
 */
export class AttemptCancellation {
  /** Aborted when the attempt is cancelled. Its reason is a `CancelledFailure` with the SDK's name of the reason. */
  readonly signal: AbortSignal
  readonly #controller = new AbortController()
  readonly #context: Context
  /**
   * Whether the server still counts on this attempt, as far as the heartbeats tell. While it does, a timeout that the SDK
   * believes in is ignored: the SDK does not know of heartbeats that are sent directly, and a tool that blocks the process
   * keeps its own back.
   */
  isLeaseHeld: () => boolean = () => false
  #hasIgnoredTimeout = false

  /** @param context of the activity attempt. */
  constructor(context: Context) {
    this.#context = context
    this.signal = this.#controller.signal
    const { cancellationSignal } = context
    const onCancel = (): void => {
      const reason: unknown = cancellationSignal.reason
      const isTimeout = reason instanceof Error && reason.message === 'TIMED_OUT'
      this.#hasIgnoredTimeout = isTimeout && this.isLeaseHeld()
      if (!this.#hasIgnoredTimeout) this.#controller.abort(reason)
    }
    if (cancellationSignal.aborted) onCancel()
    else cancellationSignal.addEventListener('abort', onCancel, { once: true })
  }

  /** @param name the SDK's name of the reason: `CANCELLED`, `NOT_FOUND`, `PAUSED`, `RESET`, … */
  cancel(name: string): void {
    this.#controller.abort(new CancelledFailure(name))
  }

  /** `undefined` if the attempt was not cancelled. */
  reason(): CancellationReason | undefined {
    if (!this.signal.aborted) return undefined
    const name = this.#name()
    if (name === 'CANCELLED' || this.#context.cancellationDetails?.cancelRequested === true) return 'requested'
    return name === 'WORKER_SHUTDOWN' ? 'worker-shutdown' : 'attempt-lost'
  }

  /**
   * The failure to throw if a cancelled attempt has no result to return. At worker shutdown it is retryable, because
   * Temporal would take a `CancelledFailure` as the end of the activity.
   */
  failure(): unknown {
    const reason = this.reason()
    if (reason !== 'worker-shutdown' && this.#context.cancellationSignal.aborted) return this.signal.reason
    const [type, message] =
      reason === 'worker-shutdown'
        ? ['WorkerShutdown', 'The worker is shutting down. The run continues in another attempt.']
        : ['AttemptLost', `This attempt is over (${this.#name()}). The run continues in another attempt.`]
    return ApplicationFailure.create({
      message,
      type,
      nextRetryDelay: 1,
      // Happens at every deployment or outage, so it must not be logged as an error.
      category: ApplicationFailureCategory.BENIGN,
    })
  }

  /**
   * Ends the activity with a result. After a timeout that was ignored, the SDK would drop the result, so the server is told
   * directly.
   */
  async complete<Result>(result: Result): Promise<Result> {
    if (!this.#hasIgnoredTimeout) return result
    const { client, info } = this.#context
    try {
      await client.withAbortSignal(neverAborted, () =>
        client.activity.complete(info.taskToken, result, asActivity(info)),
      )
    } catch {
      // The next attempt resumes from the last checkpoint.
      return result
    }
    throw new CompleteAsyncError()
  }

  /**
   * Ends the activity as cancelled, with a partial result in the details of the failure. If the worker does not know of the
   * cancellation yet, only the server can be told: the worker would report any error as a failure.
   */
  async end(...details: readonly unknown[]): Promise<never> {
    const { cancellationSignal, client, info } = this.#context
    if (!cancellationSignal.aborted || this.#hasIgnoredTimeout) {
      try {
        await client.withAbortSignal(neverAborted, () =>
          client.activity.reportCancellation(info.taskToken, details[0], asActivity(info)),
        )
      } catch (error) {
        if (!cancellationSignal.aborted) throw error
        throw new CancelledFailure('CANCELLED', [...details])
      }
      throw new CompleteAsyncError()
    }
    throw new CancelledFailure('CANCELLED', [...details])
  }

  #name(): string {
    const reason: unknown = this.signal.reason
    return reason instanceof Error ? reason.message : ''
  }
}

/**
 * Options of a request that the client makes for an activity. Without them, a data converter that depends on the workflow
 * could not read what the client has written: the SDK reads it as part of the activity.
 */
export function asActivity(info: Info) {
  const { namespace, activityId, workflowExecution, isLocal } = info
  const workflowId = workflowExecution?.workflowId
  return {
    serializationContext: {
      type: 'activity' as const,
      namespace,
      activityId,
      ...(workflowId === undefined ? {} : { workflowId }),
      isLocal,
    },
  }
}
