import type { AgentResult } from '../agent/agent-result.ts'
import { citation, clockTime, isoTime, type LocatedLine } from './located-lines.ts'
import { beginningOf, type EngineStart } from './log-events.ts'
import type { MetricEvent } from './metric-events.ts'
import { episodeMs, failedStartOf, type IncidentRecord, type Onset, placeOf } from './onset.ts'
import type { ReportFacts } from './report-schema.ts'

type Trigger = ReportFacts['trigger']

/** The change at the onset: of the load or the configuration, or a fault. */
export function triggerOf(record: IncidentRecord, onset: Onset, result: AgentResult): Trigger {
  if (onset.isHealthy) {
    return { kind: 'none', time: null, text: 'Nothing changed: there is no incident.', source: null }
  }
  const { cause } = onset
  const load = loadBefore(record.metrics, onset, cause?.class)
  if (cause !== undefined) {
    const start = failedStartOf(cause, record.logs)
    if (start !== undefined && !isFault(cause)) return failedStart(start, cause, record)
    if (load !== undefined && exhausted.has(cause.class ?? '')) return loadTrigger(load, `Then ${citation(cause)}.`)
    const fault = faultOf(cause, record)
    const next = laterCause(fault, record)
    const before = [fault, ...(next === undefined ? [] : [next])].some(isOwnFault)
      ? ''
      : ' What changed before it is not known.'
    const order = next !== undefined && next.time < fault.time ? 'Earlier' : 'Then'
    const text = `${citation(fault)}.${next === undefined ? '' : ` ${order} ${citation(next)}.`}${before}`
    return { kind: 'fault', time: isoTime(fault.time), text, source: placeOf(fault) }
  }
  if (onset.timeless !== undefined) {
    const text = `${citation(onset.timeless)}. The log states no times.`
    return { kind: 'fault', time: null, text, source: placeOf(onset.timeless) }
  }
  if (load !== undefined)
    return loadTrigger(load, `The first symptom follows at ${clockTime(onset.time ?? load.time)}.`)
  const start = onset.inProgress ? startBefore(record) : undefined
  const changed = changedSettings(result)
  if (start !== undefined && changed.length > 0) {
    const rise = record.metrics.find(isRise)
    const later = rise === undefined ? '' : ` ${rise.text.replace('The load rises', 'Later the load rises')}`
    const text =
      `The engine was started at ${clockTime(start.time)} with the setting that the fix changes (${changed.join(', ')}), ` +
      `and the incident was in progress when the window opened. Whether it began before that start is not known.${later}`
    return { kind: 'configuration', time: isoTime(start.time), text, source: placeOf(start.line) }
  }
  return { kind: 'unknown', time: null, text: `The trigger is not known. ${unchanged(record, onset)}`, source: null }
}

type Failure = NonNullable<Onset['cause']>

/** Reports of a process that waits for another one. They show that something hangs, and not what. */
const waits: ReadonlySet<string> = new Set(['shared_memory_broadcast', 'startup_wait', 'rpc_timeout', 'nccl_timeout'])

/** The first cause candidate of the episode that is not a wait; the first one if all are. */
function faultOf(cause: Failure, { logs }: IncidentRecord): Failure {
  const began = beginningOf(cause)
  const near = causesOf(logs).filter((line) => {
    const at = beginningOf(line)
    return at >= began && at <= began + episodeMs && !waits.has(line.class ?? '')
  })
  if (!waits.has(cause.class ?? '')) return cause
  return near.reduce((first, line) => (beginningOf(line) < beginningOf(first) ? line : first), near[0] ?? cause)
}

/** The quoted cause candidate, or else one of another class, soon after a fault. */
function laterCause(fault: Failure, { logs, quoted }: IncidentRecord): Failure | undefined {
  const later = causesOf(logs).filter(
    (line) => line !== fault && line.time >= fault.time - episodeMs && line.time <= fault.time + episodeMs,
  )
  const isQuoted = (line: Failure) =>
    quoted.some(({ source, number }) => source === line.source && number === line.number)
  if (isQuoted(fault)) return later.find((line) => line.class !== fault.class && line.source !== 'vllm')
  return later.find(isQuoted) ?? later.find((line) => line.class !== fault.class && !waits.has(line.class ?? ''))
}

function causesOf({ failures }: IncidentRecord['logs']): readonly Failure[] {
  return failures.filter(({ kind }) => kind === 'cause_candidate')
}

/** The load changes by at least this factor before it can be the trigger. */
const leastRise = 1.25
/** The load rises at most this long before its symptoms: a queue or a cache fills slowly. */
const loadLeadMs = 10 * 60_000
/** Arrivals are counted in intervals, so a change can be seen a little after its symptoms. */
const toleranceMs = 15_000

function isRise({ rates }: MetricEvent): boolean {
  return rates !== undefined && rates[1] >= leastRise * rates[0]
}

/** The last rise of the load before the onset. */
function loadBefore(
  metrics: readonly MetricEvent[],
  { time }: Onset,
  cause: string | undefined,
): MetricEvent | undefined {
  if (time === undefined) return undefined
  const lead = cause === undefined ? loadLeadMs : loadLeadMs / 2
  return metrics.findLast((event) => isRise(event) && event.time <= time + toleranceMs && event.time >= time - lead)
}

function loadTrigger(event: MetricEvent, then: string): Trigger {
  const text = `${event.text.replace(/\.$/, '')} at ${clockTime(event.time)}. ${then}`
  return { kind: 'load', time: isoTime(event.time), text, source: 'metrics' }
}

/** Faults of resources that more load uses up. */
const exhausted: ReadonlySet<string> = new Set([
  'cuda_out_of_memory',
  'linux_oom_kill',
  'kv_connector',
  'host_limit',
  'thermal',
  'kv_preemption',
])

/** Classes of faults of hardware, drivers, networks and hosts. They end a start, too, without any change of it. */
const faults =
  /^(?:xid|gpu_|cuda_ecc|cuda_error|hardware_error|network_device|link_error|nvswitch|nccl_(?!configuration)|cpu_|rcu_stall|hung_task|kernel_bug|file_system|eviction|thermal|power|workqueue_lockup|linux_oom_kill|page_allocation_failure)/

function isFault({ source, class: name = '' }: { readonly source: string; readonly class?: string }): boolean {
  return source !== 'vllm' || faults.test(name)
}

/** An image that was pulled so long before the start belongs to it. */
const imageLeadMs = 10 * 60_000

/** Faults that are a change themselves: hardware, its drivers and the host fail without another one. */
const ownFaults =
  /^(?:xid|gpu_lost|cuda_ecc|hardware_error|network_device|link_error|nvswitch|cpu_|rcu_stall|kernel_bug|file_system|thermal|power)/

/** Whether a line reports a fault that needs no other change to explain it. */
function isOwnFault({ class: name = '' }: Failure): boolean {
  return ownFaults.test(name)
}

function failedStart({ line, time }: EngineStart, cause: Failure, { logs }: IncidentRecord): Trigger {
  const image = logs.events.find(
    ({ kind, first: place, time: at }) =>
      kind === 'engine' && place.source === 'journal' && at <= time && at >= time - imageLeadMs,
  )
  const start = `at ${clockTime(time)} (${placeOf(line)})`
  const changed =
    image === undefined
      ? `The engine was started ${start}.${changedArguments(line, logs)}`
      : `A new image was pulled at ${clockTime(image.time)}${imageName(image.first)} (${placeOf(image.first)}), and the engine was started ${start}.`
  const text = `${changed} It did not become ready: ${citation(cause)}.`
  return { kind: 'configuration', time: isoTime(time), text, source: placeOf(line) }
}

/** `: vllm/vllm-openai:v0.15.0` */
function imageName({ line }: LocatedLine): string {
  const name = /[\w./-]+:v?\d[\w.-]*(?=["'\s]|$)/.exec(line.replace(/^.*?image/i, ''))?.[0]
  return name === undefined ? '' : `: ${name.replace(/^docker\.io\//, '')}`
}

/** How the arguments of a start differ from those of the start before it. */
function changedArguments(line: LocatedLine, { starts }: IncidentRecord['logs']): string {
  const index = starts.findIndex((start) => start.line.number === line.number)
  const earlier = starts[index - 1]?.line
  if (earlier === undefined) return ' No earlier start is in the log, so what changed is not known.'
  const [before, after] = [argumentsOf(earlier), argumentsOf(line)]
  const names = [...new Set([...before.keys(), ...after.keys()])].filter((name) => before.get(name) !== after.get(name))
  const shown = (value: string | undefined) => value ?? 'not set'
  const changes = names.map((name) => `${name} ${shown(before.get(name))} → ${shown(after.get(name))}`)
  return changes.length === 0
    ? ` Its arguments are those of the start before (${placeOf(earlier)}), so what changed is not known.`
    : ` Since the start before (${placeOf(earlier)}), its arguments changed: ${changes.join(', ')}.`
}

/** The arguments of a line `non-default args: {'name': value, …}`. */
function argumentsOf({ message }: LocatedLine): ReadonlyMap<string, string> {
  return new Map([...message.matchAll(/'(\w+)': ('[^']*'|[^,{}]+)/g)].map(([, name = '', value = '']) => [name, value]))
}

/** The last start of the engine before the window. */
function startBefore({ logs, telemetry }: IncidentRecord): EngineStart | undefined {
  return logs.starts.findLast(({ time }) => time <= Date.parse(telemetry.window.start))
}

/** Arguments and variables that the validated fix changes. */
function changedSettings({ validation, fix_result }: AgentResult): readonly string[] {
  if (validation.status !== 'improved') return []
  return (fix_result?.diff ?? []).flatMap(({ path }) => {
    const [, part, name] = path.split('/')
    return (part === 'engine_args' || part === 'env') && name !== undefined ? [name] : []
  })
}

function unchanged({ metrics, telemetry, logs, showsLoad }: IncidentRecord, onset: Onset): string {
  const figures = telemetry.missing ?? []
  const sentences = [
    ...(onset.inProgress ? ['The incident was in progress when the window opened.'] : []),
    ...(figures.length > 0 ? [`These figures were not observed: ${figures.join(', ')}.`] : []),
    ...(showsLoad
      ? metrics.some(isRise)
        ? []
        : ['The arrival rate does not rise in the window.']
      : ['The metrics do not show whether the load changed.']),
    logs.failures.some(({ kind }) => kind === 'cause_candidate')
      ? 'No cause candidate of the logs is quoted as evidence.'
      : 'The logs have no cause candidate.',
  ]
  return sentences.join(' ')
}
