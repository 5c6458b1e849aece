import type { UnknownObject } from '../../../router/json/json.ts'

// The log tools show the model text. This reads it back, as far as the rules need it.

/** `1. cause_candidate linux_oom_kill, 2 lines, 08:05:35 to 08:14:47`, with the first and the last line below. */
const finding =
  /^\d+\. (cause_candidate|unclassified|cascade|request_error|benign) (\w+), (\d+) lines?(?:, .*)?\n(?: {3}(.*)(?:\n {3}last: (.*))?)?/gm
/** `dmesg+journal: 785 lines` */
const extent = /^((?:vllm|dmesg|journal)(?:\+(?:dmesg|journal))*): (?:\d+|no) lines/
const notCollected = /^(vllm|dmesg|journal): not collected\./gm

/** The result of a log tool, from what the model was shown; `undefined` for other texts. */
export function shownLogs(text: string): UnknownObject | undefined {
  const [, source] = extent.exec(text) ?? []
  if (source === undefined) return undefined
  // Only this section: a line of the log elsewhere could look like a finding.
  const [, section = ''] = /\n\n(Findings(?: of the whole window [^\n]*)?: \d[^\n]*(?:\n.+)*)/.exec(text) ?? []
  const findings = [...section.matchAll(finding)].map(([, kind, name, count, line, lastLine]) => ({
    kind,
    class: name,
    count: Number(count),
    line,
    last_line: lastLine,
  }))
  return { source, findings, not_collected: [...text.matchAll(notCollected)].map(([, name]) => name) }
}
