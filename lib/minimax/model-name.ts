const defaultModel = 'minimax-m2.1'

/** MiniMax's own hosts, as opposed to gateways that have its models among others. */
const ownHost = /(?:^|\.)minimaxi?\.(?:io|chat|cn|com)$/

/**
 * The name as the server knows it: without the `[1m]` of Claude Code, and on MiniMax's own hosts without a gateway's
 * vendor prefix. A gateway needs its prefix.
 */
export function wireModel(name: string, hostname: string): string {
  const bare = name.trim().replace(/\s*\[1m\]$/i, '')
  const own = ownHost.test(hostname) ? bare.replace(/^minimax(?:-portal|ai)?\//i, '') : bare
  return own === '' ? defaultModel : own
}
