import { TenroundsError } from '../../../router/errors.ts'
import type { Infer, Returnable } from '../../../router/schema.ts'
import { fixPlanSchema } from '../../../tools/schemas/fix-plan.ts'
import { validationSchema } from '../../../tools/schemas/validation.ts'
import { runErrorSchema } from '../../loop/errors.ts'
import { stopReasons } from '../../loop/limits.ts'
import { usageSchema } from '../../loop/model.ts'

// The documents of an evaluation: its settings, one record per run, and the result that is computed from both.
//
//     runs.jsonl   {"evaluation_version":1,"arm":"model","model":"MiniMax-M2","scenarios":["concurrency_cap", …], …}
//                  {"scenario":"concurrency_cap","run":1,"error":null,"score":{"passed":true,"total":1, …},"result":{…}}
//                  {"scenario":"eager_decode","run":1,"error":{"code":"rate_limit", …},"score":null,"result":{…}}
//     eval.json    the settings, the figures of all runs and of each scenario, and the records
//
// The figures follow from the records, so `eval.json` can be computed again from `runs.jsonl`. Words of models are kept as
// they are; the renderers escape them.

/** Version of the documents and of the score. It is incremented when the meaning of a member changes. */
export const evaluationVersion = 1

const sentence = { type: 'string', minLength: 1 } as const
const text = { type: 'string' } as const
const count = { type: 'integer', minimum: 0 } as const
const maybeNumber = { type: ['number', 'null'] } as const

/** Schema of {@link EvaluationSettings}. */
export const settingsSchema = {
  type: 'object',
  additionalProperties: false,
  required: [
    'evaluation_version',
    'package_version',
    'arm',
    'model',
    'scenarios',
    'runs',
    'seed',
    'price_in',
    'price_out',
    'oracles',
  ],
  properties: {
    evaluation_version: { const: evaluationVersion },
    package_version: { ...sentence, description: 'Version of tenrounds.' },
    arm: { ...sentence, description: 'What answered: the name of an arm, `model`, or `temporal` for the workers.' },
    model: { ...sentence, description: 'Name of the model; that of the arm, or `workers`.' },
    scenarios: { type: 'array', items: sentence, minItems: 1 },
    runs: { type: 'integer', minimum: 1, description: 'Runs of each scenario.' },
    seed: { type: 'integer', description: 'Seed of the arms and of the confidence intervals.' },
    price_in: { ...maybeNumber, description: 'Price of a million input tokens; null without one.' },
    price_out: { ...maybeNumber, description: 'Price of a million output tokens; null without one.' },
    oracles: { ...sentence, description: 'Hash of the oracles. Runs that were judged by others cannot be compared.' },
  },
} as const

/** The subject and the extent of an evaluation. Runs of different settings are never mixed. */
export type EvaluationSettings = Returnable<Infer<typeof settingsSchema>>

const share = { type: 'number', minimum: 0, maximum: 1 } as const

/** Weights of the parts of {@link RunScore}`.total`. Their sum is 1. */
export const weights = { root_cause: 0.4, fix: 0.4, evidence: 0.1, verdict: 0.1 } as const

/** Schema of a {@link RunScore}. */
export const runScoreSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['passed', 'total', 'root_cause', 'fix', 'validated', 'evidence', 'verdict', 'unneeded_change', 'reasons'],
  properties: {
    passed: { type: 'boolean', description: 'The root cause is right, the fix is right, and the tools confirm it.' },
    total: {
      ...share,
      description: `${Object.entries(weights)
        .map(([part, weight]) => `${weight} ${part}`)
        .join(' + ')}. Evidence counts only for a right cause, and the verdict only for a fix that helps.`,
    },
    root_cause: { enum: [0, 1], description: 'Whether category and root_cause name the cause, and no other.' },
    fix: { enum: [0, 0.5, 1], description: '1: right. 0.5: it helps. 0: useless, harmful, or rejected.' },
    validated: { type: 'boolean', description: "The run's validation has the status that the fix must have." },
    evidence: {
      ...share,
      description: 'Share of grounded quotes; half of it if none of them shows the cause.',
    },
    verdict: { enum: [0, 1], description: 'Whether the words of the answer claim no more than the tools found.' },
    unneeded_change: {
      type: 'boolean',
      description: 'A change was proposed where the right answer is to change nothing.',
    },
    reasons: { type: 'array', items: { type: 'string' }, description: 'Why, in sentences.' },
  },
} as const

/** How good one run was. A run without an accepted answer has 0 in every part. */
export type RunScore = Returnable<Infer<typeof runScoreSchema>>

/** Schema of a {@link RunRecord}. */
export const runRecordSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['scenario', 'run', 'error', 'score', 'result'],
  properties: {
    scenario: sentence,
    run: { type: 'integer', minimum: 1, description: 'Number of the run of this scenario, from 1.' },
    error: {
      anyOf: [runErrorSchema, { type: 'null' }],
      description: 'Why the provider gave no answer. Such a run has no score, and a resumed evaluation repeats it.',
    },
    score: { anyOf: [runScoreSchema, { type: 'null' }], description: 'null if the provider failed.' },
    result: {
      type: 'object',
      description: 'The parts of the result that the score is about.',
      additionalProperties: false,
      required: [
        'stop_reason',
        'category',
        'root_cause',
        'actions',
        'status',
        'violations',
        'rounds',
        'usage',
        'duration_ms',
        'cost',
      ],
      properties: {
        stop_reason: { enum: stopReasons },
        category: text,
        root_cause: { ...text, description: 'Words of the model. Not trusted.' },
        actions: { ...fixPlanSchema.properties.actions, minItems: 0, description: 'The plan; empty without one.' },
        status: validationSchema.properties.status,
        violations: { ...count, description: 'Problems of the answer that were left at the end.' },
        rounds: count,
        usage: usageSchema,
        duration_ms: count,
        cost: { ...maybeNumber, description: 'Price of the tokens; null without prices.' },
      },
    },
  },
} as const

/**
 * One run of one scenario. A line of `runs.jsonl`.
 *
 * Either `score` or `error` is `null`. A run can have several records, if the provider failed before; the last one counts.
 */
export type RunRecord = Returnable<Infer<typeof runRecordSchema>>

const intervalSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['value', 'low', 'high'],
  properties: {
    value: { ...maybeNumber, description: 'null without a run.' },
    low: { ...maybeNumber, description: 'Lower end of the 95 % confidence interval; null with fewer than two runs.' },
    high: maybeNumber,
  },
} as const

/** A figure with its 95 % confidence interval. */
export type Interval = Returnable<Infer<typeof intervalSchema>>

const figuresSchema = {
  type: 'object',
  additionalProperties: false,
  required: [
    'runs',
    'passed',
    'pass_rate',
    'score',
    'answered',
    'root_cause',
    'fix',
    'validated',
    'evidence',
    'verdict',
    'unneeded_changes',
    'violations',
    'rounds',
    'input_tokens',
    'output_tokens',
    'duration_ms',
    'cost',
    'provider_errors',
  ],
  properties: {
    runs: { ...count, description: 'Runs with a score.' },
    passed: { ...count, description: 'Runs whose cause and fix are right, and whose fix the tools confirm.' },
    pass_rate: { ...intervalSchema, description: 'passed / runs, with the Wilson interval.' },
    score: {
      ...intervalSchema,
      description: 'Mean of `total`, with a bootstrap interval that draws scenarios with all their runs.',
    },
    answered: { ...maybeNumber, description: 'Share of runs with an accepted answer.' },
    root_cause: { ...maybeNumber, description: 'Mean of the runs, as are all members below with null.' },
    fix: maybeNumber,
    validated: maybeNumber,
    evidence: maybeNumber,
    verdict: maybeNumber,
    unneeded_changes: { ...count, description: 'Runs with a change where none is needed.' },
    violations: { ...count, description: 'Problems of answers that were left at the end.' },
    rounds: maybeNumber,
    input_tokens: maybeNumber,
    output_tokens: maybeNumber,
    duration_ms: maybeNumber,
    cost: { ...maybeNumber, description: 'Sum of all runs; null without prices.' },
    provider_errors: { ...count, description: 'Runs without a score, because the provider failed.' },
  },
} as const

/** Schema of an {@link EvaluationDocument}, as `eval.json` contains it. */
export const evaluationSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'tenrounds evaluation',
  type: 'object',
  additionalProperties: false,
  required: ['evaluation_version', 'settings', 'complete', 'total', 'scenarios', 'runs'],
  properties: {
    evaluation_version: { const: evaluationVersion },
    settings: settingsSchema,
    complete: { type: 'boolean', description: 'Whether every run has a score.' },
    total: { ...figuresSchema, description: 'All runs.' },
    scenarios: {
      type: 'array',
      description: 'The runs of each scenario, in the order of the settings.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['scenario', 'figures'],
        properties: { scenario: sentence, figures: figuresSchema },
      },
    },
    runs: { type: 'array', items: runRecordSchema },
  },
} as const

/**
 * Figures of a group of runs: of all, or of one scenario.
 *
 * Rates, means and tokens are over the runs with a score. A mean of no runs is `null`, never 0.
 */
export type EvaluationFigures = Returnable<Infer<typeof figuresSchema>>

/**
 * The result of an evaluation.
 *
 * Two evaluations can be compared if their settings differ in the subject only. The intervals of two evaluations may overlap
 * although one of them is better: compare the runs of each scenario.
 */
export type EvaluationDocument = Returnable<Infer<typeof evaluationSchema>>

/**
 * Code of an {@link EvaluationError}.
 *
 * - `invalid_option`: an option is wrong. The message names it and its values.
 * - `other_settings`: the folder has runs of other settings. Use the same settings, or another folder.
 * - `already_started`: the folder has runs already. Resume them, or use another folder.
 * - `damaged_results`: `runs.jsonl` was changed or damaged in the middle. The message has the line.
 * - `unwritable_folder`: the folder cannot be created or written. Use another folder.
 */
export type EvaluationErrorCode =
  | 'invalid_option'
  | 'other_settings'
  | 'already_started'
  | 'damaged_results'
  | 'unwritable_folder'

/** An evaluation that cannot start. Everything that happens in a run is part of its record instead. */
export class EvaluationError extends TenroundsError {
  override readonly name = 'EvaluationError' as const
  /** Stable identifier of the mistake. */
  declare readonly code: EvaluationErrorCode

  constructor(code: EvaluationErrorCode, message: string) {
    super(code, message)
  }
}
