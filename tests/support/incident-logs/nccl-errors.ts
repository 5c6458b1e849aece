import type { Scenario } from '../../../fixtures/scenario.ts'
import { engineDeath, engineLog, initializationFailed } from '../engine-log.ts'
import { core, worker } from '../engine-process.ts'
import {
  engineLine,
  engineTraceback,
  type IncidentLogs,
  kernelLine,
  kernelLines,
  type LogLine,
  ncclLine,
} from '../log-line.ts'
import { placeOf } from '../log-places.ts'
import { startupLog } from '../startup-log.ts'
import {
  applicationXid,
  correctable,
  crashLoop,
  crashLoopJournal,
  deathOf,
  flappingPort,
  restarts,
  startOf,
  tooLong,
} from './common.ts'

const frames = [
  'vllm/v1/worker/gpu_worker.py:641 execute_model | output = self.model_runner.execute_model(',
  'vllm/distributed/parallel_state.py:893 recv_tensor_dict | torch.distributed.recv(tensor, src=self.ranks[src], group=group)',
  'torch/distributed/distributed_c10d.py:2552 recv | pg.recv([tensor], group_src, tag).wait()',
]

/** The ranks of two nodes have different values of NCCL_PROTO, so one sends more than the other expects. */
export function ncclNetSocketTruncated(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  const death = deathOf(scenario)
  const { node, peers = [] } = scenario.deployment.placement
  // The first request that is not a probe of the server fails.
  const failsAfterS = 160
  const loop = crashLoop(scenario, death + 3000, failsAfterS)
  const failure = (at: number): LogLine[] => [
    ...[0, 1, 2, 3].map((gpu) =>
      ncclLine(
        at + gpu * 4,
        { node, pid: 2214 + gpu, gpu },
        `NET/Socket : peer 10.40.0.52<${45_231 + gpu}> message truncated : receiving 524288 bytes instead of 65536. If you believe your socket network is in a healthy state, there may be a mismatch in collective sizes or environment settings (e.g. NCCL_PROTO, NCCL_ALGO) between ranks`,
        'WARN',
        'transport/net_socket.cc:523',
      ),
    ),
    ...peers.flatMap((peer) =>
      peer.gpus.map((gpu) =>
        ncclLine(
          at + 900,
          { node: peer.node, pid: 1987 + gpu, gpu },
          `socketProgress: Connection closed by remote peer ${node}<${51_022 + gpu}>`,
          'WARN',
          'misc/socket.cc:58',
        ),
      ),
    ),
    ...[0, 1, 2, 3].flatMap((rank) =>
      engineTraceback(
        at + 1000 + rank,
        worker(scenario, rank),
        placeOf(scenario, 'executeMethod'),
        `Error executing method 'execute_model'. This might cause deadlock in distributed execution.`,
        frames,
        'torch.distributed.DistBackendError: NCCL error in: ../torch/csrc/distributed/c10d/ProcessGroupNCCL.cpp:3690, invalid usage (run with NCCL_DEBUG=WARN for details), NCCL version 2.27.5\nncclInvalidUsage: This usually reflects invalid usage of NCCL library.',
      ),
    ),
    engineLine(at + 1200, core, placeOf(scenario, 'fatal'), 'EngineCore encountered a fatal error.', 'ERROR'),
    engineLine(
      at + 1300,
      core,
      placeOf(scenario, 'fatal'),
      'ray.exceptions.RayTaskError(DistBackendError): ray::RayWorkerWrapper.execute_method() (pid=2214, ip=10.40.0.51)',
      'ERROR',
    ),
  ]
  return {
    vllm: [
      ...engineLog(scenario, { accessEvery: 1 }),
      ...failure(death),
      ...engineDeath(scenario, death + 1500),
      ...restarts(loop, (at, attempt) => [
        ...startupLog(scenario, at, attempt),
        ...failure(at + failsAfterS * 1000 - 3000),
      ]),
    ],
    // Distractors: a port that flaps on a network that NCCL does not use, SYN cookies, corrected errors.
    dmesg: [
      ...flappingPort(start - 400_000),
      ...flappingPort(start + 51_000),
      ...correctable(start - 5_000_000),
      applicationXid(start - 12_000_000, scenario),
    ],
    journal: crashLoopJournal(loop, scenario, 1),
  }
}

/** The InfiniBand port of the first node goes down. The second node only reports its lost peer. */
export function ncclNetIbErrors(scenario: Scenario): IncidentLogs {
  const start = startOf(scenario)
  const death = deathOf(scenario)
  const linkDown = start + 371_000
  const loop = crashLoop(scenario, death + 2000, 210)
  const { node, peers = [] } = scenario.deployment.placement
  const here = (gpu: number) => ({ node, pid: 2214 + gpu, gpu })
  const peerLines = peers.flatMap((peer) => peer.gpus.map((gpu) => ({ node: peer.node, pid: 1987 + gpu, gpu })))
  return {
    vllm: [
      ...engineLog(scenario, { accessEvery: 3 }),
      ...tooLong(scenario, start + 190_000, 33_900),
      ...[0, 1, 2, 3].map((gpu) =>
        ncclLine(
          linkDown + 300 + gpu,
          here(gpu),
          'NET/IB : mlx5_3:1 Got non-fatal async event: port error(10)',
          'WARN',
          'transport/net_ib.cc:142',
        ),
      ),
      ...[0, 1, 2, 3].map((gpu) =>
        ncclLine(
          death - 900 + gpu,
          here(gpu),
          `NET/IB: Got completion from peer 10.60.0.52<${47_615 + gpu}> with status=IBV_WC_RETRY_EXC_ERR(12) opcode=IBV_WC_RDMA_READ(2) reqSize=0 vendor_err=129 req_type=Send localGid ::ffff:10.60.0.51 remoteGids::ffff:10.60.0.52 hca mlx5_3`,
          'WARN',
          'transport/net_ib.cc:2270',
        ),
      ),
      ...[0, 1, 2, 3].map((gpu) =>
        ncclLine(
          death - 850 + gpu,
          here(gpu),
          `NET/IB: Got completion from peer 10.60.0.52<${47_615 + gpu}> with status=IBV_WC_WR_FLUSH_ERR(5) opcode=IBV_WC_SEND(0) reqSize=0 vendor_err=244 req_type=Recv localGid ::ffff:10.60.0.51 remoteGids::ffff:10.60.0.52 hca mlx5_3`,
          'WARN',
          'transport/net_ib.cc:2270',
        ),
      ),
      ...peerLines.map((where) =>
        ncclLine(
          death + 300,
          where,
          `socketProgress: Connection closed by remote peer ${node}<${51_022 + where.gpu}>`,
          'WARN',
          'misc/socket.cc:58',
        ),
      ),
      ...[4, 5].map((rank) =>
        engineLine(
          death + 500,
          worker(scenario, rank),
          placeOf(scenario, 'executeMethod'),
          `[rank${rank}]: torch.distributed.DistBackendError: NCCL communicator was aborted on rank ${rank}. Original reason for failure was: remote process exited or there was a network error`,
          'ERROR',
        ),
      ),
      ...engineTraceback(
        death,
        worker(scenario, 0),
        placeOf(scenario, 'executeMethod'),
        "Error executing method 'execute_model'. This might cause deadlock in distributed execution.",
        frames,
        'torch.distributed.DistBackendError: NCCL error in: ../torch/csrc/distributed/c10d/ProcessGroupNCCL.cpp:2251, remote process exited or there was a network error, NCCL version 2.27.5\nncclRemoteError: A call failed possibly due to a network error or a remote process exiting prematurely.',
      ),
      engineLine(death + 600, core, placeOf(scenario, 'fatal'), 'EngineCore encountered a fatal error.', 'ERROR'),
      ...engineDeath(scenario, death + 700),
      ...restarts(loop, (at, attempt) => [
        ...startupLog(scenario, at, attempt).filter(({ time }) => time < at + 20_000),
        ncclLine(
          at + 206_000,
          here(0),
          'NET/IB: Got completion from peer 10.60.0.52<47702> with status=IBV_WC_RETRY_EXC_ERR(12) opcode=IBV_WC_SEND(0) reqSize=0 vendor_err=129 req_type=Send localGid ::ffff:10.60.0.51 remoteGids::ffff:10.60.0.52 hca mlx5_3',
          'WARN',
          'transport/net_ib.cc:2270',
        ),
        initializationFailed(at + 207_000),
      ]),
    ],
    dmesg: [
      // Distractor: an Ethernet port that flaps without traffic, hours before and in the window.
      ...flappingPort(start - 7_200_000),
      ...flappingPort(start + 88_000),
      applicationXid(start - 20_000_000, scenario),
      ...kernelLines(linkDown, [
        'mlx5_core 0000:ca:00.0: Port module event[error]: module 3, Cable error, Bus stuck (I2C or data shorted)',
        'mlx5_core 0000:ca:00.0 ibp202s0: Link down',
        'IPv6: ADDRCONF(NETDEV_CHANGE): ibp202s0: link is not ready',
      ]),
      kernelLine(
        linkDown + 9000,
        'mlx5_core 0000:ca:00.0: mlx5_port_module_event: module 3, Cable error, Bus stuck (I2C or data shorted)',
      ),
    ],
    journal: crashLoopJournal(loop, scenario, 1),
  }
}
