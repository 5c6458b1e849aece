import { deploymentSchema, routingPolicySchema } from '../../fixtures/deployment.ts'
import { predictionSchema } from './prediction.ts'

// A fix plan and the result of applying it, in short:
//
//     { "summary": "Admit fewer requests.",
//       "actions": [{ "action": "set_engine_args", "args": { "max_num_seqs": 64 } }, { "action": "restart_engine" }] }
//
//     { "updated_config": { "config_id": "cpu_starved/1f0c…", "engine_args": { "max_num_seqs": 64, … }, … },
//       "diff": [{ "op": "replace", "path": "/engine_args/max_num_seqs", "from": 256, "value": 64 }],
//       "expected_impact": ["max_num_seqs = 64: Fewer requests at once: …"] }
//
// To add an action, add its schema here and its effect to `applyAction` of `tools/fix/apply-plan.ts`, whose `switch` does
// not compile without it.

const text = { type: 'string', minLength: 1 } as const
const amount = { type: 'number', exclusiveMinimum: 0 } as const
/** Values of engine arguments and of other settings in a configuration. */
const scalar = { type: ['boolean', 'number', 'string', 'null'] } as const

/** JSON Schema of a fix plan. The model writes plans, so it is advertised in full: keep it short. */
export const fixPlanSchema = {
  type: 'object',
  writeOnly: true,
  description: 'Actions are applied in order.',
  additionalProperties: false,
  required: ['summary', 'actions'],
  properties: {
    summary: text,
    // These two are for the reader of the report. Nothing depends on them.
    rationale: { type: 'string' },
    risks: { type: 'array', items: { type: 'string' } },
    actions: {
      type: 'array',
      minItems: 1,
      // One closed object per action: a misspelt or foreign member is an error with the name of the action.
      items: {
        type: 'object',
        // Errors are reported for the chosen action only.
        discriminator: { propertyName: 'action' },
        oneOf: [
          // Values are checked against `engineArguments`: unknown, removed and unsimulated arguments are rejected.
          {
            type: 'object',
            description: 'Engine arguments in Python spelling; null restores the default.',
            additionalProperties: false,
            required: ['action', 'args'],
            properties: {
              action: { const: 'set_engine_args' },
              args: {
                type: 'object',
                // An action that changes nothing is a mistake; `no_change` says it with a reason.
                minProperties: 1,
                additionalProperties: scalar,
              },
            },
          },
          // No variable changes the simulated speed; impairments can depend on variables.
          {
            type: 'object',
            description: 'Variables of the engine; null removes one.',
            additionalProperties: false,
            required: ['action', 'env'],
            properties: {
              action: { const: 'set_env' },
              env: { type: 'object', minProperties: 1, additionalProperties: { type: ['string', 'null'] } },
            },
          },
          // Impairments can depend on the version, and the version decides which arguments and defaults exist.
          {
            type: 'object',
            description: 'The tag must contain the vLLM version.',
            additionalProperties: false,
            required: ['action', 'image'],
            properties: { action: { const: 'change_image' }, image: text },
          },
          // Ends GPU errors whose remedy is a restart.
          {
            type: 'object',
            description: 'With the same configuration.',
            additionalProperties: false,
            required: ['action'],
            properties: { action: { const: 'restart_engine' } },
          },
          // Host memory is simulated; impairments can depend on the others.
          {
            type: 'object',
            description: 'Host memory and shared memory in GiB.',
            additionalProperties: false,
            required: ['action', 'resources'],
            properties: {
              action: { const: 'set_resources' },
              resources: {
                type: 'object',
                minProperties: 1,
                additionalProperties: false,
                properties: { host_memory_gb: amount, cpu_cores: amount, shm_gb: amount },
              },
            },
          },
          // Ends everything that is wrong with the node itself.
          {
            type: 'object',
            description: 'Move to the first spare node.',
            additionalProperties: false,
            required: ['action', 'node'],
            properties: { action: { const: 'drain_node' }, node: text },
          },
          // For a deployment with several engines, of which some have too many requests.
          {
            type: 'object',
            description: 'Of the gateway, among the engines of data_parallel_size.',
            additionalProperties: false,
            required: ['action', 'policy'],
            properties: { action: { const: 'set_routing' }, policy: routingPolicySchema },
          },
          // Ends GPU errors whose remedy is a reset.
          {
            type: 'object',
            additionalProperties: false,
            required: ['action', 'gpu'],
            properties: { action: { const: 'reset_gpu' }, gpu: { type: 'integer', minimum: 0 } },
          },
          // For ranks on several nodes that disagree on NCCL settings.
          {
            type: 'object',
            description: 'The same on all ranks.',
            additionalProperties: false,
            required: ['action', 'env'],
            properties: {
              action: { const: 'align_nccl_env' },
              env: {
                type: 'object',
                minProperties: 1,
                // Other variables may differ between ranks for good reasons, such as CUDA_VISIBLE_DEVICES.
                propertyNames: { pattern: '^NCCL_' },
                additionalProperties: { type: 'string' },
              },
            },
          },
          // The right answer for a healthy deployment, and for a cause that is not known.
          {
            type: 'object',
            description: 'Must be the only action.',
            additionalProperties: false,
            required: ['action', 'reason'],
            properties: { action: { const: 'no_change' }, reason: text },
          },
        ],
      },
    },
  },
} as const

/** JSON Schema of the result of `apply_fix_simulation`. */
export const fixResultSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['updated_config', 'diff', 'expected_impact'],
  properties: {
    // The input of `collect_post_telemetry`. It is complete, because no tool stores a configuration.
    updated_config: deploymentSchema,
    // Shown in the report. Only scalars can differ: a changed list has one row per item.
    diff: {
      type: 'array',
      description: 'Differences in the style of JSON Patch. "from" is the earlier value; absent if there was none.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['op', 'path'],
        properties: {
          op: { enum: ['add', 'remove', 'replace'] },
          path: { type: 'string' },
          from: scalar,
          value: scalar,
        },
      },
    },
    expected_impact: {
      type: 'array',
      items: { type: 'string' },
      description:
        "Effect of each action according to vLLM's documentation, one text per action. For a load that was inferred from " +
        'pages the last text is the prediction.',
    },
    prediction: predictionSchema,
    not_predicted: {
      type: 'array',
      description: 'Why the effect on an incident of files is not predicted. Absent: it is.',
      minItems: 1,
      items: { type: 'string' },
    },
  },
} as const
