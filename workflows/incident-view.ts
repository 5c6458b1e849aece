import type { WorkflowHandle } from '@temporalio/client'
import { defaultPayloadConverter, type Payload } from '@temporalio/common'
import { type RunProgress, readProgress } from '../lib/temporal/progress.ts'

/** What can be seen of a workflow from outside, without its worker. */
export interface IncidentView {
  /** `RUNNING`, `COMPLETED`, `FAILED`, `CANCELLED`, `TERMINATED`, `TIMED_OUT`, … */
  readonly status: string
  readonly taskQueue: string
  /** The activity that goes on; absent between two of them. */
  readonly activity?: {
    readonly name: string
    /** `SCHEDULED` (waiting for a worker or for its next attempt), `STARTED`, `CANCEL_REQUESTED`, … */
    readonly state: string
    readonly attempt: number
    /** Message of the last attempt's failure. */
    readonly lastFailure?: string
    /** Of the last heartbeat that the server got. */
    readonly progress?: RunProgress
  }
}

/** Looks at a workflow once. Progress comes out of the heartbeat details of its pending activity. */
export async function viewIncident(handle: WorkflowHandle): Promise<IncidentView> {
  const { status, taskQueue, raw } = await handle.describe()
  const view = { status: status.name, taskQueue }
  const pending = raw.pendingActivities?.[0]
  if (pending == null) return view
  const progress = progressIn(pending.heartbeatDetails?.payloads?.[0])
  const lastFailure = pending.lastFailure?.message
  return {
    ...view,
    activity: {
      name: pending.activityType?.name ?? '',
      state: String(pending.state ?? '').replace('PENDING_ACTIVITY_STATE_', ''),
      attempt: pending.attempt ?? 1,
      ...(lastFailure ? { lastFailure } : {}),
      ...(progress && { progress }),
    },
  }
}

/** Details of somebody else's activity, or encrypted ones, show no progress. */
function progressIn(payload: Payload | undefined | null): RunProgress | undefined {
  if (!payload) return undefined
  try {
    return readProgress(defaultPayloadConverter.fromPayload(payload))
  } catch {
    return undefined
  }
}
