/** Timeouts of the agent step, in milliseconds: positive whole numbers. */
export interface AgentStepTimeouts {
  /** One attempt; the run ends before it with what it has. @defaultValue 900000 */
  readonly start_to_close_ms?: number
  /** All attempts and the waits between them. @defaultValue 2700000 */
  readonly schedule_to_close_ms?: number
  /** A worker that is silent for so long counts as dead. @defaultValue 20000 */
  readonly heartbeat_ms?: number
}

/** Ten rounds of a reasoning model take minutes. */
const defaults: Required<AgentStepTimeouts> = {
  start_to_close_ms: 900_000,
  schedule_to_close_ms: 2_700_000,
  heartbeat_ms: 20_000,
}

/** All three, or what is wrong with them. */
export function completeTimeouts(given: AgentStepTimeouts = {}): Required<AgentStepTimeouts> | string {
  if (typeof given !== 'object' || given === null)
    return `agent_step_timeouts is ${JSON.stringify(given)}, not an object`
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, name)) {
      return `agent_step_timeouts.${name} is unknown; there are ${Object.keys(defaults).join(', ')}`
    }
    if (!Number.isSafeInteger(value) || value < 1) {
      return `agent_step_timeouts.${name} is ${JSON.stringify(value)}; it has to be a positive whole number`
    }
  }
  return { ...defaults, ...given }
}
