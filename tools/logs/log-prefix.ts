/** What a carrier of other programs' lines puts before them. */
const carriers: readonly RegExp[] = [
  /^\[pod\/\S+\] /, // kubectl logs --prefix
  /^[\w.-]+\s+\| /, // docker compose
  /^\d{4}-\d\d-\d\dT\S+\s+std(?:out|err) [FP] /, // container runtime
  /^\d{4}-\d\d-\d\dT\S+Z\s+(?=[([{A-Z])/, // kubectl and docker logs --timestamps
  /^\d{4}-\d\d-\d\d[T ]\S+ \S+ (?!kernel: )[^:\s]+\[\d+\]: /, // journalctl -o short-iso
  /^\w{3}\s+\d+ \d\d:\d\d:\d\d(?:\.\d+)? \S+ (?!kernel: )[^:\s]+: /, // journal, syslog
]

/** What stands before the message of a line, each form at most so often as lines nest it. */
const prefixes: readonly RegExp[] = [
  /^<\d{1,3}>/, // syslog priority
  /^\d{1,3},\d+,\d+,[^;]{0,40};/, // /dev/kmsg
  /^\w+\s*:\w+\s*:\s*(?=\d{4}-|\[)/, // dmesg -x
  /^\[\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d{4})?\]\s+(?=\S+:\d+:\d+ \[\d+\])/, // NCCL's time
  /^\d{4}-\d\d-\d\dT\S+\s+(?:\S+ [^:\s]+: )?/, // journalctl -o short-iso, dmesg --time-format iso
  /^\d{4}-\d\d-\d\d [\d:.,]+ \S+ kernel: /, // rsyslog
  /^\w{3}\s+\d+ \d\d:\d\d:\d\d(?:\.\d+)? \S+ [^:\s]+: /, // journal, syslog
  /^\[\s*(?:\d+\.\d+|\w{3} \w{3}\s+\d+ \d\d:\d\d:\d\d \d{4})\]\s+/, // dmesg, dmesg -T
  /^\d{4}-\d\d-\d\d [\d:.,]+\s+(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\s+(?:\S+:\d+ -- )?/, // Ray, Python
  /^\d{4}-\d\d-\d\d [\d:.,]+ \| [A-Z]+\s+\| \S+ - /, // loguru
  // Python, its logger's name first
  /^\d{4}-\d\d-\d\d [\d:.,]+ - \S+ - (?:DEBUG|INFO|WARNING|ERROR|CRITICAL) - /,
  /^(?:\([^)]*\) )+/, // (EngineCore_DP0 pid=123); more blanks than one are the line's own
  // vLLM V1 and V0, uvicorn
  /^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):?\s+(?:\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? (?:\[[^\]]+\]|[\w./-]+:\d+\])\s?)?/,
  /^\[rank\d+\]:\s?/, // torchrun
  /^\[?[IWEF]\d{3,4} \d\d:\d\d:\d\d\.\d+\s+(?:\d+ )?\S+\] /, // klog, glog
  /^\[[IWEF] [\w./]+:\d+\] /, // torch
  /^\S+:\d+:\d+ \[\d+\] (?:\S+:\d+ )?NCCL (?:TRACE|INFO|WARN|ERROR) /,
]
/**
 * Colours that Ray and others write: ESC, then for example `[36m`. Of what was pasted, ESC is often lost; syslog and
 * editors write it in characters.
 */
const colours = new RegExp(`(?:(?:${String.fromCharCode(27)}|#033|\\^\\[)\\[[\\d;]*m|\\[\\d{1,2}(?:;\\d{1,2})*m)`, 'g')

export function withoutColours(line: string): string {
  return line.replace(colours, '')
}

/** A line as its program wrote it, without what container runtime, compose, kubectl or journal put before it. */
export function withoutCarrier(line: string): string {
  return carriers.reduce((text, carrier) => text.replace(carrier, ''), line)
}

/** A line without timestamps, process ids and source positions. */
export function messageOf(line: string): string {
  let message = line
  for (const prefix of prefixes) message = message.replace(prefix, '')
  return message.trimEnd()
}
