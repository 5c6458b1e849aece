/** A line of a log with its time in Unix milliseconds. */
export interface LogLine {
  readonly time: number
  readonly text: string
}

/** The logs of one incident. The lines are sorted when the files are written. */
export interface IncidentLogs {
  readonly vllm: readonly LogLine[]
  readonly dmesg: readonly LogLine[]
  readonly journal: readonly LogLine[]
}

/** `02-17 14:00:10`, as vLLM's logger writes it. */
export function engineTime(time: number): string {
  return new Date(time).toISOString().slice(5, 19).replace('T', ' ')
}

/** Levels of vLLM's logger. */
export type EngineLevel = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR'

/** `(EngineCore_DP0 pid=271) INFO 02-17 14:00:10 [core.py:96] …`, as vLLM V1 writes it. */
export function engineLine(
  time: number,
  who: string,
  where: string,
  text: string,
  level: EngineLevel = 'INFO',
): LogLine {
  return { time, text: `${who} ${level} ${engineTime(time)} [${where}] ${text}` }
}

/** A traceback as vLLM logs it, with the prefix on every line. Frames are `file:line function | code`. */
export function engineTraceback(
  time: number,
  who: string,
  where: string,
  title: string,
  frames: readonly string[],
  error: string,
): LogLine[] {
  const lines = [title, 'Traceback (most recent call last):']
  for (const frame of frames) {
    const [, file, line, name, code] = /^(\S+):(\d+) (\S+) \| (.*)$/.exec(frame) ?? []
    lines.push(`  File "/usr/local/lib/python3.12/dist-packages/${file}", line ${line}, in ${name}`, `    ${code}`)
  }
  return [...lines, ...error.split('\n')].map((text) => engineLine(time, who, where, text, 'ERROR'))
}

/** `[2026-03-10 13:01:36] node:2214:2390 [0] transport/net.cc:1 NCCL WARN …`; NCCL writes the time before warnings. */
export function ncclLine(
  time: number,
  { node, pid, gpu }: { readonly node: string; readonly pid: number; readonly gpu: number },
  text: string,
  level: 'INFO' | 'WARN' = 'WARN',
  where = '',
): LogLine {
  const clock = new Date(time).toISOString().slice(0, 19).replace('T', ' ')
  const place = where === '' ? '' : `${where} `
  const stamp = level === 'WARN' ? `[${clock}] ` : ''
  return { time, text: `${stamp}${node}:${pid}:${pid + 176} [${gpu}] ${place}NCCL ${level} ${text}` }
}

/** `[Tue Feb 17 14:00:10 2026] …`, as `dmesg -T` writes it. */
export function kernelLine(time: number, text: string): LogLine {
  const [, weekday, day, month, year, clock] =
    /^(\w+), (\d+) (\w+) (\d+) ([\d:]+)/.exec(new Date(time).toUTCString()) ?? []
  return { time, text: `[${weekday} ${month} ${String(Number(day)).padStart(2)} ${clock} ${year}] ${text}` }
}

/** Several kernel lines with the same time. */
export function kernelLines(time: number, texts: readonly string[]): LogLine[] {
  return texts.map((text) => kernelLine(time, text))
}

/** `Feb 17 14:00:10 gpu-node-07 kubelet[2113]: …`, as `journalctl` writes it. */
export function journalLine(time: number, node: string, unit: string, text: string): LogLine {
  const [, day, month, , clock] = /^\w+, (\d+) (\w+) (\d+) ([\d:]+)/.exec(new Date(time).toUTCString()) ?? []
  return { time, text: `${month} ${day} ${clock} ${node} ${unit}: ${text}` }
}

/** A line of kubelet with klog's prefix; `letter` is I, W or E. */
export function kubeletLine(time: number, node: string, letter: string, text: string): LogLine {
  const iso = new Date(time).toISOString()
  const clock = `${iso.slice(5, 7)}${iso.slice(8, 10)} ${iso.slice(11, 23)}000`
  return journalLine(time, node, 'kubelet[2113]', `${letter}${clock}    2113 ${text}`)
}
