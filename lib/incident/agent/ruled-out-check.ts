import { isObject } from '../../../router/json/json.ts'
import { incidentTools } from '../../../tools/index.ts'
import type { Answer } from './agent-result.ts'
import type { Problem } from './grounding.ts'
import { isInAnySource, type Sources } from './grounding.ts'
import type { Success } from './own-words.ts'

// A cause is ruled out by results. What a sentence quotes must be in one, the tools that it names must have one, and a tool
// must have looked at what it speaks about. A log that was not collected, an empty page and an empty list of GPUs show
// nothing. A subject that is not in the table below is not refused; nothing is known about where it can be seen.

/** Problems of what an answer rules out, in `ruled_out` and in its other sentences. */
export function ruledOutProblems({ diagnosis, fix_plan: plan }: RuledOut, sources: Sources): readonly Problem[] {
  const listed = diagnosis.ruled_out.map((text, index) => [`diagnosis.ruled_out[${index}]`, text] as const)
  const others: readonly (readonly [string, string | undefined])[] = [
    ['diagnosis.root_cause', diagnosis.root_cause],
    ['diagnosis.summary', diagnosis.summary],
    ['fix_plan.rationale', plan?.rationale],
  ]
  const negated = others.flatMap(([at, text = '']) =>
    sentencesOf(text).flatMap((one) => (rulesOut.test(one) ? [[at, one] as const] : [])),
  )
  return [
    ...listed.flatMap(([at, sentence]) => {
      const found = listedProblems(at, sentence, sources)
      return found.length > 0 ? found : unseenProblems(at, sentence, sources)
    }),
    ...negated.flatMap(([at, sentence]) => unseenProblems(at, sentence, sources)),
  ]
}

/** The parts of an answer that can rule something out. */
interface RuledOut {
  /** The diagnosis. */
  readonly diagnosis: Pick<Answer['diagnosis'], 'root_cause' | 'summary' | 'ruled_out'>
  /** The plan; absent if it cannot be read. */
  readonly fix_plan?: Answer['fix_plan'] | undefined
}

/** Quotation marks around at least as many characters as a quote needs. */
const quotation = /"([^"]{8,})"|“([^”]{8,})”/g

/** The quotes and the tools in a sentence of `ruled_out` must be in the results. */
function listedProblems(at: string, words: string, sources: Sources): readonly Problem[] {
  const withResult = new Set(sources.results.filter(({ status }) => status === 'ok').map(({ name }) => name))
  if (withResult.size === 0) {
    return [{ at, words, problem: 'no tool has returned anything yet that rules it out.', advice: '' }]
  }
  const quotes = [...words.matchAll(quotation)].map(([, straight, curved]) => straight ?? curved ?? '')
  const invented = quotes.filter((quote) => !isInAnySource(quote, sources))
  const uncalled = [...words.matchAll(/\w+/g)]
    .map(([tool]) => tool)
    .filter((tool) => toolNames.has(tool) && !withResult.has(tool))
  return [
    ...invented.map((quote) => ({
      at,
      problem: `no result contains "${quote}".`,
      advice: 'Copy it from a result without changes.',
    })),
    ...uncalled.map((tool) => ({ at, problem: `${tool} has no result.`, advice: 'Call it, or leave this out.' })),
  ]
}

const toolNames: ReadonlySet<string> = new Set(incidentTools.map(({ name }) => name))

/** Words by which a sentence says that something is not a cause. */
const rulesOut =
  /\b(?:rul(?:e|es|ed|ing)[ -](?:\w+ ){0,4}out|exclud(?:e|es|ed|ing)|eliminat(?:e|es|ed|ing)|(?:is|are|was|were) not (?:the |a |to )?(?:(?:root )?cause|blame|involved|responsible|at fault|affected)|not caused by|not due to|nor (?:is|are)|no (?:sign|evidence|indication|trace)s? of|nothing (?:is )?wrong with|unrelated to|(?:is|are) (?:healthy|fine|innocent))\b/i
/** The sentence admits that it is not known. */
const admits =
  /\b(?:cannot|can't|could not|couldn't|not yet|never) (?:be )?(?:ruled? out|excluded?)|\bnot (?:be )?(?:ruled out|excluded|checked|collected|known|examined|looked at|verified|confirmed|possible to)\b|\bunknown\b|\bunverified\b/i

function sentencesOf(text: string): readonly string[] {
  return text.split(/(?<=[.!?;])\s+/)
}

/** Subjects that a sentence speaks about and that no result shows. */
function unseenProblems(at: string, words: string, sources: Sources): readonly Problem[] {
  if (admits.test(words)) return []
  return subjects.flatMap(([name, pattern, tools]) => {
    if (!pattern.test(words) || tools.some((tool) => hasLooked(tool, sources))) return []
    const [first, ...others] = tools.filter((tool) => tool !== 'pre_telemetry')
    return [
      {
        at,
        words,
        problem: `no tool has looked at ${name}.`,
        advice: `Call ${[first, ...others].join(' or ')}, or leave this out.`,
      },
    ]
  })
}

const logs = ['fetch_system_logs', 'fetch_vllm_logs'] as const
const metrics = ['fetch_prometheus_metrics', 'analyze_metrics'] as const
const load = [...metrics, 'fetch_runtime_state', 'pre_telemetry'] as const

/** Subjects of sentences, and the tools of which one is enough to see them. */
const subjects: readonly (readonly [name: string, words: RegExp, tools: readonly string[]])[] = [
  [
    'GPU errors',
    /\bgpus?\b(?![ _-]?(?:memory|mem|kv|cache|blocks?|util))|\bxids?\b|\becc\b|\bnv-?link|\bnvswitch|\brow[ -]?remap|\b(?:pcie?|dbe|sbe)\b|\bhardware\b|\bfall(?:en)? off the bus/i,
    ['fetch_system_logs', 'fetch_gpu_stats'],
  ],
  [
    'temperature and power',
    /\bthermal|\bthrottl|\boverheat|\btemperature|\bpower (?:cap|limit|draw|supply|brake)|\bcooling/i,
    ['fetch_gpu_stats', 'fetch_system_logs'],
  ],
  [
    'GPU memory',
    /\b(?:gpu|cuda|device|hbm|vram)[ _-]?(?:memory|oom|out[ -]of[ -]memory)|\bvram\b/i,
    ['fetch_gpu_stats', 'fetch_vllm_logs', 'fetch_config', ...metrics],
  ],
  [
    'host memory',
    /\boom[ -]?kill|\b(?:host|system|container|node)(?:'s)?[ -](?:memory|ram|oom)|\bcgroup|\bswap(?:ping)?\b|\bkernel killed/i,
    ['fetch_system_logs'],
  ],
  ['memory failures', /\boom\b(?![ -]?kill)|\bout[ -]of[ -]memory/i, [...logs, 'fetch_gpu_stats']],
  [
    'the network',
    /\bnetwork|\binfiniband|\bnccl\b|\brdma\b|\broce\b|\bethernet|\binterconnect|\bfabric\b|\bpacket loss|\bswitch port|\blink (?:errors?|flaps?|failures?)|\bdns\b|\bib\b(?! ?status)/i,
    logs,
  ],
  [
    'disks and file systems',
    /\bdisks?\b|\bstorage|\bfile ?systems?|\bnfs\b|\bnvme\b|\bssd\b|\bi\/?o (?:errors?|wait|stalls?)/i,
    logs,
  ],
  [
    'the host and its kernel',
    /\bkernel\b(?! killed)(?! (?:launch|fusion))|\bsoft ?lockups?|\bhost (?:errors?|failures?|problems?)|\bnode (?:errors?|failures?|problems?|reboots?)|\bevict|\bkubelet|\bsystemd/i,
    ['fetch_system_logs'],
  ],
  [
    'the CPU',
    /\bcpus?\b(?![ -]?(?:offload|memory))/i,
    ['fetch_system_logs', 'fetch_vllm_logs', 'fetch_prometheus_metrics', 'analyze_metrics', 'fetch_config'],
  ],
  [
    'the driver',
    /\bdrivers?\b|\bcuda (?:version|libraries|toolkit)|\bimage (?:mismatch|version)/i,
    [...logs, 'fetch_config'],
  ],
  ['the prefix cache', /\bprefix[ -]?cach/i, [...metrics, 'fetch_config', 'fetch_vllm_logs']],
  ['speculative decoding', /\bspeculat|\bdraft(?:s|er|ed)?\b/i, [...metrics, 'fetch_config', 'fetch_vllm_logs']],
  ['KV transfers', /\bkv[ -]?(?:transfer|connector)|\bnixl\b/i, [...metrics, 'fetch_config', 'fetch_vllm_logs']],
  [
    'clients and the gateway',
    /\bclients?\b|\bgateway|\bload[ -]?balanc|\bingress|\brouter\b|\brouting\b|\bproxy\b/i,
    [...metrics, 'fetch_vllm_logs', 'fetch_config'],
  ],
  ['the API server', /\btokeni[sz]|\bfront[ -]?end|\bapi[ -]?server/i, [...metrics, 'fetch_vllm_logs', 'fetch_config']],
  [
    'the configuration',
    /\bconfig(?:uration)?s?\b|\bengine arguments?|\bmisconfigur|\bmax_(?:num_seqs|num_batched_tokens|model_len)\b|\bgpu_memory_utilization\b/i,
    ['fetch_config', 'fetch_vllm_logs'],
  ],
  [
    'stuck workers',
    /\bstuck workers?|\bworkers? (?:is|are|was|were|hang|hung|stuck)|\bdeadlock/i,
    ['fetch_runtime_state', ...logs, 'pre_telemetry'],
  ],
  [
    'the load',
    /\bkv[ -]?cache|\bpreempt|\bqueue|\bload\b(?![ -]?balanc)|\btraffic|\bbatch (?:size|limit)|\bprefills?\b|\blong prompts?/i,
    load,
  ],
]

/** Whether a source has data, so that something can be seen in it. */
function hasLooked(tool: string, { results, preTelemetry }: Sources): boolean {
  if (tool === 'pre_telemetry') return preTelemetry !== undefined && (preTelemetry.missing ?? []).length === 0
  return results.some((result) => result.status === 'ok' && result.name === tool && hasData(result))
}

function hasData({ name, value }: Success): boolean {
  if (!isObject(value)) return true
  if (name === 'fetch_gpu_stats') return !Array.isArray(value['gpus']) || value['gpus'].length > 0
  if (name === 'fetch_prometheus_metrics') return !Array.isArray(value['samples']) || value['samples'].length > 0
  const { source, not_collected: missing } = value
  if (!Array.isArray(missing) || typeof source !== 'string') return true
  return source.split('+').some((one) => !missing.includes(one))
}
