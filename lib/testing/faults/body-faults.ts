import type { WireReply } from '../stand-in/wire-reply.ts'
import { type Expectation, type Fault, fails, harmless } from './fault.ts'

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
