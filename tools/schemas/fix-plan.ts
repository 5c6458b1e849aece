const text = { type: 'string', minLength: 1 } as const
const amount = { type: 'number', exclusiveMinimum: 0 } as const

/** JSON Schema of {@link FixPlan}. */
export const fixPlanSchema = {
  type: 'object',
  description: 'What shall be done. Actions are applied in order; two that contradict each other are rejected.',
  additionalProperties: false,
  required: ['summary', 'actions'],
  properties: {
    summary: text,
    rationale: { type: 'string' },
    risks: { type: 'array', items: { type: 'string' } },
    actions: {
      type: 'array',
      minItems: 1,
      items: {
        anyOf: [
          {
            type: 'object',
            description: 'Set vLLM engine arguments, Python spelling; null restores the default.',
            additionalProperties: false,
            required: ['action', 'args'],
            properties: {
              action: { const: 'set_engine_args' },
              args: {
                type: 'object',
                minProperties: 1,
                additionalProperties: { type: ['boolean', 'number', 'string', 'null'] },
              },
            },
          },
          {
            type: 'object',
            description: 'Set environment variables of the engine; null removes one.',
            additionalProperties: false,
            required: ['action', 'env'],
            properties: {
              action: { const: 'set_env' },
              env: { type: 'object', minProperties: 1, additionalProperties: { type: ['string', 'null'] } },
            },
          },
          {
            type: 'object',
            description: 'Run another image; its tag gives the vLLM version.',
            additionalProperties: false,
            required: ['action', 'image'],
            properties: { action: { const: 'change_image' }, image: text },
          },
          {
            type: 'object',
            description: 'Restart the engine with the same configuration.',
            additionalProperties: false,
            required: ['action'],
            properties: { action: { const: 'restart_engine' } },
          },
          {
            type: 'object',
            description: 'Change host memory, CPU cores or shared memory (GiB, cores, GiB).',
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
          {
            type: 'object',
            description: 'Take the node out of service and move the deployment to its first spare node.',
            additionalProperties: false,
            required: ['action', 'node'],
            properties: { action: { const: 'drain_node' }, node: text },
          },
          {
            type: 'object',
            description: 'Reset one GPU of the deployment.',
            additionalProperties: false,
            required: ['action', 'gpu'],
            properties: { action: { const: 'reset_gpu' }, gpu: { type: 'integer', minimum: 0 } },
          },
          {
            type: 'object',
            description: 'Set the same NCCL_* environment on all ranks.',
            additionalProperties: false,
            required: ['action', 'env'],
            properties: {
              action: { const: 'align_nccl_env' },
              env: {
                type: 'object',
                minProperties: 1,
                propertyNames: { pattern: '^NCCL_' },
                additionalProperties: { type: 'string' },
              },
            },
          },
          {
            type: 'object',
            description: 'Change nothing, and say why. Stands alone.',
            additionalProperties: false,
            required: ['action', 'reason'],
            properties: { action: { const: 'no_change' }, reason: text },
          },
        ],
      },
    },
  },
} as const
