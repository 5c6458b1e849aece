import type { Delivery, WireReply } from '../stand-in/wire-reply.ts'
import { type Fault, fails, harmless } from './fault.ts'

const broken = fails('network', true)
const timeout = { kind: 'timeout', retryable: true } as const

function delivers(name: string, delivery: Delivery, rest: Pick<Fault, 'expected' | 'slow'>): Fault {
  return { name, mode: 'both', ...rest, wire: (reply: WireReply) => ({ ...reply, delivery }) }
}

/** Faults of the connection: what arrives is right as far as it goes. */
export const connectionFaults = {
  /** The server goes away: the connection is reset, and from then on the port refuses new ones. */
  refuse: delivers('refuse', { leaves: 'refusing' }, { expected: { once: { kind: 'network', retryable: true } } }),
  /** The same, but its port does not answer: whoever wants to connect waits. */
  'stall-while-connecting': delivers(
    'stall-while-connecting',
    { leaves: 'silent' },
    { expected: { once: timeout }, slow: true },
  ),
  'reset-before-headers': delivers(
    'reset-before-headers',
    { breaks: 'before-headers', by: 'reset' },
    { expected: broken },
  ),
  'reset-after-headers': delivers(
    'reset-after-headers',
    { breaks: 'after-headers', by: 'reset' },
    { expected: broken },
  ),
  'reset-mid-body': delivers('reset-mid-body', { breaks: 'mid-body', by: 'reset' }, { expected: broken }),
  'close-before-headers': delivers(
    'close-before-headers',
    { breaks: 'before-headers', by: 'close' },
    { expected: broken },
  ),
  'close-mid-body': delivers('close-mid-body', { breaks: 'mid-body', by: 'close' }, { expected: broken }),
  'stall-before-headers': stall('stall-before-headers', 'before-headers'),
  'stall-after-headers': stall('stall-after-headers', 'after-headers'),
  'stall-mid-body': stall('stall-mid-body', 'mid-body'),
  /** All of a stream came, its end included, and the connection stays open. */
  'hang-after-reply': {
    ...delivers('hang-after-reply', { breaks: 'after-body', by: 'stall' }, { expected: harmless }),
    mode: 'stream',
  },
  /** Cut into small pieces, characters of several bytes among them. */
  'slow-drip': slowDrip(),
  'endless-drip': {
    ...slowDrip({ pieces: 1000, pauseMs: 100 }),
    name: 'endless-drip',
    slow: true,
    expected: { once: timeout },
  },
} as const satisfies Readonly<Record<string, Fault>>

/** Writes a body in that many pieces with a pause before each. @defaultValue 40 pieces, 1 ms */
export function slowDrip({ pieces = 40, pauseMs = 1 } = {}): Fault {
  return delivers('slow-drip', { pieces, pauseMs }, { expected: harmless })
}

function stall(name: string, breaks: NonNullable<Delivery['breaks']>): Fault {
  return delivers(name, { breaks, by: 'stall' }, { expected: { once: timeout }, slow: true })
}
