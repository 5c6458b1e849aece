import type { LogErrorKind } from '../types.ts'

/** One rule: lines that match the pattern belong to the class. */
export interface LogRule {
  /** Class of the failure, e.g. `linux_oom_kill`. */
  readonly class: string
  /** Role of such a line in a failure. */
  readonly kind: LogErrorKind
  /** Matched against the message and against the whole line. */
  readonly pattern: RegExp
}

function rules(kind: LogErrorKind, table: readonly (readonly [name: string, pattern: RegExp])[]): LogRule[] {
  return table.map(([name, pattern]) => ({ class: name, kind, pattern }))
}

/** Lines that look like a failure but are not one. */
const benign = rules('benign', [
  [
    'client_error',
    /This model's maximum context length is|Error in preprocessing prompt inputs|"\s+4\d\d (?:Bad Request|Not Found|Unauthorized|Unprocessable|Method Not Allowed|Too Many Requests)/,
  ],
  ['ssh_noise', /\bsshd\S*\[\d+\]: .*(?:Connection (?:reset|closed)|Failed password|error: )/],
  ['link_recovered', /NET\/IB.*Got (?:non-fatal )?async event ?: port active/],
  ['client_gone', /\[Errno 32\] Broken pipe|[Cc]lient disconnected/],
  ['corrected_error', /\b(?:corrected|correctable)\b.*\berror|severity[=:] ?corrected|CE memory (?:read )?error/i],
  ['unknown_environment', /Unknown vLLM environment variable detected/],
  ['startup_wait', /Waiting for \d+ local, \d+ remote core engine proc\(s\) to start/],
  ['fallback', /[Ff]alling back to|not available\. Fall|NET\/Plugin ?: ?(?:Could not find|No plugin found)/],
  [
    'shutdown',
    /destroy_process_group\(\) was not called|process group has NOT been destroyed|leaked (?:shared_memory|semaphore) objects|KeyboardInterrupt|(?:asyncio|concurrent)\.[\w.]+\.CancelledError/,
  ],
  ['apparmor', /apparmor="(?:DENIED|ALLOWED)"/],
  ['nvswitch_nonfatal', /nvidia-nvswitch\d*: SXid \(.*?\): \d+, Non-?fatal/i],
])

/** Lines that follow from another failure: a process reports a lost peer or child, or a summary is printed. */
const cascade = rules('cascade', [
  ['xid_following', /Rate limiting GSP RPC error prints/],
  [
    'engine_dead',
    /EngineDeadError|Engine(?:Core)? encountered an? (?:issue|fatal error)|Engine core initialization failed|Engine core proc \S+ died unexpectedly|EngineCore failed to start|EngineCore hit an exception|AsyncLLM output_handler (?:failed|got an Exception)|Engine loop (?:has died|is not running)|Background loop (?:has errored|is not running)|MQLLMEngine (?:terminated|is already dead)|Engine process failed to start|[Ss]ee (?:stack trace|root cause)\b.*(?:above|for the root cause)|Executor failed\.|^RuntimeError: cancelled$/,
  ],
  [
    'worker_died',
    /Worker proc \S+ died unexpectedly|WorkerProc (?:hit an exception|was terminated|initialization failed|failed to start)|Worker failed with error|Error executing method|Worker \S+ pid \d+ died|Scheduler hit an exception|ChildFailedError|[Pp]roc(?:ess)?\b.{0,60} died unexpectedly/,
  ],
  ['engine_dump', /Dumping (?:input data|scheduler output|scheduler stats)/],
  [
    'ray_task',
    /ray\.exceptions\.\w+|The actor (?:is dead|died unexpectedly)|A worker died or was killed while executing/,
  ],
  ['shared_memory_broadcast', /No available shared memory broadcast blocks? found in/],
  ['rpc_timeout', /RPC call to \S+ timed out/],
  [
    'nccl_peer_gone',
    /Connection closed by remote peer|remote process exited or there was a network error|Connection reset by peer|Proxy Call to rank \d+ failed|recvValue failed|ncclRemoteError|[Cc]onnect.* failed : Connection refused|Broken pipe.*TCPStore|TCPStore.*(?:Broken pipe|failed)/,
  ],
  ['nccl_flush', /NET\/IB.*(?:error 5\b|status=(?:IBV_WC_WR_FLUSH_ERR\(5\)|5 ))/],
  ['nccl_result', /^\S+:\d+ -> \d+|Call to ncclProxyProgress failed|NCCL INFO \S+:\d+ -> \d+/],
  [
    'nccl_teardown',
    /NCCL communicator was aborted|Some NCCL operations have failed or timed out|taking the entire process down|Process group watchdog thread terminated(?!.*CUDA error: )|detected by watchdog at work|dump debug info|dump signal|Heartbeat monitor timed out|last enqueued (?:NCCL )?work|terminate called (?:after throwing|without an active)|ProcessGroupNCCL.*abort/i,
  ],
  ['probe_failed', /(?:Liveness|Readiness|Startup) probe (?:failed|errored)|Probe failed/],
  [
    'oom_report',
    /oom_reaper: reaped process|Got sys oom event|killed by the OOM killer|Failed with result 'oom-kill'|TaskOOM event/,
  ],
  [
    'killed',
    /^Killed$|^Aborted \(core dumped\)|^\S+: line \d+: +\d+ Killed\b|code=killed, status=9|Fatal Python error: Aborted|[Ee]xit(?:ed|ing)?(?: ?with)?[ -]?(?:code|status)?[ =:(]+(?:137|-9)\b|signal SIGKILL|died with <Signals\.SIGKILL/,
  ],
  [
    'server_error',
    /Exception in ASGI application|Error in (?:chat )?completion stream generator|"\s+5\d\d (?:Internal Server Error|Bad Gateway|Service Unavailable|Gateway Timeout)/,
  ],
  ['back_off', /Back-off restarting failed container|CrashLoopBackOff/],
])

/** Lines that may name the cause. If there are several, the earliest one is usually the cause. */
const causes = rules('cause_candidate', [
  [
    'linux_oom_kill',
    /invoked oom-killer|oom-kill:constraint=|Out of memory: Kill(?:ed)? process|Memory cgroup out of memory|\bOOMKilled\b|systemd-oomd\[\d+\]: Killed /,
  ],
  ['ray_memory_monitor', /killed due to (?:memory pressure|the node running low on memory)/],
  ['cpu_soft_lockup', /BUG: soft lockup/],
  ['cpu_hard_lockup', /hard LOCKUP|watchdog: .*detected hard/i],
  ['workqueue_lockup', /BUG: workqueue lockup/],
  ['hung_task', /blocked for more than \d+ seconds/],
  ['rcu_stall', /rcu.*(?:self-)?detected (?:expedited )?stall|rcu.* kthread starved/],
  [
    'kernel_bug',
    /Kernel panic - not syncing|BUG: unable to handle|BUG: kernel NULL pointer|Oops: [\da-f]{4} \[#|kernel BUG at/,
  ],
  ['page_allocation_failure', /page allocation failure/],
  ['nvswitch', /nvidia-nvswitch\d*: SXid/],
  ['gpu_hang', /RC watchdog: GPU is probably locked/],
  [
    'gpu_lost',
    /fallen off the bus|GPU is lost|rm_init_adapter failed|RmInitAdapter failed|Unable to determine the device handle for GPU|GPU requires reset/,
  ],
  ['cuda_ecc', /uncorrectable ECC error|double.bit ECC|DBE \(double bit error\)|cudaErrorECCUncorrectable/i],
  [
    'hardware_error',
    /\[Hardware Error\]|Machine check events logged|mce: .*Uncorrected|severity=Uncorrected|AER: (?:Multiple )?Uncorrect(?:ed|able)|UE memory (?:read )?error|DPC: containment event|AER: can't recover|mlx5_core .*health[ _]compromised|pciehp: Slot\(\S+\): Link Down/,
  ],
  [
    'link_error',
    /Port module event\[error\]|(?:mlx5_port_module_event|Port module event): module \d+, (?:Cable (?:error|unplugged)|High Temperature)|NIC Link is Down|link status definitely down/,
  ],
  ['nccl_truncated', /[Mm]essage truncated ?: receiv(?:ed|ing) \d+ bytes instead of \d+/],
  ['nccl_ib', /NET\/IB.*(?:Got completion|status=)|\bibv_\w+ failed|NET\/IB.*Got (?:(?:non-)?fatal )?async event/],
  ['nccl_timeout', /Watchdog caught collective operation timeout/],
  ['nccl_socket', /NCCL WARN.*(?:no socket interface found|No route to host|Network is unreachable)/],
  ['rendezvous_timeout', /client socket has timed out after|Timed out after \d+ seconds waiting for clients/],
  ['nccl_configuration', /Duplicate GPU detected/],
  [
    'shared_memory',
    /failed to extend \/dev\/shm|unable to (?:open|allocate) shared memory|\/dev\/shm.*(?:Bus error|No space)/i,
  ],
  ['sampler_memory', /out of memory occurred when warming up sampler/],
  ['graph_capture_memory', /[Cc]aptur\w+ (?:CUDA )?graphs?.*out of memory/],
  [
    'cuda_out_of_memory',
    /CUDA out of memory|CUDA error: out of memory|OutOfMemoryError|Cuda failure \d* ?'out of memory'|CUDA_ERROR_OUT_OF_MEMORY|Triton Error \[CUDA\]: out of memory|(?:HIP|hip) out of memory/,
  ],
  [
    'kv_cache_memory',
    /No available memory for the cache blocks|KV cache is needed, which is larger than the available KV cache memory|larger than the maximum number of tokens that can be stored in KV cache/,
  ],
  ['gpu_memory_taken', /Free memory on device .* is less than desired GPU memory utilization/],
  ['kv_cache_pressure', /is preempted by PreemptionMode\.\w+ mode because there is not enough KV cache space/],
  [
    'cuda_driver',
    /Error 80[234]\b|system has unsupported display driver|CUDA driver version is insufficient|cudaErrorSystemDriverMismatch|forward compatibility was attempted|CUDA unknown error|no CUDA-capable device|No CUDA GPUs are available|Failed to initialize NVML|API mismatch: the client has/,
  ],
  [
    'nccl_error',
    /NCCL error in:|NCCL error: |ncclInvalidUsage|ncclSystemError|ncclInternalError|ncclUnhandledCudaError/,
  ],
  ['cuda_error', /(?:CUDA|HIP)(?: driver)? error:|cuDNN error:|Triton Error \[CUDA\]|cudaError[A-Z]\w+|Cuda failure/],
  [
    'file_system',
    /I\/O error, dev|Buffer I\/O error|EXT4-fs error|XFS .*[Cc]orruption|No space left on device|nvme\d+: I\/O \d+ .*timeout/,
  ],
  [
    'segmentation_fault',
    /segfault at|Segfault encountered|\*\*\* SIG(?:SEGV|BUS) received|Fatal Python error: (?:Segmentation|Bus)|Segmentation fault|general protection fault/,
  ],
  ['exception', /^\s*(?:[A-Za-z_][\w.]{0,200})?(?:Error|Exception|Failure|OutOfResources): /],
])

/**
 * All rules. The first match wins, so exceptions come before the rules that they restrict. Xid errors are not covered
 * here, but by NVIDIA's catalogue.
 *
 * The split into causes and cascades follows the log attribution of NVIDIA's nvidia-resiliency-ext (PATTERN_REGISTRY.md):
 * hardware errors, out-of-memory errors and exceptions are candidates for the cause; reports about a lost peer or child
 * are cascades. A candidate is not a diagnosis.
 */
export const logRules: readonly LogRule[] = [...benign, ...cascade, ...causes]
