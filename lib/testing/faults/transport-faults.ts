import type { Delivery, WireReply } from '../mock-server/wire-reply.ts'
import { type Expectation, type Fault, fails, harmless } from './fault.ts'

const broken = fails('network', true)
const timeout = { code: 'timeout', retryable: true } as const

function delivers(name: string, delivery: Delivery, rest: Pick<Fault, 'expected' | 'slow'>): Fault {
  return { name, mode: 'both', ...rest, wire: (reply: WireReply) => ({ ...reply, delivery }) }
}

/** Faults of the connection: what arrives is right as far as it goes. */
export const connectionFaults = {
  /** The server goes away: the connection is reset, and from then on the port refuses new ones. */
  refuse: delivers('refuse', { leaves: 'refusing' }, { expected: { once: { code: 'network', retryable: true } } }),
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

function rewrites(name: string, expected: Expectation, wire: (reply: WireReply) => WireReply): Fault {
  return { name, mode: 'both', expected, wire }
}

const withType = (reply: WireReply, type: string): WireReply => ({
  ...reply,
  headers: { ...reply.headers, 'content-type': type },
})
const unreadable = fails('protocol', true)

/** A 200 whose body or content type is wrong. */
export const bodyFaults = {
  'truncated-body': rewrites('truncated-body', unreadable, (reply) => {
    const text = reply.parts.join('')
    // In the middle of a stream's event, so that what is there of it is no JSON.
    const cut = text.startsWith('data:') ? text.indexOf('{') + 20 : Math.floor(text.length / 2)
    return { ...reply, parts: [text.slice(0, cut)] }
  }),
  'empty-body': rewrites('empty-body', unreadable, (reply) => ({ ...reply, parts: [] })),
  'page-as-200': rewrites('page-as-200', unreadable, (reply) => ({
    ...withType(reply, 'text/html'),
    parts: ['<html><body>Welcome to the portal. Please log in.</body></html>'],
  })),
  'wrong-content-type': rewrites('wrong-content-type', harmless, (reply) => withType(reply, 'text/plain')),
  'no-content-type': rewrites('no-content-type', harmless, (reply) => {
    const { 'content-type': _, ...headers } = reply.headers
    return { ...reply, headers }
  }),
  /** Compressed, although the client does not say that it could read that. */
  'gzip-body': rewrites('gzip-body', unreadable, (reply) => ({
    ...reply,
    headers: { ...reply.headers, 'content-encoding': 'gzip' },
    delivery: { compressed: true },
  })),
  'oversize-body': oversize(),
} as const satisfies Readonly<Record<string, Fault>>

/** A body with that many bytes of blanks in front. @defaultValue 17 MiB, more than the client's default cap */
export function oversize(bytes = 17 * 1024 * 1024): Fault {
  return rewrites('oversize-body', fails('protocol', false), (reply) => ({
    ...reply,
    parts: [' '.repeat(bytes), ...reply.parts],
  }))
}
