import type { LogErrorKind } from '../documents.ts'

export interface LogRule {
  /** Class of the failure, e.g. `linux_oom_kill`. */
  readonly class: string
  readonly kind: LogErrorKind
  readonly pattern: RegExp
}

function rules(kind: LogErrorKind, table: readonly (readonly [name: string, pattern: RegExp])[]): LogRule[] {
  return table.map(([name, pattern]) => ({ class: name, kind, pattern }))
}

/** Xid codes that need no action or follow from an application fault or another Xid (NVIDIA's catalogue). */
const harmlessXid = /NVRM: Xid \(.*?\): (?:43|63|92|121),/
const followingXid = /NVRM: Xid \(.*?\): (?:45|154),/

/**
 * What a line says about a failure; the first rule that matches wins, so that exceptions stand before what they except.
 *
 * Cause and cascade follow NVIDIA's log attribution (nvidia-resiliency-ext): hardware faults, out-of-memory and
 * exceptions are candidates for the cause; what a survivor says about a lost peer, and a parent about a lost child, is
 * a cascade. A candidate is no verdict: time decides among several.
 */
export const logRules: readonly LogRule[] = [
  ...rules('benign', [
    ['xid_informational', harmlessXid],
    [
      'client_error',
      /This model's maximum context length is|Error in preprocessing prompt inputs|"\s+4\d\d (?:Bad Request|Not Found|Unauthorized|Unprocessable)/,
    ],
    ['client_gone', /\[Errno 32\] Broken pipe|Client disconnected|client disconnected/],
    [
      'corrected_error',
      /\b(?:corrected|correctable)\b.*\berror|CE memory (?:read )?error|AER: Correct(?:ed|able) error/i,
    ],
    ['unknown_environment', /Unknown vLLM environment variable detected/],
    ['startup_wait', /Waiting for \d+ local, \d+ remote core engine proc\(s\) to start/],
    ['fallback', /Falling back to|falling back to|not available\. Fall/],
    ['apparmor', /apparmor="(?:DENIED|ALLOWED)"/],
  ]),
  ...rules('cascade', [
    ['xid_following', followingXid],
    [
      'engine_dead',
      /EngineDeadError|EngineCore encountered an (?:issue|fatal error)|Engine core initialization failed|Engine core proc \S+ died unexpectedly/,
    ],
    ['worker_died', /Worker proc \S+ died unexpectedly|WorkerProc (?:hit an exception|initialization failed)/],
    ['shared_memory_broadcast', /No available shared memory broadcast block found in/],
    ['rpc_timeout', /RPC call to \S+ timed out/],
    [
      'nccl_peer_gone',
      /Connection closed by remote peer|remote process exited or there was a network error|Connection reset by peer|Proxy Call to rank \d+ failed|recvValue failed|ncclRemoteError/,
    ],
    ['nccl_flush', /NET\/IB.*(?:error 5\b|status=(?:IBV_WC_WR_FLUSH_ERR\(5\)|5 ))/],
    ['nccl_teardown', /destroy_process_group|ProcessGroupNCCL.*(?:abort|taking the entire process down)/i],
    [
      'previous_cuda_error',
      /CUDA error: (?:unspecified launch failure|an illegal memory access.*previous)|CUDA kernel errors might be asynchronously reported/,
    ],
    ['probe_failed', /(?:Liveness|Readiness|Startup) probe (?:failed|errored)|Probe failed/],
    ['killed', /^Killed$|exit(?:ed|ing)?(?: with)?(?: code| status)?[ =:(]+137|signal SIGKILL/],
    ['server_error', /"\s+5\d\d (?:Internal Server Error|Bad Gateway|Service Unavailable|Gateway Timeout)/],
    ['back_off', /Back-off restarting failed container|CrashLoopBackOff/],
  ]),
  ...rules('cause_candidate', [
    [
      'linux_oom_kill',
      /invoked oom-killer|oom-kill:constraint=|Out of memory: Kill(?:ed)? process|Memory cgroup out of memory/,
    ],
    ['cpu_soft_lockup', /BUG: soft lockup/],
    ['cpu_hard_lockup', /hard LOCKUP|watchdog: .*detected hard/i],
    ['hung_task', /blocked for more than \d+ seconds/],
    ['rcu_stall', /rcu.*(?:self-)?detected (?:expedited )?stall/],
    ['nvidia_xid', /NVRM: Xid/],
    ['gpu_lost', /fallen off the bus|GPU is lost|rm_init_adapter failed|RmInitAdapter failed/],
    ['cuda_ecc', /uncorrectable ECC error|double.bit ECC|DBE \(double bit error\)/i],
    ['hardware_error', /\[Hardware Error\]|Machine check events logged|mce: .*Uncorrected/],
    ['nccl_truncated', /[Mm]essage truncated ?: received? ?\d*|message truncated : receiving \d+ bytes instead of \d+/],
    ['nccl_ib', /NET\/IB.*(?:Got completion|status=)|ibv_\w+ failed|Got (?:non-)?fatal async event/],
    ['nccl_timeout', /Watchdog caught collective operation timeout/],
    ['cuda_out_of_memory', /CUDA out of memory|CUDA error: out of memory|OutOfMemoryError/],
    [
      'kv_cache_memory',
      /No available memory for the cache blocks|KV cache is needed, which is larger than the available KV cache memory/,
    ],
    ['gpu_memory_taken', /Free memory on device .* is less than desired GPU memory utilization/],
    [
      'cuda_driver',
      /Error 803|system has unsupported display driver|CUDA driver version is insufficient|cudaErrorSystemDriverMismatch/,
    ],
    ['cuda_error', /CUDA error:|cudaError[A-Z]\w+/],
    ['file_system', /I\/O error, dev|EXT4-fs error|XFS .*[Cc]orruption|No space left on device/],
    ['segmentation_fault', /segfault at|Segmentation fault|general protection fault/],
    ['exception', /^\s*(?:\(.*?\)\s*)?(?:(?:ERROR|CRITICAL).*?\]\s*)?(?:[\w.]+\.)?\w*(?:Error|Exception): /],
  ]),
]
