/** What NVIDIA's catalogue of Xid errors asks for at once, by code. Codes that are not listed ask for nothing. */
export type XidResponse = 'drain' | 'reset' | 'restart'

/**
 * `drain`: the hardware is not to be trusted any more: double-bit ECC (48), failed row remapping (64), NVLink (74),
 * fallen off the bus (79, which asks for a reboot of the host), unrecovered ECC (140), NVLink5 (144 to 150).
 */
const drain: ReadonlySet<number> = new Set([48, 64, 74, 79, 140, 144, 145, 146, 147, 148, 149, 150])
/** `RESET_GPU` in the catalogue: halted micro-controllers, timeouts, uncontained memory errors. */
const reset: ReadonlySet<number> = new Set([46, 62, 95, 109, 110, 119, 120, 136, 143, 155, 156, 158])
/** `RESTART_APP` in the catalogue: faults of one process, among them contained memory errors (94). */
const restart: ReadonlySet<number> = new Set([8, 11, 13, 25, 31, 32, 39, 40, 41, 60, 68, 69, 80, 94])

export function responseTo(code: number): XidResponse | undefined {
  if (drain.has(code)) return 'drain'
  if (reset.has(code)) return 'reset'
  return restart.has(code) ? 'restart' : undefined
}

const severity: readonly (XidResponse | undefined)[] = ['drain', 'reset', 'restart', undefined]

/** Orders codes by what they ask for, the gravest first: in a burst the gravest error decides. */
export function bySeverity(a: number, b: number): number {
  return severity.indexOf(responseTo(a)) - severity.indexOf(responseTo(b))
}
