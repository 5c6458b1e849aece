import type { Checkpoint } from '../../../lib/loop/checkpoint.ts'
import { newState } from '../../../lib/loop/run-state.ts'

/** A checkpoint of the current version, of a run that has done nothing. */
export const emptyCheckpoint: Checkpoint = newState('r', null, 0)
