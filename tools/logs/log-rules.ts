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

/** What looks like a failure and is none. */
const benign = rules('benign', [
  [
    'client_error',
    /This model's maximum context length is|Error in preprocessing prompt inputs|"\s+4\d\d (?:Bad Request|Not Found|Unauthorized|Unprocessable|Method Not Allowed|Too Many Requests)/,
  ],
  ['client_gone', /\[Errno 32\] Broken pipe|[Cc]lient disconnected/],
  ['corrected_error', /\b(?:corrected|correctable)\b.*\berror|severity=Corrected|CE memory (?:read )?error/i],
  ['unknown_environment', /Unknown vLLM environment variable detected/],
  ['startup_wait', /Waiting for \d+ local, \d+ remote core engine proc\(s\) to start/],
  ['fallback', /[Ff]alling back to|not available\. Fall|NET\/Plugin ?: ?(?:Could not find|No plugin found)/],
  [
    'shutdown',
    /destroy_process_group\(\) was not called|leaked (?:shared_memory|semaphore) objects|KeyboardInterrupt|asyncio\.exceptions\.CancelledError/,
  ],
  ['apparmor', /apparmor="(?:DENIED|ALLOWED)"/],
  ['nvswitch_nonfatal', /nvidia-nvswitch\d*: SXid \(.*?\): \d+, Non-?fatal/i],
])

/** What follows from another failure: a survivor about a lost peer, a parent about a lost child, a summary. */
const cascade = rules('cascade', [
  ['xid_following', /Rate limiting GSP RPC error prints/],
  [
    'engine_dead',
    /EngineDeadError|Engine(?:Core)? encountered an? (?:issue|fatal error)|Engine core initialization failed|Engine core proc \S+ died unexpectedly|EngineCore failed to start|AsyncLLM output_handler failed|Engine loop (?:has died|is not running)|Background loop (?:has errored|is not running)|MQLLMEngine terminated/,
  ],
  [
    'worker_died',
    /Worker proc \S+ died unexpectedly|WorkerProc (?:hit an exception|initialization failed|failed to start)|Worker failed with error|Error executing method|Worker \S+ pid \d+ died/,
  ],
  ['engine_dump', /Dumping (?:input data|scheduler output|scheduler stats)/],
  [
    'ray_task',
    /ray\.exceptions\.\w+|The actor (?:is dead|died unexpectedly)|A worker died or was killed while executing/,
  ],
  ['shared_memory_broadcast', /No available shared memory broadcast block found in/],
  ['rpc_timeout', /RPC call to \S+ timed out/],
  [
    'nccl_peer_gone',
    /Connection closed by remote peer|remote process exited or there was a network error|Connection reset by peer|Proxy Call to rank \d+ failed|recvValue failed|ncclRemoteError|Broken pipe.*TCPStore|TCPStore.*(?:Broken pipe|failed)/,
  ],
  ['nccl_flush', /NET\/IB.*(?:error 5\b|status=(?:IBV_WC_WR_FLUSH_ERR\(5\)|5 ))/],
  ['nccl_result', /^\S+:\d+ -> \d+|NCCL INFO \S+:\d+ -> \d+/],
  [
    'nccl_teardown',
    /NCCL communicator was aborted|Some NCCL operations have failed or timed out|taking the entire process down|Process group watchdog thread terminated|last enqueued (?:NCCL )?work|terminate called after throwing|ProcessGroupNCCL.*abort/i,
  ],
  ['probe_failed', /(?:Liveness|Readiness|Startup) probe (?:failed|errored)|Probe failed/],
  ['oom_report', /oom_reaper: reaped process|Got sys oom event/],
  [
    'killed',
    /^Killed$|[Ee]xit(?:ed|ing)?(?: ?with)?[ -]?(?:code|status)?[ =:(]+(?:137|-9)\b|signal SIGKILL|died with <Signals\.SIGKILL/,
  ],
  ['server_error', /"\s+5\d\d (?:Internal Server Error|Bad Gateway|Service Unavailable|Gateway Timeout)/],
  ['back_off', /Back-off restarting failed container|CrashLoopBackOff/],
])

/** What nothing else explains by itself: time decides among several. */
const causes = rules('cause_candidate', [
  [
    'linux_oom_kill',
    /invoked oom-killer|oom-kill:constraint=|Out of memory: Kill(?:ed)? process|Memory cgroup out of memory|\bOOMKilled\b/,
  ],
  ['ray_memory_monitor', /killed due to (?:memory pressure|the node running low on memory)/],
  ['cpu_soft_lockup', /BUG: soft lockup/],
  ['cpu_hard_lockup', /hard LOCKUP|watchdog: .*detected hard/i],
  ['workqueue_lockup', /BUG: workqueue lockup/],
  ['hung_task', /blocked for more than \d+ seconds/],
  ['rcu_stall', /rcu.*(?:self-)?detected (?:expedited )?stall/],
  ['page_allocation_failure', /page allocation failure/],
  ['nvswitch', /nvidia-nvswitch\d*: SXid/],
  ['gpu_lost', /fallen off the bus|GPU is lost|rm_init_adapter failed|RmInitAdapter failed/],
  ['cuda_ecc', /uncorrectable ECC error|double.bit ECC|DBE \(double bit error\)|cudaErrorECCUncorrectable/i],
  [
    'hardware_error',
    /\[Hardware Error\]|Machine check events logged|mce: .*Uncorrected|severity=Uncorrected|AER: Uncorrect(?:ed|able)|pciehp: Slot\(\S+\): Link Down/,
  ],
  ['link_fault', /Port module event\[error\]|mlx5_port_module_event: module \d+, (?:Cable error|High Temperature)/],
  ['nccl_truncated', /[Mm]essage truncated ?: receiv(?:ed|ing) \d+ bytes instead of \d+/],
  ['nccl_ib', /NET\/IB.*(?:Got completion|status=)|\bibv_\w+ failed|NET\/IB.*Got (?:non-)?fatal async event/],
  ['nccl_timeout', /Watchdog caught collective operation timeout/],
  ['sampler_memory', /out of memory occurred when warming up sampler/],
  ['graph_capture_memory', /[Cc]aptur\w+ (?:CUDA )?graphs?.*out of memory/],
  [
    'cuda_out_of_memory',
    /CUDA out of memory|CUDA error: out of memory|OutOfMemoryError|Cuda failure \d* ?'out of memory'|CUDA_ERROR_OUT_OF_MEMORY/,
  ],
  [
    'kv_cache_memory',
    /No available memory for the cache blocks|KV cache is needed, which is larger than the available KV cache memory|larger than the maximum number of tokens that can be stored in KV cache/,
  ],
  ['gpu_memory_taken', /Free memory on device .* is less than desired GPU memory utilization/],
  ['kv_cache_pressure', /is preempted by PreemptionMode\.\w+ mode because there is not enough KV cache space/],
  [
    'cuda_driver',
    /Error 80[234]\b|system has unsupported display driver|CUDA driver version is insufficient|cudaErrorSystemDriverMismatch|forward compatibility was attempted|CUDA unknown error|no CUDA-capable device|No CUDA GPUs are available|API mismatch: the client has version/,
  ],
  [
    'nccl_error',
    /NCCL error in:|NCCL error: |ncclInvalidUsage|ncclSystemError|ncclInternalError|ncclUnhandledCudaError/,
  ],
  ['cuda_error', /CUDA error:|cudaError[A-Z]\w+|Cuda failure/],
  [
    'file_system',
    /I\/O error, dev|Buffer I\/O error|EXT4-fs error|XFS .*[Cc]orruption|No space left on device|nvme\d+: I\/O \d+ .*timeout/,
  ],
  ['segmentation_fault', /segfault at|Segmentation fault|general protection fault/],
  ['exception', /^\s*(?:[\w.]+\.)?\w*(?:Error|Exception|Failure): /],
])

/**
 * What a line says about a failure; the first rule that matches wins, so that exceptions stand before what they except.
 * An Xid is not judged here but by NVIDIA's catalogue.
 *
 * Cause and cascade follow NVIDIA's log attribution (nvidia-resiliency-ext): hardware faults, out-of-memory and
 * exceptions are candidates for the cause; what a survivor says about a lost peer, and a parent about a lost child, is
 * a cascade. A candidate is no verdict.
 */
export const logRules: readonly LogRule[] = [...benign, ...cascade, ...causes]
