import type { ToolResult } from '../../../router/tool-call.ts'
import type { FixPlan, Telemetry, ValidationStatus } from '../../../tools/types.ts'
import type { Answer } from './agent-result.ts'
import { validatedChains } from './fix-chain.ts'
import type { Problem } from './grounding.ts'
import { isNoChange, unmetObjectives } from './plan-check.ts'

// An answer must not contradict itself or the tools. Only contradictions that are certain are refused: a sentence with a
// negation or a condition is left alone.

/** Contradictions within an answer, and between its words and the validations. */
export function contradictions(
  { diagnosis, fix_plan: plan }: Answer,
  results: readonly ToolResult[],
  preTelemetry: Telemetry,
): readonly Problem[] {
  return [
    ...deniedIncident(diagnosis, plan, preTelemetry),
    ...unknownCause(diagnosis),
    ...ruledOutCause(diagnosis),
    ...claimedStatus(diagnosis, plan, results, preTelemetry),
  ]
}

const healthyCategory = /^(?:none|healthy|normal|no[ _-]?(?:incident|issue|problem|fault|change))$/i
const healthyCause =
  /^(?:there (?:is|was) )?(?:no (?:incident|problem|issue|fault)\b|nothing (?:is|was) wrong|none\b|(?:the )?(?:service|system|engine|deployment) (?:is|was) healthy)/i

/** An answer that sees no incident changes nothing. */
function deniedIncident(diagnosis: Answer['diagnosis'], plan: FixPlan, telemetry: Telemetry): readonly Problem[] {
  const saysCategory = healthyCategory.test(diagnosis.category)
  const saysCause = healthyCause.test(diagnosis.root_cause.trim())
  if (!saysCategory && !saysCause) return []
  const at = saysCategory ? 'diagnosis.category' : 'diagnosis.root_cause'
  const words = saysCategory ? diagnosis.category : diagnosis.root_cause
  const unmet = unmetObjectives(telemetry)
  if (unmet.length > 0) {
    return [
      {
        at,
        problem: `${JSON.stringify(words)}, but there is an incident: ${unmet.join(', ')}.`,
        advice: 'Name its cause, or say that it is not known.',
      },
    ]
  }
  if (isNoChange(plan)) return []
  return [
    {
      at,
      words,
      problem: 'the answer says that there is no incident, but fix_plan changes the deployment.',
      advice: 'Answer with no_change, or name the cause.',
    },
  ]
}

const unknownWords = /^(?:unknown|not known|undetermined|unclear|unidentified)$/i
const unknownSentence =
  /^(?:the )?(?:root )?(?:cause )?(?:is |remains )?(?:unknown|not known|undetermined|unclear|not (?:be )?determined)\b/i

/** A cause that is not known cannot be certain. */
function unknownCause({ category, root_cause: cause, confidence }: Answer['diagnosis']): readonly Problem[] {
  if (confidence !== 'high') return []
  const isUnknown = unknownWords.test(category.trim()) || unknownSentence.test(cause.trim())
  if (!isUnknown) return []
  return [
    {
      at: 'diagnosis.confidence',
      problem: 'confidence is "high", but the cause is not known.',
      advice: 'Lower the confidence, or name the cause.',
    },
  ]
}

/** A cause cannot be ruled out and be the root cause. */
function ruledOutCause({ category, root_cause: cause, ruled_out: sentences }: Answer['diagnosis']): readonly Problem[] {
  const wanted = plain(cause)
  return sentences.flatMap((words, index) => {
    const subject = plain(words.split(/[:;,.(–—]|\b(?:is|was|because|as|since)\b/)[0] ?? '')
    const isCategory = !unknownWords.test(category) && subject !== '' && subject === plain(category)
    if (!isCategory && !(wanted.length > 0 && plain(words).includes(wanted))) return []
    return [
      {
        at: `diagnosis.ruled_out[${index}]`,
        words,
        problem: 'this is the cause that the diagnosis names.',
        advice: 'Remove it here, or name another cause.',
      },
    ]
  })
}

function plain(text: string): string {
  return text
    .toLowerCase()
    .replace(/^(?:not )?(?:an? |the )?/, '')
    .replace(/[^\p{L}\d]+/gu, ' ')
    .trim()
}

/** A sentence about the outcome of the fix. */
const improvedClaims =
  /\b(?:validat\w*|simulat\w*|verdict|status|result|outcome|fix|plan)\b[^.;:]*\bimprove[sd]?\b|\bimproved\b[^.;:]*\b(?:validat\w*|simulat\w*|verdict)\b|\b(?:incident|problem|issue|outage) (?:is |was |has been )?(?:now )?(?:resolved|solved|fixed|gone|over)\b|\bobjectives? (?:is|are|was|were) (?:now |again |all )?met\b|\b(?:meets?|met|restores?|restored) (?:all |every |the |its |their |each )*(?:objectives?|slos?)\b|\b(?:confirmed|proven|verified) (?:by|in) the (?:simulation|validation)\b/i
const regressedClaims =
  /\b(?:validat\w*|simulat\w*|verdict|status|result)\b[^.;:]*\bregress(?:es|ed|ion)?\b|\bregress(?:es|ed|ion)\b[^.;:]*\b(?:validat\w*|simulat\w*|verdict)\b/i
/** Words with which a sentence claims nothing. */
const hedged =
  /\b(?:not|no|never|none|neither|nor|cannot|without|if|would|should|could|may|might|until|unless|whether|expected|before|instead)\b|n't\b/i

/** The words about the outcome of the fix must agree with the tools. */
function claimedStatus(
  diagnosis: Answer['diagnosis'],
  plan: FixPlan,
  results: readonly ToolResult[],
  preTelemetry: Telemetry,
): readonly Problem[] {
  const found = new Set(validatedChains(results, preTelemetry).map(({ validation }) => validation?.status))
  const isHealthy = isNoChange(plan) && unmetObjectives(preTelemetry).length === 0
  const texts: readonly (readonly [string, string | undefined])[] = [
    ['diagnosis.root_cause', diagnosis.root_cause],
    ['diagnosis.summary', diagnosis.summary],
    ['fix_plan.summary', plan.summary],
    ['fix_plan.rationale', plan.rationale],
  ]
  const claims: readonly (readonly [ValidationStatus, RegExp])[] = [
    ['improved', improvedClaims],
    ['regressed', regressedClaims],
  ]
  return texts.flatMap(([at, text = '']) =>
    text.split(/(?<=[.!?;])\s+/).flatMap((words) => {
      if (hedged.test(words)) return []
      const wrong = claims.find(([status, claim]) => claim.test(words) && !found.has(status))
      if (wrong === undefined || (isHealthy && wrong[0] === 'improved')) return []
      const shown = [...found].join(', ') || 'none'
      return [
        {
          at,
          words,
          problem: `no validation says that the fix has ${wrong[0]} the incident; validated so far: ${shown}.`,
          advice: 'Say what the tools found.',
        },
      ]
    }),
  )
}
