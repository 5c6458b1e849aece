const text = { type: 'string' } as const
const amount = { type: 'number', exclusiveMinimum: 0 } as const
const gpuIndex = { type: 'integer', minimum: 0 } as const

/** JSON Schema of {@link DeploymentConfig}. */
export const deploymentSchema = {
  type: 'object',
  readOnly: true, // written by tools, not by the model: advertised without its members
  description:
    'The whole deployment configuration: {"$result":"fetch_config#/config"} or {"$result":"apply_fix_simulation#/updated_config"}.',
  additionalProperties: false,
  required: [
    'config_id',
    'scenario',
    'model',
    'image',
    'vllm_version',
    'engine_args',
    'env',
    'resources',
    'placement',
    'history',
  ],
  properties: {
    config_id: text,
    scenario: text,
    model: text,
    image: text,
    vllm_version: text,
    engine_args: {
      type: 'object',
      description: 'vLLM engine arguments in Python spelling; an absent one has the default.',
      additionalProperties: { type: ['boolean', 'number', 'string', 'null'] },
    },
    env: { type: 'object', additionalProperties: text },
    resources: {
      type: 'object',
      additionalProperties: false,
      required: ['host_memory_gb', 'cpu_cores', 'shm_gb'],
      properties: { host_memory_gb: amount, cpu_cores: amount, shm_gb: amount },
    },
    placement: {
      type: 'object',
      additionalProperties: false,
      required: ['node', 'gpu_model', 'gpus', 'driver_version', 'spare_nodes'],
      properties: {
        node: text,
        gpu_model: text,
        gpus: { type: 'array', minItems: 1, items: gpuIndex },
        driver_version: text,
        spare_nodes: {
          type: 'array',
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['node', 'driver_version'],
            properties: { node: text, driver_version: text },
          },
        },
        peers: {
          type: 'array',
          description: 'Further nodes of a deployment that spans several, each with the environment of its ranks.',
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['node', 'gpus', 'driver_version', 'env'],
            properties: {
              node: text,
              gpus: { type: 'array', minItems: 1, items: gpuIndex },
              driver_version: text,
              env: { type: 'object', additionalProperties: text },
            },
          },
        },
      },
    },
    history: {
      type: 'object',
      additionalProperties: false,
      required: ['engine_restarts', 'gpu_resets'],
      properties: { engine_restarts: { type: 'integer', minimum: 0 }, gpu_resets: { type: 'array', items: gpuIndex } },
    },
  },
} as const
