import type { Scenario } from '../../../fixtures/scenario.ts'
import { engineLog } from '../engine-log.ts'
import { type IncidentLogs, kernelLine, kernelLines, kubeletLine, type LogLine } from '../log-line.ts'
import { applicationXid, callTrace, correctable, noBroadcastBlock, startOf, tooLong } from './common.ts'

const stalls = [
  [312, 339],
  [402, 430],
  [516, 545],
  [640, 900],
] as const

/** A CPU spins in the kernel, and the engine core with it. The lines of vLLM and RCU are cascades. */
export function linuxCpuSoftLockup(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  const { node } = scenario.deployment.placement
  return {
    vllm: [
      ...engineLog(scenario),
      ...tooLong(scenario, start + 233_000, 38_402),
      ...[700, 760, 820, 880].map((second) => noBroadcastBlock(scenario, start + second * 1000)),
    ],
    dmesg: [
      applicationXid(start - 22_000_000, scenario),
      ...correctable(start - 640_000),
      kernelLine(
        start - 1_400_000,
        'clocksource: Long readout interval, skipping watchdog check: cs_nsec: 1262019744 wd_nsec: 1262019731',
      ),
      ...stalls.flatMap(([from, until]) => lockups(start, from, until)),
      ...kernelLines(start + 765_000, [
        'INFO: task VLLM::Worker_TP:48311 blocked for more than 120 seconds.',
        '      Tainted: P           OEL     5.15.0-140-generic #150-Ubuntu',
        '"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.',
        'task:VLLM::Worker_TP state:D stack:    0 pid:48311 ppid: 48213 flags:0x00004006',
      ]),
    ],
    journal: [330, 420, 530, 660, 690, 720, 750, 780, 810, 840, 870].map((second) =>
      kubeletLine(
        start + second * 1000,
        node,
        'W',
        'prober.go:120] "Probe failed" probeType="Liveness" pod="serving/vllm-0" containerName="vllm" probeResult="failure" output="Get \\"http://10.42.2.30:8000/health\\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"',
      ),
    ),
  }
}

/** The watchdog reports after about 23 s, and again every 28 s while the CPU spins. */
function lockups(start: number, from: number, until: number): LogLine[] {
  const lines: LogLine[] = []
  for (let second = from + 23; second < until; second += 28) {
    lines.push(
      ...kernelLines(start + second * 1000, [
        `watchdog: BUG: soft lockup - CPU#41 stuck for ${second - from}s! [VLLM::EngineCor:48213]`,
        'Modules linked in: nvidia_uvm(POE) nvidia_drm(POE) nvidia_modeset(POE) nvidia(POE) mlx5_ib ib_uverbs ib_core xt_conntrack nf_nat overlay',
        ...callTrace(
          41,
          48_213,
          'VLLM::EngineCor',
          [
            'smp_call_function_many_cond+0x131/0x370',
            'on_each_cpu_cond_mask+0x1d/0x30',
            'native_flush_tlb_multi+0x3a/0x80',
            'flush_tlb_mm_range+0x10e/0x170',
            'tlb_finish_mmu+0x6a/0x1a0',
            'unmap_region+0xd5/0x120',
            '__do_munmap+0x1fc/0x4c0',
            '__vm_munmap+0x7a/0x130',
            '__x64_sys_munmap+0x1b/0x20',
            'do_syscall_64+0x5c/0xc0',
            'entry_SYSCALL_64_after_hwframe+0x62/0xcc',
          ],
          'P           OEL',
        ),
      ]),
    )
  }
  if (until - from > 60) {
    lines.push(
      ...kernelLines(start + (from + 61) * 1000, [
        'rcu: INFO: rcu_sched self-detected stall on CPU',
        `rcu: \t41-....: (15000 ticks this GP) idle=5bf/1/0x4000000000000000 softirq=8812403/8812403 fqs=7301`,
      ]),
    )
  }
  return lines
}
