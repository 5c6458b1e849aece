/** Why a run ended. */
export type StopReason = 'answered' | 'rounds' | 'tokens' | 'deadline' | 'repetition' | 'cancelled' | 'failed'

/** The bound that turned a round into the answer round; `calls` and `transcriptBytes` are limits by their option's name. */
export type LimitReason = 'rounds' | 'tokens' | 'deadline' | 'repetition' | 'calls' | 'transcriptBytes'

/** The stop reason of a run that ended at a bound without an accepted answer. */
export const stopReasonOf: Readonly<Record<LimitReason, StopReason>> = {
  rounds: 'rounds',
  tokens: 'tokens',
  deadline: 'deadline',
  repetition: 'repetition',
  calls: 'rounds',
  transcriptBytes: 'tokens',
}
