import { closest } from '../../router/text/closest.ts'
import { argumentsOf, type EngineArgument } from './argument-table.ts'

/** An argument that a name means. */
export interface NamedArgument {
  /** The argument. */
  readonly argument: EngineArgument
  /** Whether the name is the negation of a switch, as in `no_enable_prefix_caching`. */
  readonly negated: boolean
}

/**
 * Finds the argument of a version that a name means; undefined if the version has none.
 *
 * The name can be Python's (`max_num_seqs`) or a flag of the command line (`--max-num-seqs`, `-tp`), with dashes or
 * underscores, and the negation of a switch (`no_enable_prefix_caching`). As in vLLM's command line, a flag with two
 * dashes may be shortened as long as it is unambiguous.
 */
export function findArgument(name: string, version: string): NamedArgument | undefined {
  const known = argumentsOf(version)
  const plain = pythonName(name)
  const exact = known.get(plain)
  if (exact !== undefined) return { argument: exact, negated: false }
  for (const argument of known.values()) if (argument.aliases.includes(name)) return { argument, negated: false }
  const switched = known.get(plain.replace(/^no_/, ''))
  if (plain.startsWith('no_') && switched?.type === 'boolean') return { argument: switched, negated: true }
  // vLLM's parser writes `-O` as the first argument that it has.
  const level = name === '-O' ? (known.get('optimization_level') ?? known.get('compilation_config')) : undefined
  if (level !== undefined) return { argument: level, negated: false }
  return name.startsWith('--') ? abbreviated(plain, known) : undefined
}

/** The name in Python's spelling: `max_num_seqs` of `--max-num-seqs`. */
export function pythonName(name: string): string {
  return name.trim().replace(/^-+/, '').replaceAll('-', '_')
}

/** The argument of a version whose name is nearest to a misspelt one. */
export function nearestArgument(name: string, version: string): string | undefined {
  const known = argumentsOf(version)
  const plain = pythonName(name)
  for (const argument of known.values()) {
    if (argument.aliases.some((alias) => pythonName(alias) === plain)) return argument.name
  }
  return closest(plain, known.keys())
}

function abbreviated(start: string, known: ReadonlyMap<string, EngineArgument>): NamedArgument | undefined {
  if (start === '') return undefined
  const found: NamedArgument[] = []
  for (const argument of known.values()) {
    const aliases = argument.aliases.filter((alias) => alias.startsWith('--')).map(pythonName)
    if ([argument.name, ...aliases].some((one) => one.startsWith(start))) found.push({ argument, negated: false })
    if (argument.type === 'boolean' && `no_${argument.name}`.startsWith(start)) found.push({ argument, negated: true })
  }
  return found.length === 1 ? found[0] : undefined
}
