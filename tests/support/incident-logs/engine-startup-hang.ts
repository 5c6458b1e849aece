import type { Scenario } from '../../../fixtures/scenario.ts'
import { api, core } from '../engine-process.ts'
import {
  type EngineLevel,
  engineLine,
  type IncidentLogs,
  journalLine,
  kernelLine,
  kubeletLine,
  type LogLine,
} from '../log-line.ts'
import { placeOf } from '../log-places.ts'
import { startupLog } from '../startup-log.ts'
import { applicationXid, correctable, oldContainer, startOf } from './common.ts'

/**
 * The old container served requests. The new one writes its configuration, detects platforms in its child processes, and
 * then waits for its engine core forever. No line names the cause: the only signs are image, driver and the repeated wait.
 */
export function engineStartupHang(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  const { node } = scenario.deployment.placement
  return {
    vllm: [...oldContainer(scenario, start), ...newContainer(scenario, start - 32_000)],
    // Distractors: an Xid of the desktop hours before, and corrected PCIe errors of a network card.
    dmesg: [
      kernelLine(
        start - 28_000_000,
        'NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  590.48.01  Release Build  (dvs-builder@U22-I3-B03-01-5)',
      ),
      applicationXid(start - 21_000_000, scenario),
      ...correctable(start - 2_000_000, '0000:c4:00.0'),
      ...correctable(start + 260_000, '0000:c4:00.0'),
    ],
    journal: [
      journalLine(
        start - 41_000,
        node,
        'dockerd[1650]',
        `time="${new Date(start - 41_000).toISOString()}" level=info msg="Container 5be2f0 exited" exitCode=0`,
      ),
      journalLine(
        start - 36_000,
        node,
        'dockerd[1650]',
        `time="${new Date(start - 36_000).toISOString()}" level=info msg="image pulled" remote="docker.io/vllm/vllm-openai:v0.15.0-cu130"`,
      ),
      ...Array.from({ length: 28 }, (_, index) =>
        kubeletLine(
          start + index * 30_000,
          node,
          'W',
          'prober.go:120] "Probe failed" probeType="Startup" pod="serving/vllm-0" containerName="vllm" probeResult="failure" output="Get \\"http://127.0.0.1:8000/health\\": dial tcp 127.0.0.1:8000: connect: connection refused"',
        ),
      ),
    ],
  }
}

function newContainer(scenario: Scenario, at: number): LogLine[] {
  const end = startOf(scenario) + scenario.window.duration_s * 1000
  const lines: LogLine[] = []
  const add = (seconds: number, who: string, where: string, text: string, level: EngineLevel = 'DEBUG') =>
    lines.push(engineLine(at + seconds * 1000, who, where, text, level))
  const plugins = ['lora_filesystem_resolver', 'hf_hub_resolver']
  const detection = (seconds: number, who: string) => {
    add(seconds, who, '__init__.py:35', 'No plugins for group vllm.platform_plugins found.')
    add(seconds, who, '__init__.py:36', 'Checking if TPU platform is available.')
    add(seconds, who, '__init__.py:55', 'TPU platform is not available because: No module named libtpu')
    add(seconds, who, '__init__.py:61', 'Checking if CUDA platform is available.')
    add(seconds, who, '__init__.py:84', 'Confirmed CUDA platform is available.')
    add(seconds, who, '__init__.py:112', 'Checking if ROCm platform is available.')
    add(seconds, who, '__init__.py:126', 'ROCm platform is not available because: No module named amdsmi')
    add(seconds, who, '__init__.py:133', 'Checking if XPU platform is available.')
    add(
      seconds,
      who,
      '__init__.py:153',
      'XPU platform is not available because: No module named intel_extension_for_pytorch',
    )
    add(seconds, who, '__init__.py:160', 'Checking if CPU platform is available.')
    add(seconds, who, '__init__.py:225', 'Automatically detected platform cuda.', 'INFO')
    add(seconds + 1, who, '__init__.py:43', 'Available plugins for group vllm.general_plugins:')
    for (const plugin of plugins)
      add(
        seconds + 1,
        who,
        '__init__.py:45',
        `- ${plugin} -> vllm.plugins.lora_resolvers.filesystem_resolver:register_${plugin}`,
      )
    add(
      seconds + 1,
      who,
      '__init__.py:48',
      'All plugins in this group will be loaded. Set `VLLM_PLUGINS` to control which plugins to load.',
    )
  }
  detection(0, api)
  // The usual start of the log, until the engine core should have taken over.
  lines.push(...startupLog(scenario, at + 2000).filter(({ time }) => time < at + 14_000))
  add(9, api, placeOf(scenario, 'mpExecutor'), 'Defaulting to use mp for distributed inference')
  add(10, api, 'config.py:314', 'Overriding max cuda graph capture size to 1024 for performance.', 'INFO')
  detection(12, core)
  add(15, core, placeOf(scenario, 'initMessage'), 'Waiting for init message from front-end.')
  add(15, api, placeOf(scenario, 'hello'), 'HELLO from local core engine process 0.')
  add(
    15,
    core,
    placeOf(scenario, 'initReceived'),
    'Received init message: EngineHandshakeMetadata(addresses=EngineZmqAddresses(inputs=[ipc:///tmp/5b2e], outputs=[ipc:///tmp/91af]), parallel_config={data_parallel_size: 1})',
  )
  detection(17, '(Worker_TP0 pid=304)')
  detection(17, '(Worker_TP1 pid=305)')
  for (let time = at + 27_000; time < end; time += 10_000) {
    lines.push(
      engineLine(
        time,
        api,
        placeOf(scenario, 'waitingForCore'),
        'Waiting for 1 local, 0 remote core engine proc(s) to start.',
        'DEBUG',
      ),
    )
  }
  return lines
}
