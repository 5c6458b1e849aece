import type { Telemetry } from '../../tools/types.ts'

type Counted = { readonly [name in keyof Telemetry['requests']]: number }

/** The requests of a telemetry that counts all of them. */
export function countedRequests({ requests }: Pick<Telemetry, 'requests'>): Counted {
  const known = (name: keyof Counted) => {
    const value = requests[name]
    if (value === null) throw new Error(`requests.${name} is not known.`)
    return value
  }
  return {
    arrived: known('arrived'),
    served: known('served'),
    failed: known('failed'),
    unfinished: known('unfinished'),
    preemptions: known('preemptions'),
  }
}
