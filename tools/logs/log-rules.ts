import type { LogErrorKind } from '../types.ts'

/** One rule: lines that match the pattern belong to the class. */
interface LogRule {
  /** Class of the failure, e.g. `linux_oom_kill`. */
  readonly class: string
  /** Role of such a line in a failure. */
  readonly kind: LogErrorKind
  /** Matched against the message and against the whole line. */
  readonly pattern: RegExp
}

/** Builds the rules of one kind from pairs of class and pattern. */
function rules(kind: LogErrorKind, table: readonly (readonly [name: string, pattern: RegExp])[]): LogRule[] {
  return table.map(([name, pattern]) => ({ class: name, kind, pattern }))
}

/** Lines that look like a failure but are not one. */
const benign = rules('benign', [
  // Requests that the server refused: the client's mistake, and the only errors in many healthy logs.
  [
    'client_error',
    /This model's maximum context length is|\bVLLMValidationError: |Error in preprocessing prompt inputs|"\s+4\d\d (?:Bad Request|Not Found|Unauthorized|Unprocessable|Method Not Allowed|Too Many Requests)/,
  ],
  // Port scans and aborted logins.
  ['ssh_noise', /\bsshd\S*\[\d+\]: .*(?:Connection (?:reset|closed)|Failed password|error: )/],
  // An InfiniBand port is active again.
  ['link_recovered', /NET\/IB.*Got (?:non-fatal )?async event ?: port active/],
  // A client closed its connection.
  ['client_gone', /\[Errno 32\] Broken pipe|[Cc]lient disconnected/],
  // ECC and PCIe errors that the hardware corrected.
  ['corrected_error', /\b(?:corrected|correctable)\b.*\berror|severity[=:] ?corrected|CE memory (?:read )?error/i],
  // vLLM warns about VLLM_ variables that it does not know.
  ['unknown_environment', /Unknown vLLM environment variable detected/],
  // Normal while weights load. Only many repetitions in a row show a hang.
  ['startup_wait', /Waiting for \d+ local, \d+ remote core engine proc\(s\) to start/],
  // An optional backend or plugin is missing; another one is used.
  ['fallback', /[Ff]alling back to|not available\. Fall|NET\/Plugin ?: ?(?:Could not find|No plugin found)/],
  // Messages of an orderly exit.
  [
    'shutdown',
    /destroy_process_group\(\) was not called|process group has NOT been destroyed|leaked (?:shared_memory|semaphore) objects|KeyboardInterrupt|(?:asyncio|concurrent)\.[\w.]+\.CancelledError/,
  ],
  // Denied accesses of monitoring tools.
  ['apparmor', /apparmor="(?:DENIED|ALLOWED)"/],
  // NVSwitch errors that the driver marks as non-fatal.
  ['nvswitch_nonfatal', /nvidia-nvswitch\d*: SXid \(.*?\): \d+, Non-?fatal/i],
])

/** Lines that follow from another failure: a process reports a lost peer or child, or a summary is printed. */
const cascade = rules('cascade', [
  // The driver suppresses further messages after an Xid.
  ['xid_following', /Rate limiting GSP RPC error prints/],
  // The API server reports that the engine core is gone.
  [
    'engine_dead',
    /EngineDeadError|Engine(?:Core)? encountered an? (?:issue|fatal error)|Engine core initialization failed|Engine core proc \S+ died unexpectedly|EngineCore failed to start|EngineCore hit an exception|AsyncLLM output_handler (?:failed|got an Exception)|Engine loop (?:has died|is not running)|Background loop (?:has errored|is not running)|MQLLMEngine (?:terminated|is already dead)|Engine process failed to start|[Ss]ee (?:stack trace|root cause)\b.*(?:above|for the root cause)|Executor failed\.|^RuntimeError: cancelled$/,
  ],
  // The executor reports that a worker process is gone.
  [
    'worker_died',
    /Worker proc \S+ died unexpectedly|WorkerProc (?:hit an exception|was terminated|initialization failed|failed to start)|Worker failed with error|Error executing method|Worker \S+ pid \d+ died|Scheduler hit an exception|ChildFailedError|[Pp]roc(?:ess)?\b.{0,60} died unexpectedly/,
  ],
  // vLLM prints its state after a failure.
  ['engine_dump', /Dumping (?:input data|scheduler output|scheduler stats)/],
  // Ray reports that an actor or task is gone.
  [
    'ray_task',
    /ray\.exceptions\.\w+|The actor (?:is dead|died unexpectedly)|A worker died or was killed while executing/,
  ],
  // The engine waits for a worker that does not respond.
  ['shared_memory_broadcast', /No available shared memory broadcast blocks? found in/],
  // The executor waits for a worker that does not respond.
  ['rpc_timeout', /RPC call to \S+ timed out/],
  // A rank reports that the connection to another rank is closed.
  [
    'nccl_peer_gone',
    /Connection closed by remote peer|remote process exited or there was a network error|Connection reset by peer|Proxy Call to rank \d+ failed|recvValue failed|ncclRemoteError|[Cc]onnect.* failed : Connection refused|Broken pipe.*TCPStore|TCPStore.*(?:Broken pipe|failed)/,
  ],
  // Work that is flushed after an earlier error of the same queue pair.
  ['nccl_flush', /NET\/IB.*(?:error 5\b|status=(?:IBV_WC_WR_FLUSH_ERR\(5\)|5 ))/],
  // NCCL prints the call chain of an error.
  ['nccl_result', /^\S+:\d+ -> \d+|Call to ncclProxyProgress failed|NCCL INFO \S+:\d+ -> \d+/],
  // PyTorch aborts the communicators after a failed collective.
  [
    'nccl_teardown',
    /NCCL communicator was aborted|Some NCCL operations have failed or timed out|taking the entire process down|Process group watchdog thread terminated(?!.*CUDA error: )|detected by watchdog at work|dump debug info|dump signal|Heartbeat monitor timed out|last enqueued (?:NCCL )?work|terminate called (?:after throwing|without an active)|ProcessGroupNCCL.*abort/i,
  ],
  // Kubernetes notices that a container does not respond.
  ['probe_failed', /(?:Liveness|Readiness|Startup) probe (?:failed|errored)|Probe failed/],
  // Reports about a process that the OOM killer has killed already.
  [
    'oom_report',
    /oom_reaper: reaped process|Got sys oom event|killed by the OOM killer|Failed with result 'oom-kill'|TaskOOM event/,
  ],
  // A shell or a parent reports that its child was killed; exit code 137 is SIGKILL.
  [
    'killed',
    /^Killed$|^Aborted \(core dumped\)|^\S+: line \d+: +\d+ Killed\b|code=killed, status=9|Fatal Python error: Aborted|[Ee]xit(?:ed|ing)?(?: ?with)?[ -]?(?:code|status)?[ =:(]+(?:137|-9)\b|signal SIGKILL|died with <Signals\.SIGKILL/,
  ],
  // A request failed because of an error in the engine.
  [
    'server_error',
    /Exception in ASGI application|Error in (?:chat )?completion stream generator|"\s+5\d\d (?:Internal Server Error|Bad Gateway|Service Unavailable|Gateway Timeout)/,
  ],
  // Kubernetes restarts a container that keeps failing.
  ['back_off', /Back-off restarting failed container|CrashLoopBackOff/],
])

/** Lines that may name the cause. If there are several, the earliest one is usually the cause. */
const causes = rules('cause_candidate', [
  // The kernel's OOM killer, for the whole host or for a memory cgroup, and systemd-oomd.
  [
    'linux_oom_kill',
    /invoked oom-killer|oom-kill:constraint=|Out of memory: Kill(?:ed)? process|Memory cgroup out of memory|\bOOMKilled\b|systemd-oomd\[\d+\]: Killed /,
  ],
  // Ray's own memory monitor kills a worker.
  ['ray_memory_monitor', /killed due to (?:memory pressure|the node running low on memory)/],
  // A CPU has been in the kernel for more than 20 seconds.
  ['cpu_soft_lockup', /BUG: soft lockup/],
  // A CPU does not even handle interrupts.
  ['cpu_hard_lockup', /hard LOCKUP|watchdog: .*detected hard/i],
  // Kernel work has not run for more than 30 seconds.
  ['workqueue_lockup', /BUG: workqueue lockup/],
  // A task has waited in the kernel for more than 120 seconds, mostly for I/O.
  ['hung_task', /blocked for more than \d+ seconds/],
  // A CPU does not reach a quiescent state.
  ['rcu_stall', /rcu.*(?:self-)?detected (?:expedited )?stall|rcu.* kthread starved/],
  // A kernel panic or oops.
  [
    'kernel_bug',
    /Kernel panic - not syncing|BUG: unable to handle|BUG: kernel NULL pointer|Oops: [\da-f]{4} \[#|kernel BUG at/,
  ],
  // The kernel found no contiguous memory.
  ['page_allocation_failure', /page allocation failure/],
  // Fatal NVSwitch errors.
  ['nvswitch', /nvidia-nvswitch\d*: SXid/],
  // The driver suspects that the GPU is locked up.
  ['gpu_hang', /RC watchdog: GPU is probably locked/],
  // The GPU is gone from the PCIe bus, or must be reset before use.
  [
    'gpu_lost',
    /fallen off the bus|GPU is lost|rm_init_adapter failed|RmInitAdapter failed|Unable to determine the device handle for GPU|GPU requires reset/,
  ],
  // GPU memory errors that ECC cannot correct.
  ['cuda_ecc', /uncorrectable ECC error|double.bit ECC|DBE \(double bit error\)|cudaErrorECCUncorrectable/i],
  // Machine checks, uncorrectable PCIe errors, lost devices.
  [
    'hardware_error',
    /\[Hardware Error\]|Machine check events logged|mce: .*Uncorrected|severity=Uncorrected|AER: (?:Multiple )?Uncorrect(?:ed|able)|UE memory (?:read )?error|DPC: containment event|AER: can't recover|mlx5_core .*health[ _]compromised|pciehp: Slot\(\S+\): Link Down/,
  ],
  // A network port or cable fails.
  [
    'link_error',
    /Port module event\[error\]|(?:mlx5_port_module_event|Port module event): module \d+, (?:Cable (?:error|unplugged)|High Temperature)|NIC Link is Down|link status definitely down/,
  ],
  // Ranks disagree on the size of a message: their NCCL settings or versions differ.
  ['nccl_truncated', /[Mm]essage truncated ?: receiv(?:ed|ing) \d+ bytes instead of \d+/],
  // The InfiniBand transport reports a failed transfer or port.
  ['nccl_ib', /NET\/IB.*(?:Got completion|status=)|\bibv_\w+ failed|NET\/IB.*Got (?:(?:non-)?fatal )?async event/],
  // A collective did not finish in time. One rank did not join it, or the network lost data.
  ['nccl_timeout', /Watchdog caught collective operation timeout/],
  // The TCP transport finds no interface or route.
  ['nccl_socket', /NCCL WARN.*(?:no socket interface found|No route to host|Network is unreachable)/],
  // Not all ranks connected at startup.
  ['rendezvous_timeout', /client socket has timed out after|Timed out after \d+ seconds waiting for clients/],
  // Two ranks use the same GPU.
  ['nccl_configuration', /Duplicate GPU detected/],
  // /dev/shm is too small or not accessible.
  [
    'shared_memory',
    /failed to extend \/dev\/shm|unable to (?:open|allocate) shared memory|\/dev\/shm.*(?:Bus error|No space)/i,
  ],
  // vLLM's warm-up of the sampler runs out of GPU memory: max_num_seqs is too large.
  ['sampler_memory', /out of memory occurred when warming up sampler/],
  // CUDA graph capture runs out of GPU memory.
  ['graph_capture_memory', /[Cc]aptur\w+ (?:CUDA )?graphs?.*out of memory/],
  // An allocation on the GPU fails.
  [
    'cuda_out_of_memory',
    /CUDA out of memory|CUDA error: out of memory|OutOfMemoryError|Cuda failure \d* ?'out of memory'|CUDA_ERROR_OUT_OF_MEMORY|Triton Error \[CUDA\]: out of memory|(?:HIP|hip) out of memory/,
  ],
  // Too little GPU memory is left for the KV cache at startup.
  [
    'kv_cache_memory',
    /No available memory for the cache blocks|KV cache is needed, which is larger than the available KV cache memory|larger than the maximum number of tokens that can be stored in KV cache/,
  ],
  // Another process holds the GPU memory that vLLM wants to reserve.
  ['gpu_memory_taken', /Free memory on device .* is less than desired GPU memory utilization/],
  // V0 preempts requests because the KV cache is full.
  ['kv_cache_pressure', /is preempted by PreemptionMode\.\w+ mode because there is not enough KV cache space/],
  // The driver of the host does not fit the CUDA libraries of the image.
  [
    'cuda_driver',
    /Error 80[34]\b|system has unsupported display driver|CUDA driver version is insufficient|cudaErrorSystemDriverMismatch|forward compatibility was attempted|API mismatch: the client has|Driver\/library version mismatch/,
  ],
  // CUDA finds no usable GPU, and does not say why.
  [
    'cuda_unavailable',
    /Error 802\b|CUDA unknown error|no CUDA-capable device|No CUDA GPUs are available|Failed to initialize NVML/,
  ],
  // An NCCL call failed for another reason.
  [
    'nccl_error',
    /NCCL error in:|NCCL error: |ncclInvalidUsage|ncclSystemError|ncclInternalError|ncclUnhandledCudaError/,
  ],
  // A CUDA or HIP call failed for another reason. The error may come from an earlier call.
  ['cuda_error', /(?:CUDA|HIP)(?: driver)? error:|cuDNN error:|Triton Error \[CUDA\]|cudaError[A-Z]\w+|Cuda failure/],
  // Disks that fail or are full.
  [
    'file_system',
    /I\/O error, dev|Buffer I\/O error|EXT4-fs error|XFS .*[Cc]orruption|No space left on device|nvme\d+: I\/O \d+ .*timeout/,
  ],
  // A process accessed invalid memory.
  [
    'segmentation_fault',
    /segfault at|Segfault encountered|\*\*\* SIG(?:SEGV|BUS) received|Fatal Python error: (?:Segmentation|Bus)|Segmentation fault|general protection fault/,
  ],
  // Any other Python exception.
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

/** The part of a text that made it a line of this class; `undefined` if no rule of the class matches. */
export function matchedPart(text: string, className: string): string | undefined {
  for (const rule of logRules) {
    const found = rule.class === className ? rule.pattern.exec(text)?.[0] : undefined
    if (found !== undefined) return found
  }
  return undefined
}
