import type { Diagnosis } from '../agent/agent-result.ts'
import { assertions } from './assertions.ts'
import { type Oracle, oracleOf, scenariosWithOracle } from './oracle.ts'

// The words of a diagnosis are judged by patterns, not by another model, so the same words always get the same score.
// tests/incident/evaluation/wordings has right and wrong wordings of every cause, against which the patterns are tested.

/** Whether the words of a diagnosis are right. */
export interface RootCauseVerdict {
  /** Whether they name the cause, and no other. */
  readonly right: boolean
  /** Why, in one sentence. */
  readonly reason: string
}

/** Longest text that is judged, in characters. A cause needs less; more would make the patterns slow. */
const maxCharacters = 4_000

/** Judges `category` and `root_cause` of a diagnosis. */
export function judgeRootCause(
  { category, root_cause }: Pick<Diagnosis, 'category' | 'root_cause'>,
  oracle: Oracle,
): RootCauseVerdict {
  const sentences = root_cause.slice(0, maxCharacters)
  // The class does not name the cause by itself, but it can name another cause.
  const text = assertions(`${category.slice(0, maxCharacters)}: ${sentences}`)
  if (!names(assertions(sentences), oracle)) return wrong('It does not name the cause.')
  const foreign = [...oracle.root_cause.rejected, ...commonCauses].flatMap((source) => found(text, source) ?? []).at(0)
  if (foreign !== undefined) return wrong(`"${foreign.toLowerCase()}" belongs to another cause.`)
  if (alternatives.some((pattern) => pattern.test(text))) return wrong('It names alternatives.')
  // A consequence of the cause can be the cause of another scenario: an engine with most of the load has a full KV cache.
  const own = [oracle.scenario, ...(oracle.root_cause.may_name ?? [])]
  const others = scenariosWithOracle()
    .filter((other) => !own.includes(other))
    // "No GPU fault" is also a way to say that nothing is wrong.
    .filter((other) => oracleOf(other).hotspot !== 'none' && names(text, oracleOf(other)))
  if (others.length > 0) return wrong(`It also names the cause of ${others.join(', ')}.`)
  return { right: true, reason: 'It names the cause.' }
}

function wrong(reason: string): RootCauseVerdict {
  return { right: false, reason }
}

/** Causes that people often name and that no scenario has. A diagnosis with one of them beside the right one is a guess. */
const commonCauses: readonly string[] = [
  'thermal|throttled clocks|clocks? (?:is|are) throttled|power (?:cap|limit)|overheat',
  'memory leak|leaks? memory|allocator leaks|fragment(?:s|ed|ation)\\b',
  'noisy neighbou?r|other pods|\\bdns\\b|garbage collect',
  '\\b(?:bug|defect) (?:in|of) (?:vllm|the engine)|\\bdeadlock',
  'packet loss|drops? packets|network congestion|congested network',
  '(?:gpu|hardware) is too (?:slow|weak)|needs? more (?:gpus|replicas)|too few (?:gpus|replicas|users)|too many users',
]

/** Words by which a diagnosis offers several causes, of which one is to be right. */
const alternatives: readonly RegExp[] = [
  /\b(?:either|possibly|perhaps|maybe|might|may|could|any of|several|one of (?:these|the following|several)|alternatively)\b[^;]*[,\s]or\b/,
  /\beither\b[^;]*[,\s]or\b/i,
  /,\s*or (?:possibly |perhaps |maybe |else )?[^;]*,\s*or\b/,
  /\bor (?:possibly|perhaps|maybe|else|alternatively)\b/,
]

/** Whether all patterns of an accepted wording occur. */
function names(text: string, { root_cause }: Oracle): boolean {
  return root_cause.accepted.some((all) => all.every((source) => found(text, source) !== undefined))
}

const compiled = new Map<string, RegExp>()

/** The first match of a pattern. `~` in it is any text inside one sentence. */
function found(text: string, source: string): string | undefined {
  const pattern = compiled.get(source) ?? new RegExp(source.replaceAll('~', '[^;]*?'))
  compiled.set(source, pattern)
  return pattern.exec(text)?.[0]
}
