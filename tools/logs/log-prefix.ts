/** What stands before the message of a line, each form at most so often as lines nest it. */
const prefixes: readonly RegExp[] = [
  /^[\w.-]+\s+\| /, // docker compose
  /^<\d{1,3}>/, // syslog priority
  /^\d{1,3},\d+,\d+,[^;]{0,40};/, // /dev/kmsg
  /^\w+\s*:\w+\s*:\s*(?=\d{4}-|\[)/, // dmesg -x
  /^\[\d{4}-\d\d-\d\d [\d:.,]+\]\s+(?=\S+:\d+:\d+ \[\d+\])/, // NCCL's time
  /^\d{4}-\d\d-\d\dT\S+\s+std(?:out|err) [FP] /, // container runtime
  /^\d{4}-\d\d-\d\dT\S+\s+(?:\S+ [^:\s]+: )?/, // journalctl -o short-iso, dmesg --time-format iso
  /^\[\s*(?:\d+\.\d+|\w{3} \w{3}\s+\d+ \d\d:\d\d:\d\d \d{4})\]\s+/, // dmesg, dmesg -T
  /^\w{3}\s+\d+ \d\d:\d\d:\d\d(?:\.\d+)? \S+ [^:\s]+: /, // journal, syslog
  /^\d{4}-\d\d-\d\d [\d:.,]+\s+(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\s+(?:\S+:\d+ -- )?/, // Ray, Python
  /^(?:\([^)]*\)\s+)+/, // (EngineCore_DP0 pid=123)
  // vLLM V1 and V0, uvicorn
  /^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):?\s+(?:\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? (?:\[[^\]]+\]|[\w./-]+:\d+\])\s?)?/,
  /^\[rank\d+\]:\s?/, // torchrun
  /^\[?[IWEF]\d{3,4} \d\d:\d\d:\d\d\.\d+\s+(?:\d+ )?\S+\] /, // klog, glog
  /^\[[IWEF] [\w./]+:\d+\] /, // torch
  /^\S+:\d+:\d+ \[\d+\] (?:\S+:\d+ )?NCCL (?:TRACE|INFO|WARN|ERROR) /,
]
/** Colours that Ray and others write, whose first character is ESC. */
const colours = new RegExp(`${String.fromCharCode(27)}\\[[\\d;]*m`, 'g')

export function withoutColours(line: string): string {
  return line.replace(colours, '')
}

/** A line without timestamps, process ids and source positions. */
export function messageOf(line: string): string {
  let message = line
  for (const prefix of prefixes) message = message.replace(prefix, '')
  return message.trimEnd()
}
