/**
 * Writes the logs of the load scenarios from the simulation, so that stats lines and telemetry agree:
 *
 *     npx tsx tests/support/write-scenario-logs.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { loadScenario } from '../../fixtures/load-scenario.ts'
import type { Scenario } from '../../fixtures/scenario.ts'
import { engineLog, engineTime, type LogLine } from './engine-log.ts'
import { journal, journalLine, kernelLine, kernelLog } from './node-log.ts'

type Extra = (start: number, scenario: Scenario) => { vllm: LogLine[]; dmesg: LogLine[]; journal: LogLine[] }

/** A request that is too long: the client's fault, and the only ERROR in many healthy logs. */
function tooLong(time: number, tokens: number): LogLine[] {
  return [
    `(APIServer pid=1) ERROR ${engineTime(time)} [serving_chat.py:257] Error in preprocessing prompt inputs`,
    `(APIServer pid=1) ERROR ${engineTime(time)} [serving_chat.py:257] ValueError: This model's maximum context length is 32768 tokens. However, your request has ${tokens} input tokens. Please reduce the length of the input messages.`,
    '(APIServer pid=1) INFO:     10.42.3.77:41822 - "POST /v1/chat/completions HTTP/1.1" 400 Bad Request',
  ].map((text) => ({ time, text }))
}

const correctable = (time: number): LogLine[] =>
  [
    'pcieport 0000:4a:01.0: AER: Corrected error received: 0000:4b:00.0',
    'mlx5_core 0000:4b:00.0: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)',
  ].map((text) => kernelLine(time, text))

const extras: { readonly [scenario: string]: Extra } = {
  // Distractors: an application fault on a GPU that serves nothing, corrected PCIe errors, a flapping port without traffic.
  kv_cache_pressure: (start, { deployment }) => ({
    vllm: [...tooLong(start + 312_400, 41_207), ...tooLong(start + 655_900, 36_912)],
    dmesg: [
      kernelLine(start - 26_400_000, 'NVRM: Xid (PCI:0000:cb:00): 43, pid=71822, name=python3, Ch 00000008'),
      ...correctable(start - 3_100_000),
      ...correctable(start + 402_000),
      kernelLine(start + 96_000, 'mlx5_core 0000:9a:00.1 ens3f1np1: Link down'),
      kernelLine(start + 99_000, 'mlx5_core 0000:9a:00.1 ens3f1np1: Link up'),
    ],
    journal: [
      [470, 'Readiness'],
      [690, 'Readiness'],
    ].map(([second, probe]) =>
      journalLine(
        start + Number(second) * 1000,
        deployment.placement.node,
        'kubelet[2113]',
        `W${engineTime(start + Number(second) * 1000).replace('-', '')}.104212    2113 prober.go:120] "Probe failed" probeType="${probe}" pod="serving/chat-gateway-6c9f" containerName="gateway" probeResult="failure" output="Get \\"http://10.42.1.19:8080/ready\\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"`,
      ),
    ),
  }),
  healthy_control: (start) => ({
    vllm: tooLong(start + 512_000, 35_114),
    dmesg: correctable(start - 1_900_000),
    journal: [],
  }),
}

for (const [id, extra] of Object.entries(extras)) {
  const scenario = loadScenario(id)
  const added = extra(Date.parse(scenario.window.start), scenario)
  mkdirSync(new URL(`../../fixtures/logs/${id}/`, import.meta.url), { recursive: true })
  write(scenario.logs.vllm, [...engineLog(scenario), ...added.vllm])
  write(scenario.logs.dmesg, [...kernelLog(scenario), ...added.dmesg])
  write(scenario.logs.journal, [...journal(scenario), ...added.journal])
}

function write(file: string | undefined, lines: readonly LogLine[]): void {
  if (file === undefined) return
  const ordered = lines.toSorted((a, b) => a.time - b.time)
  writeFileSync(new URL(`../../fixtures/${file}`, import.meta.url), `${ordered.map(({ text }) => text).join('\n')}\n`)
}
