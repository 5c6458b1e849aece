// Faults below the level of the protocol: connections that break or hang, and bodies that are not what the headers say.
// Proxies, load balancers and overloaded servers cause them.

import { type Fault, nameFaults } from '../mock-server/fault.ts'
import type { Delivery, WireReply } from '../mock-server/wire-reply.ts'

/** `nameFaults` adds the names. */
type Unnamed = Omit<Fault, 'name'>

/** A fault that writes the right reply in a wrong way. */
function delivers(description: string, delivery: Delivery, mode: Fault['mode'] = 'both'): Unnamed {
  return { description, mode, wire: (reply: WireReply) => ({ ...reply, delivery }) }
}

/** Faults of the connection: the bytes that arrive are right, but some are late or missing. */
export const connectionFaults = nameFaults({
  refuse: delivers('The connection is reset, and the port refuses all later connections.', {
    shutdown: 'refuse-connections',
  }),
  'stall-while-connecting': delivers('The connection is reset, and later connections get no answer at all.', {
    shutdown: 'ignore-connections',
  }),
  'reset-before-headers': delivers(
    'The connection is reset before the status line.',
    breaks('before-headers', 'reset'),
  ),
  'reset-after-headers': delivers('The connection is reset after the headers.', breaks('after-headers', 'reset')),
  'reset-mid-body': delivers('The connection is reset in the middle of the body.', breaks('mid-body', 'reset')),
  'close-before-headers': delivers(
    'The connection is closed before the status line.',
    breaks('before-headers', 'close'),
  ),
  'close-mid-body': delivers('The connection is closed in the middle of the body.', breaks('mid-body', 'close')),
  'stall-before-headers': delivers('Nothing is ever sent.', breaks('before-headers', 'stall')),
  'stall-after-headers': delivers('Nothing is sent after the headers.', breaks('after-headers', 'stall')),
  'stall-mid-body': delivers('Nothing is sent after half of the body.', breaks('mid-body', 'stall')),
  'hang-after-reply': delivers(
    'The whole stream arrives with its end, and the connection stays open.',
    breaks('after-body', 'stall'),
    'stream',
  ),
  'slow-drip': slowDrip(),
  'endless-drip': {
    ...slowDrip({ pieces: 1000, pauseMs: 100 }),
    description: 'The body arrives so slowly that every deadline passes.',
  },
})

/**
 * Writes the body in pieces with a pause before each.
 *
 * @param options `pieces`: number of pieces, 40 by default. They are cut at any byte, so characters may be split.
 * `pauseMs`: milliseconds before each piece, 1 by default.
 */
export function slowDrip({ pieces = 40, pauseMs = 1 } = {}): Fault {
  const description = 'The body arrives in small pieces that split characters.'
  return { ...delivers(description, { pieces, pauseMs }), name: 'slow-drip' }
}

/** A reply that breaks off. */
function breaks(breakAt: NonNullable<Delivery['breakAt']>, breakBy: NonNullable<Delivery['breakBy']>): Delivery {
  return { breakAt, breakBy }
}

/** A fault that changes status, headers or body. */
function rewrites(description: string, wire: (reply: WireReply) => WireReply): Unnamed {
  return { description, mode: 'both', wire }
}

function withType(reply: WireReply, type: string): WireReply {
  return { ...reply, headers: { ...reply.headers, 'content-type': type } }
}

/** Replies with status 200 whose body or content type is wrong. */
export const bodyFaults = nameFaults({
  'truncated-body': rewrites('The body ends in the middle of its JSON.', (reply) => {
    const text = reply.parts.join('')
    // In a stream the cut must be inside an event, so that the rest of the event is not JSON.
    const cut = text.startsWith('data:') ? text.indexOf('{') + 20 : Math.floor(text.length / 2)
    return { ...reply, parts: [text.slice(0, cut)] }
  }),
  'empty-body': rewrites('The body is empty.', (reply) => ({ ...reply, parts: [] })),
  'page-as-200': rewrites('A login page arrives in place of the reply, with status 200.', (reply) => ({
    ...withType(reply, 'text/html'),
    parts: ['<html><body>Welcome to the portal. Please log in.</body></html>'],
  })),
  'wrong-content-type': rewrites('The content type is text/plain.', (reply) => withType(reply, 'text/plain')),
  'no-content-type': rewrites('The content type is missing.', (reply) => {
    const { 'content-type': _, ...headers } = reply.headers
    return { ...reply, headers }
  }),
  'gzip-body': rewrites('The body is compressed, although the client does not accept that.', (reply) => ({
    ...reply,
    headers: { ...reply.headers, 'content-encoding': 'gzip' },
    delivery: { compressed: true },
  })),
  'oversize-body': oversize(),
})

/** Puts blanks before the body. @param bytes number of blanks. The default, 17 MiB, is more than the client accepts. */
export function oversize(bytes = 17 * 1024 * 1024): Fault {
  return {
    ...rewrites('The body is larger than the client accepts.', (reply) => ({
      ...reply,
      parts: [' '.repeat(bytes), ...reply.parts],
    })),
    name: 'oversize-body',
  }
}
