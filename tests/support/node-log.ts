import type { Scenario } from '../../fixtures/scenario.ts'
import { seededRandom } from '../../tools/simulation/requests.ts'
import { journalLine, kernelLine, type LogLine } from './log-line.ts'

const hour = 3_600_000

/** The kernel log of a healthy node over ten hours. */
export function kernelLog(scenario: Scenario): LogLine[] {
  const start = Date.parse(scenario.window.start)
  const random = seededRandom(scenario.load.seed ^ 0xd3e5)
  const lines: LogLine[] = []
  const pick = (texts: readonly string[]) => texts[Math.floor(random() * texts.length)] ?? ''
  const hex = (digits: number) => Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('')
  for (
    let time = start - 9 * hour;
    time < start + scenario.window.duration_s * 1000;
    time += 20_000 + random() * 210_000
  ) {
    lines.push(
      kernelLine(
        time,
        pick([
          `IPv6: ADDRCONF(NETDEV_CHANGE): cali${hex(11)}: link becomes ready`,
          `cni0: port ${3 + Math.floor(random() * 12)}(veth${hex(8)}) entered forwarding state`,
          `cni0: port ${3 + Math.floor(random() * 12)}(veth${hex(8)}) entered blocking state`,
          `device veth${hex(8)} left promiscuous mode`,
          `perf: interrupt took too long (${3100 + Math.floor(random() * 900)} > 3090), lowering kernel.perf_event_max_sample_rate to 64500`,
          `audit: type=1400 audit(${(time / 1000).toFixed(3)}:${Math.floor(random() * 9000)}): apparmor="DENIED" operation="ptrace" profile="docker-default" pid=${40_000 + Math.floor(random() * 9000)} comm="node_exporter"`,
          'EXT4-fs (nvme1n1): mounted filesystem with ordered data mode. Quota mode: none.',
          `TCP: request_sock_TCP: Possible SYN flooding on port 9100. Sending cookies.`,
        ]),
      ),
    )
  }
  return lines
}

/** Lines of kubelet, containerd and other services of a healthy node around the window. */
export function journal(scenario: Scenario): LogLine[] {
  const { node_gpus } = scenario
  const { node } = scenario.deployment.placement
  const start = Date.parse(scenario.window.start)
  const random = seededRandom(scenario.load.seed ^ 0x10a1)
  const lines: LogLine[] = []
  const number = (from: number, to: number) => from + Math.floor(random() * (to - from))
  const month = String(new Date(start).getUTCMonth() + 1).padStart(2, '0')
  for (let time = start - 900_000; time < start + scenario.window.duration_s * 1000; time += 2000 + random() * 9000) {
    const iso = new Date(time).toISOString()
    const klog = `${month}${iso.slice(8, 10)} ${iso.slice(11, 23)}000`
    const [unit, text] = [
      [
        'kubelet[2113]',
        `I${klog}    2113 kubelet_getters.go:219] "Pod status updated" pod="kube-system/kube-proxy-${node}" status="Running"`,
      ],
      [
        'containerd[1846]',
        `time="${iso.slice(0, 19)}Z" level=info msg="shim disconnected" id=${number(1e8, 9e8)} namespace=k8s.io`,
      ],
      [
        'containerd[1846]',
        `time="${iso.slice(0, 19)}Z" level=info msg="Container exec ${number(1e8, 9e8)} exited with exit code 0"`,
      ],
      ['systemd[1]', 'Started sysstat-collect.service - system activity accounting tool.'],
      ['systemd[1]', 'sysstat-collect.service: Deactivated successfully.'],
      ['chronyd[1322]', `Selected source 10.40.0.${number(2, 9)}`],
      [
        'node_exporter[1790]',
        `time=${iso} level=INFO source=collector.go:171 msg="scrape done" duration_seconds=0.0${number(10, 99)}`,
      ],
      ['nvidia-persistenced[1207]', `device ${node_gpus?.pci_bus_ids[0]} - persistence mode enabled.`],
      [
        'sshd[88213]',
        `Accepted publickey for ops from 10.8.0.${number(2, 250)} port ${number(32768, 60000)} ssh2: ED25519 SHA256:pV1m`,
      ],
    ][number(0, 9)] ?? ['systemd[1]', '']
    lines.push(journalLine(time, node, unit ?? '', text ?? ''))
  }
  return lines
}
