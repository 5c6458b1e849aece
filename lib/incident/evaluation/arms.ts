import { createHash } from 'node:crypto'
import { isObject } from '../../../router/json/json.ts'
import type { FixAction, FixPlan } from '../../../tools/types.ts'
import type { ReplyDraft, Responder, ToolCallDraft } from '../../testing/mock-server/completion.ts'
import type { Answer } from '../agent/agent-result.ts'
import { type Conversation, latest, readConversation, textAt } from '../responder/conversation.ts'
import { incidentResponder } from '../responder/incident-responder.ts'
import { attemptCalls } from '../responder/next-calls.ts'

/** A responder that takes the place of the model in an evaluation. */
interface Arm {
  /** Its behaviour, in one sentence. */
  readonly description: string
  /**
   * Creates it for one run. Its replies depend on the request and on the seed only.
   *
   * @param seed a text that differs between scenarios and runs.
   */
  readonly create: (seed: string) => Responder
}

/**
 * The arms by name. `responder` shows that the score can be reached by rules that know no scenario. All others must fail: an
 * evaluation in which they do not fail could not tell a good model from a bad one.
 */
export const arms = {
  responder: { description: 'The fixed rules of the mock server.', create: () => incidentResponder() },
  'no-op': { description: 'Answers at once that nothing is wrong, and changes nothing.', create: noOp },
  'popular-but-wrong': {
    description: 'Validates a fix that people try first, without looking.',
    create: popularButWrong,
  },
  random: { description: 'Validates a random plan, and names a random cause.', create: random },
  careless: { description: 'Has the right plan, but does not validate it and quotes from memory.', create: careless },
  repetitive: { description: 'Makes the same call for ever.', create: repetitive },
  hallucinating: { description: 'Invents tools, telemetry, quotes and figures.', create: hallucinating },
} as const satisfies Readonly<Record<string, Arm>>

/** Name of an arm. */
export type ArmName = keyof typeof arms

/** Names of all arms; the responder is the first. */
export const armNames = Object.keys(arms).filter(isArmName)

/** Whether there is an arm with this name. */
export function isArmName(name: string): name is ArmName {
  return Object.hasOwn(arms, name)
}

/** The best answer without any work: it is right for a healthy engine, and the agent accepts its excuse otherwise. */
function noOp(): Responder {
  return () =>
    answerReply({
      category: 'unknown',
      rootCause: 'Nothing is wrong.',
      actions: [{ action: 'no_change', reason: 'Nothing is wrong.' }],
    })
}

/** Never answers: without tools it only announces the next call. The loop must end the run. */
function repetitive(): Responder {
  return (request) => {
    const { scenario } = readConversation(request)
    if (request.tools.length === 0) return { content: 'Let me look at the configuration once more.' }
    return { toolCalls: [{ name: 'fetch_config', input: { scenario: scenario ?? null } }] }
  }
}

// Arms that guess: they follow the way of working and validate their plan, but never look at the incident.

/** A cause and a fix that somebody proposes without looking. */
interface Guess {
  /** The class of the cause. */
  readonly category: string
  /** The cause, in one sentence. */
  readonly rootCause: string
  /** The fix. @param conversation gives the names in the configuration, so that the plan is valid. */
  readonly actions: (conversation: Conversation) => readonly FixAction[]
}

/** A plan that sets engine arguments, whatever they were before. */
const setArguments = (args: Readonly<Record<string, string | number | boolean | null>>) => (): readonly FixAction[] => [
  { action: 'set_engine_args', args: { ...args } },
]

/** The causes and fixes that people think of first, whatever the incident. */
const folklore: readonly [Guess, ...Guess[]] = [
  {
    // Advice of PyTorch's own message for CUDA out of memory.
    category: 'gpu_memory',
    rootCause: 'The allocator has fragmented the memory.',
    actions: () => [{ action: 'set_env', env: { PYTORCH_CUDA_ALLOC_CONF: 'expandable_segments:True' } }],
  },
  {
    // The fix of every support line.
    category: 'process_state',
    rootCause: 'The process is in a bad state after a long time.',
    actions: () => [{ action: 'restart_engine' }],
  },
  {
    // The first knob in most guides to throughput.
    category: 'batching',
    rootCause: 'The engine does not batch enough requests, because max_num_seqs is too low.',
    actions: setArguments({ max_num_seqs: 512 }),
  },
  {
    // The second knob. It is right for some incidents, so this arm can pass by chance.
    category: 'kv_cache',
    rootCause: 'The KV cache is too small for the load.',
    actions: setArguments({ gpu_memory_utilization: 0.95 }),
  },
  {
    // Less load makes most figures better and hides the cause.
    category: 'load',
    rootCause: 'The service has too many users at the moment.',
    actions: setArguments({ max_num_seqs: 32 }),
  },
]

/** More guesses, so that each cause and each kind of action occurs by chance. */
const guesses: readonly [Guess, ...Guess[]] = [
  ...folklore,
  {
    category: 'gpu_hardware',
    rootCause: 'A GPU of the node has an uncorrectable ECC error.',
    actions: () => [{ action: 'reset_gpu', gpu: 0 }, { action: 'restart_engine' }],
  },
  {
    category: 'node',
    rootCause: 'The node has a fault in its kernel: a CPU has a soft lockup.',
    actions: (conversation) => {
      const node = textAt(latest(conversation, 'fetch_config'), ['config', 'placement', 'node'])
      return node === undefined ? [{ action: 'restart_engine' }] : [{ action: 'drain_node', node }]
    },
  },
  {
    category: 'host_memory',
    rootCause: 'The kernel killed a process, because the container has too little host memory.',
    actions: () => [{ action: 'set_resources', resources: { host_memory_gb: 512 } }],
  },
  {
    category: 'nccl',
    rootCause: 'The NCCL settings of the nodes differ.',
    actions: () => [{ action: 'align_nccl_env', env: { NCCL_PROTO: 'Simple' } }],
  },
  {
    category: 'decode',
    rootCause: 'The engine runs in eager mode, without CUDA graphs.',
    actions: setArguments({ enforce_eager: false }),
  },
  {
    category: 'long_prefills',
    rootCause: 'Long prefills delay the decode steps of running requests.',
    actions: setArguments({ max_num_batched_tokens: 2048 }),
  },
  {
    category: 'speculative_decoding',
    rootCause: 'Most drafted tokens of speculative decoding are rejected.',
    actions: setArguments({ speculative_config: null }),
  },
  {
    category: 'none',
    rootCause: 'Nothing is wrong.',
    actions: () => [{ action: 'no_change', reason: 'Nothing is wrong.' }],
  },
]

/**
 * Takes a fix that people try first, and validates it.
 *
 * @param seed chooses the fix. It has the scenario, so an evaluation tries several.
 */
function popularButWrong(seed: string): Responder {
  return guessing(chosenBy(seed, folklore))
}

/** Takes any plan, and a cause that has nothing to do with it. */
function random(seed: string): Responder {
  const { actions } = chosenBy(`plan ${seed}`, guesses)
  // Chosen one by one, so that a right fix seldom comes with its cause.
  return guessing({ ...chosenBy(`cause ${seed}`, guesses), actions })
}

/** Reads the configuration, tries the guess and answers with it, whatever the validation says. */
function guessing({ category, rootCause, actions }: Guess): Responder {
  return (request) => {
    const conversation = readConversation(request)
    const { scenario } = conversation
    const isConfigKnown = conversation.results.some(({ tool }) => tool === 'fetch_config')
    const plan = { summary: 'The plan of this arm.', actions: [...actions(conversation)] }
    // One attempt is enough: the arm does not learn from its validation.
    const isTried = conversation.results.some(({ tool }) => tool === 'apply_fix_simulation')
    if (request.tools.length > 0 && !isConfigKnown) {
      return { toolCalls: [{ name: 'fetch_config', input: { scenario: scenario ?? null } }] }
    }
    if (request.tools.length > 0 && !isTried) return { toolCalls: attemptCalls(conversation, plan) }
    return answerReply({ category, rootCause, actions: plan.actions })
  }
}

// Arms that say what no tool has said. The agent must not accept their answers.

/** Uses the right tools and has the right plan, but does not validate it and quotes from memory. */
function careless(): Responder {
  const responder = incidentResponder()
  return async (request): Promise<ReplyDraft> => {
    const reply = await responder(request)
    const plan = reply.toolCalls?.map(planIn).find((found) => found !== undefined)
    if (plan === undefined && reply.toolCalls !== undefined) return reply
    return answerReply({
      category: 'unknown',
      rootCause: `It is clear what to do: ${plan?.summary ?? 'nothing.'}`,
      actions: plan?.actions ?? [{ action: 'no_change', reason: 'It is fine.' }],
      evidence: [{ tool: 'fetch_vllm_logs', quote: 'ERROR: as the logs say, this is the cause of the incident' }],
      claim: 'The plan fixes the incident.',
    })
  }
}

/** The plan of a call that applies one. */
function planIn({ name, input }: ToolCallDraft): Pick<FixPlan, 'summary' | 'actions'> | undefined {
  const plan = name === 'apply_fix_simulation' && isObject(input) ? input['fix_plan'] : undefined
  return isPlan(plan) ? plan : undefined
}

/** The plans of the responder fulfil the schema. */
function isPlan(value: unknown): value is Pick<FixPlan, 'summary' | 'actions'> {
  return isObject(value) && typeof value['summary'] === 'string' && Array.isArray(value['actions'])
}

/**
 * Invents telemetry, log lines and figures, and says that its fix was confirmed.
 *
 * The agent sends such an answer back until the rounds are used up, so the run ends without an accepted answer.
 */
function hallucinating(): Responder {
  return (request) => {
    // A tool that does not exist, and a document that no tool has returned.
    const { scenario, results } = readConversation(request)
    if (results.length === 0 && request.tools.length > 0) {
      return {
        toolCalls: [
          { name: 'fetch_nvlink_errors', input: { scenario: scenario ?? null } },
          {
            name: 'validate_improvement',
            input: {
              pre_telemetry: { latency: { ttft_s: { p95: 91.5 } } },
              post_telemetry: { latency: 'much better' },
            },
          },
        ],
      }
    }
    return answerReply({
      category: 'nvlink',
      rootCause: 'NVLink lane 7 of GPU 11 lost 4213 packets, which explains the TTFT of 91.5 s.',
      actions: [{ action: 'set_env', env: { NCCL_NVLS_ENABLE: '0' } }],
      evidence: [
        { tool: 'fetch_nvlink_errors', quote: 'GPU 11: NVLink lane 7: 4213 CRC errors' },
        { tool: 'validate_improvement', quote: 'ttft p95 91.5 s -> 0.3 s: improved' },
      ],
      claim: 'validate_improvement confirmed that the fix restored all objectives.',
    })
  }
}

/** The words and the plan of an arm. The rest of the answer is filled in so that it has the right form. */
interface ArmAnswer {
  /** The cause that it names. */
  readonly rootCause: string
  /** The class of that cause. */
  readonly category: string
  /** The plan that it proposes. */
  readonly actions: readonly FixAction[]
  /** Its quotes. @defaultValue none, with low confidence */
  readonly evidence?: Answer['diagnosis']['evidence']
  /** A sentence about the effect of the plan. @defaultValue nothing */
  readonly claim?: string
}

/**
 * A reply with an answer in the right form.
 *
 * An arm must fail because of its words and its plan, not because of a missing member, so everything else is correct.
 */
function answerReply({ rootCause, category, actions, evidence = [], claim = '' }: ArmAnswer): ReplyDraft {
  const answer: Answer = {
    diagnosis: {
      root_cause: rootCause,
      summary: `${rootCause} ${claim}`.trim(),
      category,
      confidence: evidence.length > 0 ? 'high' : 'low',
      evidence,
      ruled_out: [],
      uncertainties: ['Nothing else was looked at.'],
    },
    fix_plan: { summary: 'The plan of this arm.', actions: [...actions], rationale: excuse },
  }
  return { content: JSON.stringify(answer) }
}

/** The agent accepts `no_change` during an incident only with a reason against each missed objective. */
const excuse =
  'No action helps against the time to first token, the inter-token latency, unserved requests, an engine that is down, stuck workers or missing progress.'

/** An item chosen by a text: always the same one for the same text. */
function chosenBy<Item>(text: string, items: readonly [Item, ...Item[]]): Item {
  const number = createHash('sha256').update(text).digest().readUInt32BE(0)
  return items[number % items.length] ?? items[0]
}
