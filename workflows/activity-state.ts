/** Temporal's names of the states of a pending activity, by their numbers in the wire format. */
const activityStates = ['', 'SCHEDULED', 'STARTED', 'CANCEL_REQUESTED', 'PAUSED', 'PAUSE_REQUESTED'] as const

/** The name of a pending activity's state. Empty for a state that this release does not know. */
export function activityState(state: number | null | undefined): (typeof activityStates)[number] {
  return activityStates[state ?? 0] ?? ''
}
