import type { FolderFile } from './find-files.ts'

// Recognises the files of a folder by their content, and by their names where the content does not decide.

/** Kinds of files that an incident folder can have. */
const fileKinds = [
  'incident',
  'engine_log',
  'kernel_log',
  'journal',
  'metrics_page',
  'gpu_table',
  'gpu_query',
  'gpu_summary',
  'engine_arguments',
  'pod_description',
  'model_config',
  'slo',
] as const
/** Kind of a file. */
export type FileKind = (typeof fileKinds)[number]

/** A file of a folder, and how it was understood. */
export interface RecognisedFile {
  /** Path relative to the folder. */
  readonly file: string
  /** Kind of the file. */
  readonly kind: FileKind
}

/** A rule that recognises a kind of file. */
interface Rule {
  readonly kind: FileKind
  /** Pattern of the path in lower case, without `.gz`. Absent: any name. */
  readonly name?: RegExp
  /** Pattern of the first characters. Absent: any content. */
  readonly content?: RegExp
}

/** The first rule that applies decides. */
const rules: readonly Rule[] = [
  { kind: 'incident', name: /(?:^|\/)incident\.ya?ml$/ },
  { kind: 'slo', name: /(?:^|\/)slos?\.(?:json|ya?ml)$/ },
  { kind: 'metrics_page', content: /^# (?:HELP|TYPE) [a-zA-Z_:]/m },
  { kind: 'metrics_page', content: /^vllm:[a-z_]+(?:\{.*\})? [-+.\dNI]/m },
  { kind: 'gpu_query', content: /=+NVSMI LOG=+/ },
  { kind: 'gpu_summary', content: /^\|\s*NVIDIA-SMI \d/m },
  // The whole output of nvidia-smi if it cannot read a GPU or the driver. A log can quote it.
  {
    kind: 'gpu_summary',
    content:
      /^\s*(?:Unable to determine the device handle for|NVIDIA-SMI has failed|Failed to initialize NVML|No devices were found)/,
  },
  // Documents whose content says what they are, under any name.
  { kind: 'engine_arguments', content: /^(?:---\s*\n|\s*#[^\n]*\n|\s*\n)*\s*(?:\{\s*"?)?(?:apiVersion|kind)"?\s*:/ },
  { kind: 'engine_arguments', content: /^services:\s*(?:#.*)?\n(?:\s*(?:#.*)?\n)*\s+[\w.-]+:/m },
  { kind: 'engine_arguments', content: /^\s*\[?\s*\{\s*"Id"\s*:[\s\S]*"Config"\s*:/ },
  {
    kind: 'pod_description',
    content: /(?<![\s\S])\s*Name:\s+\S[\s\S]*^(?:Events|Containers|Conditions|Pod Template):/m,
  },
  { kind: 'journal', content: /^\s*(?:NAMESPACE\s+)?LAST SEEN\s+TYPE\s+REASON\s+OBJECT/ },
  { kind: 'kernel_log', content: /^\s*\[(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \w{3} +\d+ \d\d:\d\d:\d\d \d{4}\] / },
  {
    kind: 'gpu_table',
    content:
      /^(?:index|name|uuid|timestamp|pci\.bus_id|utilization\.gpu|memory\.)[^\n]*,[^\n]*(?:utilization|memory|power|temperature)/m,
  },
  { kind: 'model_config', name: /\.json$/, content: /"(?:architectures|hidden_size|num_hidden_layers)"\s*:/ },
  {
    kind: 'engine_arguments',
    name: /\.(?:ya?ml|json)$/,
    // Not one JSON object on each line, which is a log.
    content: /^(?!\{"(?:log"|.*"__REALTIME_TIMESTAMP")|\{.*\}\r?\n\{)(?:[^\n]*\n)*?[ \t]*(?:"?[-\w]+"?\s*:|\{|\[|-\s)/,
  },
  { kind: 'kernel_log', name: /(?:^|\/)(?:dmesg|kern(?:el)?)[^/]*$/ },
  { kind: 'journal', name: /(?:^|\/)(?:journal|syslog|messages)[^/]*$/ },
  { kind: 'engine_log', name: /(?:^|\/)(?:vllm|engine)[^/]*\.(?:log|txt|out|json|jsonl|ndjson)(?:\.\d+)?$/ },
  {
    kind: 'kernel_log',
    content: /^\[\s*\d+\.\d{6}\] |^\[(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \w{3} +\d+ \d\d:\d\d:\d\d \d{4}\] /m,
  },
  { kind: 'engine_log', content: /\b(?:DEBUG|INFO|WARNING|ERROR) \d\d-\d\d \d\d:\d\d:\d\d\b|\(EngineCore|vllm[./]/ },
  { kind: 'journal', content: /"__REALTIME_TIMESTAMP"|^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ [^\s:]+: /m },
  { kind: 'engine_arguments', content: /\bvllm serve\b|vllm\.entrypoints/ },
]

/** A launch command is short; a log that quotes one is not. */
const launchCommand =
  /\bvllm serve\b|\bvllm\.entrypoints\.\S*api_server\b|\b(?:docker|podman|nerdctl)\s+(?:container\s+)?(?:run|create)\s/
/** Lines that only a log has. */
const logLine = /\b(?:DEBUG|INFO|WARNING|ERROR) \d\d-\d\d \d\d:\d\d:\d\d\b|^\{"log":|^Traceback /m

/** The kind of a file with the given first characters; `undefined` if nothing is recognised. */
export function recognise({ name }: FolderFile, head: string): FileKind | undefined {
  const plain = plainName(name)
  const rule = rules.find(
    ({ name: pattern, content }) => (pattern?.test(plain) ?? true) && (content?.test(head) ?? true),
  )
  // A name such as vllm-start.txt or a quoted log must not hide a command; a document of another kind can quote one.
  const isNamed = rule === undefined || rule.name !== undefined || rule.kind === 'engine_log' || rule.kind === 'journal'
  const isCommand = launchCommand.test(head) && !logLine.test(head) && !/\.(?:ya?ml|json|log)$/.test(plain)
  return isNamed && isCommand && rule?.kind !== 'incident' && rule?.kind !== 'slo' ? 'engine_arguments' : rule?.kind
}

/** The kind that a file must have by its name alone, for a file that cannot be read; `undefined` if the name is open. */
export function kindOfName(name: string): FileKind | undefined {
  const plain = plainName(name)
  return rules.find(({ name: pattern, content }) => content === undefined && pattern?.test(plain) === true)?.kind
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/\.gz$/, '')
}
