import type { Scenario } from '../../../fixtures/scenario.ts'
import { engineDeath, engineLog, initializationFailed, launchOf } from '../engine-log.ts'
import { core } from '../engine-process.ts'
import { engineLine, type IncidentLogs, kernelLines, kubeletLine, type LogLine } from '../log-line.ts'
import { placeOf } from '../log-places.ts'
import { startupLog, startupSeconds } from '../startup-log.ts'
import { callTrace, correctable, crashLoop, crashLoopJournal, deathOf, restarts, startOf, tooLong } from './common.ts'

/** The KV buffer on the host reaches the memory limit of the container, and the kernel kills the engine core. */
export function linuxOomKiller(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  const death = deathOf(scenario)
  const kvSize = startupSeconds(scenario).kvSize * 1000
  const loop = crashLoop(scenario, death + 2000, kvSize / 1000 + 8)
  const { node } = scenario.deployment.placement
  return {
    vllm: [
      ...engineLog(scenario, { accessEvery: 2 }),
      ...connector(scenario, launchOf(scenario), kvSize),
      ...tooLong(scenario, start + 140_000, 40_033),
      engineLine(
        death + 200,
        '(APIServer pid=1)',
        placeOf(scenario, 'coreDied'),
        'Engine core proc EngineCore_DP0 died unexpectedly, shutting down client.',
        'ERROR',
      ),
      ...engineDeath(scenario, death),
      // The buffer of the first container is still in the shared memory of the pod, so the next one has no room for its own.
      ...restarts(loop, (at, attempt) => [
        ...startupLog(scenario, at, attempt).filter(({ time }) => time < at + kvSize + 1000),
        ...connector(scenario, at, kvSize),
        initializationFailed(at + kvSize + 7000),
      ]),
    ],
    dmesg: [
      // Distractor: hours before, the log collector exceeded its own small limit, in another pod and cgroup.
      ...kill({
        time: start - 11_000_000,
        pid: 23_901,
        task: 'fluent-bit',
        pod: '1b22c0d4',
        limitKb: 262_144,
        rssKb: 255_100,
        cpu: 3,
      }),
      ...correctable(start - 1_200_000),
      ...kill({
        time: death,
        pid: 48_213,
        task: 'VLLM::EngineCor',
        pod: 'c41e07d2',
        limitKb: 67_108_864,
        rssKb: 63_911_872,
        cpu: 11,
      }),
      ...loop.starts.flatMap((at, index) =>
        kill({
          time: at + kvSize + 5000,
          pid: 48_213 + (index + 1) * 3119,
          task: 'VLLM::EngineCor',
          pod: 'c41e07d2',
          limitKb: 67_108_864,
          rssKb: 31_204_352 + index * 2048,
          cpu: 11 + index * 6,
        }),
      ),
    ],
    journal: [
      kubeletLine(
        start - 10_998_000,
        node,
        'I',
        'kuberuntime_container.go:808] "Container exited" pod="logging/fluent-bit-x2k" containerName="fluent-bit" exitCode=137',
      ),
      kubeletLine(
        death + 1000,
        node,
        'W',
        'oom_watcher_linux.go:76] "Got sys oom event" event={"Pid":48213,"ProcessName":"VLLM::EngineCor"}',
      ),
      ...crashLoopJournal(loop, scenario, 137),
    ].filter(({ time }) => time >= start - 900_000),
  }
}

/** The connector is made before the KV cache, and takes its memory of the host afterwards. */
function connector(scenario: Scenario, at: number, kvSize: number): LogLine[] {
  const name = 'Creating v1 connector with name: OffloadingConnector and engine_id: 2d11c0'
  return [
    engineLine(at + 20_000, core, placeOf(scenario, 'connector'), name, 'INFO'),
    engineLine(at + kvSize, core, placeOf(scenario, 'cpuTensors'), 'Allocating 32 CPU tensors...', 'INFO'),
  ]
}

interface Kill {
  readonly time: number
  readonly pid: number
  readonly task: string
  readonly pod: string
  readonly limitKb: number
  readonly rssKb: number
  readonly cpu: number
}

function kill({ time, pid, task, pod, limitKb, rssKb, cpu }: Kill): LogLine[] {
  const slice = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${pod}_77b0_4c19_8a5e_20f3b6d9e114.slice`
  const scope = `cri-containerd-${pod}5e0b91d7c24fa86633f17ac90e8d4b52.scope`
  const pages = Math.floor(rssKb / 4)
  return kernelLines(time, [
    `${task} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=992`,
    ...callTrace(cpu, pid, task, [
      'dump_stack_lvl+0x4a/0x63',
      'dump_header+0x53/0x228',
      'oom_kill_process.cold+0xb/0x10',
      'out_of_memory+0x106/0x2e0',
      'mem_cgroup_out_of_memory+0x13f/0x160',
      'try_charge_memcg+0x687/0x740',
      'charge_memcg+0x45/0xb0',
      '__mem_cgroup_charge+0x2d/0x90',
      'do_anonymous_page+0x113/0x3b0',
      '__handle_mm_fault+0x804/0x840',
      'handle_mm_fault+0xd8/0x2c0',
      'do_user_addr_fault+0x1c9/0x670',
      'exc_page_fault+0x77/0x170',
      'asm_exc_page_fault+0x27/0x30',
    ]),
    `memory: usage ${limitKb}kB, limit ${limitKb}kB, failcnt 18233`,
    'swap: usage 0kB, limit 9007199254740988kB, failcnt 0',
    `Memory cgroup stats for ${slice}:`,
    `anon ${rssKb * 1024}`,
    'file 1134592',
    'Tasks state (memory values in pages):',
    '[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name',
    `[ ${pid - 12}]     0 ${pid - 12}     1042      412    49152        0           992 tini`,
    `[ ${pid - 4}]     0 ${pid - 4}  9120448   701230  8912896        0           992 vllm`,
    `[ ${pid}]     0 ${pid} ${pages * 2} ${pages} 140091392        0           992 ${task}`,
    `oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=${scope},mems_allowed=0-1,oom_memcg=${slice},task_memcg=${slice}/${scope},task=${task},pid=${pid},uid=0`,
    `Memory cgroup out of memory: Killed process ${pid} (${task}) total-vm:${rssKb * 2}kB, anon-rss:${rssKb - 310_204}kB, file-rss:289104kB, shmem-rss:21100kB, UID:0 pgtables:136808kB oom_score_adj:992`.replace(
      /anon-rss:-?\d+/,
      `anon-rss:${Math.max(rssKb - 310_204, Math.floor(rssKb * 0.9))}`,
    ),
    `oom_reaper: reaped process ${pid} (${task}), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB`,
  ])
}
