import { closest } from '../../router/text/closest.ts'
import { misconfigured } from './endpoint.ts'

/** `native`: the wire's `tools` and `tool_calls`. `json`: tools are described in the text and called by JSON in it. */
export type Protocol = 'native' | 'json'

export interface MinimaxOptions {
  /** Base URL or whole endpoint. @defaultValue `MINIMAX_CHAT_COMPLETIONS_URL` › `ANTHROPIC_BASE_URL` › `MINIMAX_BASE_URL` › https://api.minimax.chat */
  readonly url?: string | undefined
  /** Bearer token. @defaultValue `ANTHROPIC_AUTH_TOKEN` */
  readonly token?: string | undefined
  /** @defaultValue `MINIMAX_MODEL`, else `minimax-m2.1` */
  readonly model?: string | undefined
  /** Ask for server-sent events. The reply is the same; its text can be shown as it comes. @defaultValue false */
  readonly stream?: boolean | undefined
  /** @defaultValue `native`, and `json` from the moment at which the endpoint refuses `tools` */
  readonly protocol?: Protocol | undefined
  /**
   * Gets the visible text of a reply, without thinking: piece by piece with `stream`, else at once. A call that is sent
   * again begins its text anew. What it throws is dropped.
   */
  readonly onText?: ((text: string) => void) | undefined
  /** Longest completion that is asked for, in tokens. @defaultValue the server's */
  readonly maxOutputTokens?: number | undefined
  /** How often a failed call is sent again, where that can help. @defaultValue 2 */
  readonly retries?: number | undefined
  /** Largest response that is read, in bytes. @defaultValue 16777216 */
  readonly maxResponseBytes?: number | undefined
  /** Proxies are taken from here, too: `HTTPS_PROXY` (else `HTTP_PROXY`) and `NO_PROXY`. @defaultValue process.env */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
}

type Check = (name: string, value: unknown) => void

const checks: Readonly<Record<keyof MinimaxOptions, Check>> = {
  url: ofType('string', 'a text'),
  token: ofType('string', 'a text'),
  model: ofType('string', 'a text'),
  stream: ofType('boolean', 'true or false'),
  protocol: (name, value) => {
    if (value === 'native' || value === 'json') return
    const given = typeof value === 'string' ? JSON.stringify(value) : `of the type ${typeof value}`
    throw misconfigured(`The option "${name}" is ${given}; it has to be "native" or "json".`)
  },
  onText: ofType('function', 'a function'),
  maxOutputTokens: wholeNumber(1),
  retries: wholeNumber(0),
  maxResponseBytes: wholeNumber(1),
  env: ofType('object', 'an object like process.env'),
}

const byName: ReadonlyMap<string, Check> = new Map(Object.entries(checks))

/**
 * An option that is undefined is one that is not given.
 *
 * @throws {ModelError} `configuration` for an option that does not exist or has the wrong type, by its name.
 */
export function checkOptions(options: MinimaxOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw misconfigured(
      `minimax() was given ${options === null ? 'null' : `a ${typeof options}`}: it takes an object of options.`,
    )
  }
  for (const [name, value] of Object.entries(options)) {
    const check = byName.get(name)
    if (check === undefined) {
      const meant = closest(name, byName.keys())
      const hint = meant === undefined ? `There are ${[...byName.keys()].join(', ')}.` : `Did you mean "${meant}"?`
      throw misconfigured(`minimax() has no option "${name}". ${hint}`)
    }
    if (value !== undefined) check(name, value)
  }
}

/** The value is not shown: it may be a token in the wrong place. */
function ofType(type: 'string' | 'boolean' | 'function' | 'object', words: string): Check {
  return (name, value) => {
    const given = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
    if (given !== type) throw misconfigured(`The option "${name}" is of the type ${given}; it has to be ${words}.`)
  }
}

function wholeNumber(least: number): Check {
  return (name, value) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return
    const given = typeof value === 'number' ? String(value) : `of the type ${typeof value}`
    throw misconfigured(`The option "${name}" is ${given}; it has to be a whole number, ${least} or more.`)
  }
}
