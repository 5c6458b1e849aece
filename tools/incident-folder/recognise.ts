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
  'engine_arguments',
  'model_config',
  'slo',
] as const
/** Kind of a file. */
export type FileKind = (typeof fileKinds)[number]

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
const launchCommand = /\bvllm serve\b|\bvllm\.entrypoints\.\S*api_server\b/
/** Lines that only a log has. */
const logLine = /\b(?:DEBUG|INFO|WARNING|ERROR) \d\d-\d\d \d\d:\d\d:\d\d\b|^\{"log":|^Traceback /m

/** The kind of a file with the given first characters; `undefined` if nothing is recognised. */
export function recognise({ name }: FolderFile, head: string): FileKind | undefined {
  const plain = plainName(name)
  if (launchCommand.test(head) && !logLine.test(head) && !/\.(?:ya?ml|json|log)$/.test(plain)) return 'engine_arguments'
  return rules.find(({ name: pattern, content }) => (pattern?.test(plain) ?? true) && (content?.test(head) ?? true))
    ?.kind
}

/** The kind that a file must have by its name alone, for a file that cannot be read; `undefined` if the name is open. */
export function kindOfName(name: string): FileKind | undefined {
  const plain = plainName(name)
  return rules.find(({ name: pattern, content }) => content === undefined && pattern?.test(plain) === true)?.kind
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/\.gz$/, '')
}
