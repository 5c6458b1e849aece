import { existsSync, readFileSync } from 'node:fs'
import { listScenarios } from '../../../fixtures/load-scenario.ts'
import { TenroundsError } from '../../../router/errors.ts'
import { describeValidationErrors } from '../../../router/feedback.ts'
import { parseJson, unparsable } from '../../../router/json/json.ts'
import type { Infer, Returnable } from '../../../router/schema.ts'
import { compileSchema } from '../../../router/validation.ts'
import { fixPlanSchema } from '../../../tools/schemas/fix-plan.ts'
import { validationSchema } from '../../../tools/schemas/validation.ts'
import type { ValidationStatus } from '../../../tools/types.ts'

// The right answers. Only the evaluation and tests may read them: neither the agent nor the responder imports this module.
//
// A root cause is recognised by patterns. Each item of `accepted` is one way to say it, and all of its patterns must occur:
//
//     "accepted": [["kv cache~(?:full|exhausted|too small)"], ["preempt"]],
//     "rejected": ["transfer|nixl"]
//
// accepts "The KV cache is full" and "Requests are preempted", and rejects "The KV cache is full because the transfer is slow".
// `~` is any text inside one sentence. The text is prepared by assertions.ts: what it affirms is in lower case, what it denies
// is in upper case, and `_`, `-` and `/` are blanks, so `max_num_seqs` is `max num seqs`. A pattern needs the mechanism and its
// direction: "kv cache" alone would accept a cache that is too large.
//
// To add an oracle, also add right and wrong wordings to tests/incident/evaluation/wordings. The right ones of a scenario
// must not be accepted for any other.

const sentence = { type: 'string', minLength: 1 } as const
const pattern = { ...sentence, format: 'regex' } as const
const patterns = { type: 'array', items: pattern } as const
const status = validationSchema.properties.status

/** Schema of `fixtures/oracles/<scenario>.json`. */
export const oracleSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['scenario', 'cause', 'hotspot', 'root_cause', 'evidence', 'fixes'],
  properties: {
    scenario: { ...sentence, description: 'Id of the scenario.' },
    cause: { ...sentence, description: 'The cause, for people.' },
    hotspot: { ...sentence, description: 'Kind of the hotspot that analyze_metrics must find.' },
    root_cause: {
      type: 'object',
      description: 'How the cause is recognised in words. The patterns are regular expressions for folded text.',
      additionalProperties: false,
      required: ['accepted', 'rejected'],
      properties: {
        accepted: {
          type: 'array',
          minItems: 1,
          description: 'Ways to say it. All patterns of one of them must occur.',
          items: { ...patterns, minItems: 1 },
        },
        rejected: { ...patterns, description: 'Words of other causes, of which none may occur.' },
        may_name: {
          type: 'array',
          items: sentence,
          description: 'Scenarios whose causes are consequences of this one, so the words may name them too.',
        },
      },
    },
    evidence: {
      ...patterns,
      minItems: 1,
      description: 'Log lines and figures that show the cause. At least one must be quoted.',
    },
    fixes: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'role', 'actions'],
        properties: {
          name: { ...sentence, description: 'The fix in a few words.' },
          role: { enum: ['right', 'half_right', 'useless', 'harmful', 'popular_but_wrong'] },
          actions: fixPlanSchema.properties.actions,
          status: { ...status, description: 'Expected status; absent if the plan must be rejected.' },
          either: {
            type: 'array',
            minItems: 2,
            items: status,
            description: 'Statuses of which any is fine, because the verdict depends on the draw of the load.',
          },
          slo_met: { type: 'boolean', description: 'Whether the objective must be met; absent if either is fine.' },
          rejected: { ...sentence, description: 'Part of the message with which the plan must be rejected.' },
        },
      },
    },
  },
} as const

/** The right answers for one scenario. */
export type Oracle = Returnable<Infer<typeof oracleSchema>>

/** The outcome of one fix that a person who knows the cause expects. */
export type ExpectedFix = Oracle['fixes'][number]

/** An oracle that cannot be used: it is missing, or its file is damaged. */
export class OracleError extends TenroundsError {
  override readonly name = 'OracleError' as const
  /** Stable identifier of the error. */
  declare readonly code: 'invalid_oracle'

  /** @param message the scenario and what is wrong. */
  constructor(message: string) {
    super('invalid_oracle', message)
  }
}

/** The outcomes that a person who knows the cause accepts. */
export function acceptedStatuses({ status, either }: ExpectedFix): readonly (ValidationStatus | 'rejected')[] {
  return either ?? [status ?? 'rejected']
}

/** Oracles by scenario: judging one diagnosis reads all of them. */
const read = new Map<string, Oracle>()

/**
 * Reads `fixtures/oracles/<scenario>.json`.
 *
 * @throws {OracleError} if the scenario has no oracle, or its file does not fulfil {@link oracleSchema}.
 */
export function oracleOf(scenario: string): Oracle {
  const known = read.get(scenario)
  if (known !== undefined) return known
  if (!scenariosWithOracle().includes(scenario)) {
    throw new OracleError(`Scenario "${scenario}" has no oracle. Evaluate one of: ${scenariosWithOracle().join(', ')}.`)
  }
  const oracle = parseJson(readFileSync(oracleFile(scenario), 'utf8'))
  if (isOracle(oracle)) {
    read.set(scenario, oracle)
    return oracle
  }
  if (oracle === unparsable) throw new OracleError(`The oracle of "${scenario}" is damaged: its file is not JSON.`)
  const problems = describeValidationErrors(compileSchema(oracleSchema)(oracle), oracleSchema)
  throw new OracleError(`The oracle of "${scenario}" is damaged: ${problems.replaceAll('\n', ' ')}`)
}

/** The scenarios that have an oracle, sorted. A new scenario works without one; it is then not evaluated. */
export function scenariosWithOracle(): readonly string[] {
  return listScenarios().filter((scenario) => existsSync(oracleFile(scenario)))
}

/** Checked when it is read, because a damaged pattern would judge every diagnosis as wrong. */
function isOracle(value: unknown): value is Oracle {
  return compileSchema(oracleSchema)(value).length === 0
}

/** In the repository as well as in the built package. */
function oracleFile(scenario: string): URL {
  return new URL(`../../../fixtures/oracles/${scenario}.json`, import.meta.url)
}
