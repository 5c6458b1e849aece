import type { LogErrorKind } from '../types.ts'
import { causeTable } from './cause-rules.ts'

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
  // Port scans and aborted logins.
  ['ssh_noise', /\bsshd\S*\[\d+\]: .*(?:Connection (?:reset|closed)|Failed password|error: )/],
  // An InfiniBand port is active again.
  ['link_recovered', /NET\/IB.*Got (?:non-fatal )?async event ?: port active/],
  // A client closed its connection.
  ['client_gone', /\[Errno 32\] Broken pipe|[Cc]lient disconnected/],
  // ECC and PCIe errors that the hardware corrected.
  [
    'corrected_error',
    /\b(?:corrected|correctable)\b.*\berror|(?:severity|type)[=:] ?correct(?:ed|able)|Machine check events logged|EDAC .*: \d+ CE |\bCE memory \w* ?(?:read )?error|\bCorrected error, no action required|error status\/mask=|corrected by h\/w|Error of this Agent is reported first|:\s+\[ ?\d+\] (?:RxErr|BadTLP|BadDLLP|Rollover|Timeout|NonFatalErr|CorrIntErr|HeaderOF)\b|MC\d+_STATUS\[[^\]]{0,80}\|CE\b/i,
  ],
  // A machine check whose status has bit 61 (UC, uncorrected) clear: the first digit is 8, 9, c or d.
  ['corrected_error', /\[Hardware Error\]: CPU \d+: Machine Check: \d+ Bank \d+: [89cd][\da-f]{15}\b/],
  // The device or the server that failed before works again.
  ['recovered', /temperature\/speed normal|nfs: server \S+ OK|successfully recovered/i],
  // Settings and lists of the kernel and of drivers that name an error or a timeout.
  [
    'setting',
    /\b(?:[Tt]imeout (?:was )?set to|errors=remount-ro|SATA link down \(SStatus 0|Abort status: 0x0$|ib_srpt MAD registration failed|Found ulimit of \d+ and failed to automatically increase|[Ss]hutdown timeout)/,
  ],
  // vLLM warns about VLLM_ variables that it does not know.
  ['unknown_environment', /Unknown vLLM environment variable detected/],
  // The program itself calls the event normal, or reports a race of its own start.
  [
    'expected',
    /\bThis is (?:normal|expected|harmless|not an error)\b|\bcan be (?:safely )?ignored\b|\b(?:safe(?:ly)?|fine) to ignore\b|may not have completed yet/i,
  ],
  // Normal while weights load. Only many repetitions in a row show a hang.
  [
    'startup_wait',
    /Waiting for (?:\d+ local, \d+ remote core engine proc|READY message from|creating a placement group|vLLM DP Servers|output from MQLLMEngine)/,
  ],
  // An optional backend or plugin is missing; another one is used.
  [
    'fallback',
    /[Ff]all(?:ing|s)? ?back to|not available\. Fall|NET\/Plugin ?: ?(?:Could not find|No plugin found|Plugin load|dlerror)/,
  ],
  // NCCL replaces a setting, or does without an optional library.
  [
    'nccl_setting',
    /NCCL WARN.*(?:failed to IPC register|retrying|deprecated|is not set|iommu|NUMA auto balancing|\bACS\b|[Ii]gnoring|being ignored|, (?:default|sett)ing |\. Unsetting |, using \S+ .{0,40}instead|Failed to open lib(?:ibverbs|mlx5|gdrapi))/,
  ],
  // Messages of an orderly exit.
  [
    'shutdown',
    /destroy_process_group\(\) was not called|process group has NOT been destroyed|leaked (?:shared_memory|semaphore) objects|KeyboardInterrupt|\b[Ff]ail(?:ed|ure)\b.{0,60} (?:at|during|on) shutdown|[Ss]hutdown (?:failed|error)|[Ff]ailed to (?:shut down|kill actor|abort request)|(?:asyncio|concurrent)\.[\w.]+\.CancelledError/,
  ],
  // Denied accesses of monitoring tools.
  ['apparmor', /apparmor="(?:DENIED|ALLOWED)"/],
  // NVSwitch errors that the driver marks as non-fatal, and the data lines of any NVSwitch error.
  [
    'nvswitch_nonfatal',
    /nvidia-nvswitch\d*: SXid \(.*?\): \d+, (?:Non-?fatal|Correctable|Severity 0\b|Data \{)|detected NVSwitch non-?fatal error/i,
  ],
])

/** One request failed, because of what the client sent. Other requests are served. */
const requests = rules('request_error', [
  [
    'client_error',
    /This model's maximum context length is|\bVLLMValidationError: |Error in preprocessing prompt inputs|"\s+4\d\d (?:Bad Request|Not Found|Unauthorized|Unprocessable|Method Not Allowed|Too Many Requests|Forbidden)|RequestValidationError|validation errors? for (?:\w*Request|ChatCompletion\w*|Completion\w*)\b|BadRequestError/,
  ],
  // Chat templates refuse a conversation; tool parsers do not understand an answer.
  [
    'template_error',
    /jinja2\.exceptions\.\w+|applying chat template|Error (?:in|trying to handle) (?:extracting|streaming) tool call|[Ee]rror (?:in )?pars(?:ing|e) tool|UnidentifiedImageError|cannot identify image file/,
  ],
])

/** Lines that follow from another failure: a process reports a lost peer or child, or a summary is printed. */
const cascade = rules('cascade', [
  // The driver suppresses further messages after an Xid.
  [
    'xid_following',
    /Rate limiting GSP RPC error prints|NVRM: .*(?:rpcRmApi\w+|nv(?:Assert|Check)\w*Failed\w*):|nvidia-nvswitch\d*: SXid \(.*?\): \d+, Severity [1-9]/,
  ],
  // Other functions of a device that is gone from the bus.
  [
    'device_gone',
    /(?:Refused|Unable) to change power state|HC died; cleaning up|post-resume error|not ready at resume|\bi2c(?:_transfer)? (?:timeout|failed)/,
  ],
  // The API server reports that the engine core is gone.
  [
    'engine_dead',
    /EngineDeadError|Engine(?:Core)? encountered an? (?:issue|fatal error)|Engine core initialization failed|Engine core proc \S+ died unexpectedly|EngineCore failed to start|EngineCore hit an exception|AsyncLLM output_handler (?:failed|got an Exception)|Engine loop (?:has died|is not running)|Background loop (?:has errored|is not running)|MQLLMEngine (?:terminated|is already dead)|Engine process failed to start|[Ss]ee (?:stack trace|root cause)\b.*(?:above|for the root cause)|Executor failed\.|^RuntimeError: cancelled$|[Ee]ngine ?[Cc]ore\b.{0,40} exited unexpectedly|^SystemExit\b|^Invocation of \w+ method failed|[Ee]ngine (?:\S+ )?is dead\b/,
  ],
  // The executor reports that a worker process is gone.
  [
    'worker_died',
    /Worker proc \S+ died unexpectedly|WorkerProc (?:hit an exception|was terminated|initialization failed|failed to start)|Worker failed with error|Error executing method|Worker \S+ pid \d+ died|^(?:Ray)?WorkerProc failed|rank\(s\) exited during startup|Exception occurred while running API servers|Scheduler hit an exception|ChildFailedError|[Pp]roc(?:ess)?\b.{0,60} died unexpectedly|Engine process \(pid \d+\) died/,
  ],
  // vLLM prints its state after a failure.
  ['engine_dump', /Dumping (?:input data|scheduler output|scheduler stats)|Error preparing object to dump/],
  // Ray reports that an actor or task is gone.
  [
    'ray_task',
    /ray\.exceptions\.\w+|The actor (?:is dead|died unexpectedly)|A worker died or was killed while executing|has been marked dead because the detector|Raylet is terminated/,
  ],
  // The engine waits for a worker that does not respond.
  ['shared_memory_broadcast', /No available shared memory broadcast blocks? found in/],
  // The executor waits for a worker that does not respond.
  ['rpc_timeout', /RPC call to \S+ timed out/],
  // The scheduler reports the blocks that a KV connector did not deliver.
  ['kv_load_failed', /Failed to load blocks|KV load failure|[Ii]nvalid block ids? from KV/],
  // A rank reports that the connection to another rank is closed.
  [
    'nccl_peer_gone',
    /Connection closed by (?:remote peer|localRank)|Error encountered progressing operation|, closing connection|remote process exited or there was a network error|^(?!.*(?:LMCache|lmcache|NIXL|nixl|[Mm]ooncake)).*Connection reset by peer|Proxy Call to rank \d+ failed|recvValue failed|ncclRemoteError|\[Proxy Service \d*\] Failed to execute operation|Socket recv failed while polling|ncclProxy\w+ call to .* failed|Could not receive type from localRank|[Cc]onnect.* failed : Connection refused|Call to (?:send|recv)\b.* failed : |Comm \S+ is in abort state|Broken pipe.*TCPStore|TCPStore.*(?:Broken pipe|failed)/,
  ],
  // Work that is flushed after an earlier error of the same queue pair.
  ['nccl_flush', /NET\/IB.*(?:error 5\b|status=(?:IBV_WC_WR_FLUSH_ERR\(5\)|5 ))|Work Request Flushed Error/],
  // NCCL prints the call chain of an error.
  ['nccl_result', /^\S+:\d+ -> \d+|Call to ncclProxyProgress failed|NCCL INFO \S+:\d+ -> \d+/],
  // PyTorch aborts the communicators after a failed collective.
  [
    'nccl_teardown',
    /NCCL communicator was aborted|Some \w+ operations have failed or timed out|taking the entire process down|Process group watchdog thread terminated(?!.*CUDA error: )|detected by watchdog at work|dump debug info|dump signal|Heartbeat monitor timed out|last enqueued (?:NCCL )?work|terminate called (?:after throwing(?!.*(?:CUDA error: |bad_alloc))|without an active)|ProcessGroupNCCL.*abort|ProcessGroupNCCL's watchdog got stuck|Stack trace of the failed collective|signal dumping|Received a dump signal/i,
  ],
  // Kubernetes notices that a container does not respond.
  [
    'probe_failed',
    /(?:Liveness|Readiness|Startup) probe (?:failed|errored)|Probe failed|^\s*(?:\d\w*(?: \(x[^)]*\))?\s+)?Warning\s+(?:Unhealthy|ProbeWarning)\b/,
  ],
  // Reports about a process that the OOM killer has killed already.
  [
    'oom_report',
    /oom_reaper: reaped process|Got sys oom event|killed by the OOM killer|Failed with result 'oom-kill'|TaskOOM event/,
  ],
  // A shell or a parent reports that its child was killed; exit code 137 is SIGKILL.
  [
    'killed',
    /^Killed$|^Aborted \(core dumped\)|^(?:exec )?\S+: line \d+: +\d+ Killed\b|code=killed, status=9|Fatal Python error: Aborted|[Ee]xit(?:ed|ing)?(?: ?with)?[ -]?(?:code|status)?[ =:(]+(?:137|-9)\b|signal SIGKILL|died with <Signals\.SIGKILL|Exit Code:\s+(?:137|143)\b/,
  ],
  // A parent or Kubernetes reports that its child exited. The reason is in the child's own lines.
  [
    'exited',
    /^(?!.*CalledProcessError: ).*\b[Ee]xit(?:ed)?(?: with)?[ -]?(?:[Cc]ode|[Ss]tatus):?[ =(]+-?[1-9]\d*\b|exitcode: -?[1-9]|code=(?:exited|dumped), status=|^\s*Reason:\s+Error$|Failed with result '(?:exit-code|signal|core-dump)'|Scheduled restart job, restart counter|\b[Cc]rashed container\b|^srun: (?:error: \S+: tasks? [\d,-]+: |Job step aborted|Terminating )|\*\*\* Process received signal|\bSignal: Aborted\b/,
  ],
  // A request failed because of an error in the engine.
  [
    'server_error',
    /Exception in ASGI application|Error in (?:chat )?completion stream generator|"\s+5\d\d (?:Internal Server Error|Bad Gateway|Service Unavailable|Gateway Timeout)/,
  ],
  // Kubernetes restarts a container that keeps failing.
  [
    'back_off',
    /Back-off restarting failed container|container will not be restarted|CrashLoopBackOff|^\s*(?:\d\w*(?: \(x[^)]*\))?\s+)?Warning\s+BackOff\b/,
  ],
])

/**
 * Warnings about a setting: vLLM, PyTorch and Python chose another one, or advise one. Every normal start prints some.
 * Warnings about requests, memory, time limits and speed can be evidence, so they are not among them.
 */
export const settingNotice =
  /^(?!.*(?:\brequests?\b(?! (?:a|the) default)|timed? ?out|retr(?:y|ies)|out of memory|\blost\b|preempt|slow ?down|slow tokenizer|Enforce eager|OutOfMemory|corrupt|KVTransfer|hang\b|wrong|incorrect|garbage)).*(?:\bdeprecated\b|\bwill be (?:removed|ignored|disabled|unused)\b|\b(?:is|are|was|were|been) (?:automatically )?(?:disabled|ignored|overridden)\b|\b[Dd]isabling\b|\b[Dd]efault(?:s|ing)? to\b|[Uu]sing (?:the )?default\b|\b[Oo]verrid(?:ing|den)\b|\b[Ff]orcing\b|; using .* instead\b|\bsub-?optimal\b|\bexperimental\b|\bhas no effect\b|\bis not installed\. |in LD_PRELOAD|Found ulimit of|Reset .* (?:type )?to |NUMA binding: |communicator is not available|Casting \S+ to |Reducing Torch parallelism|TensorFloat32|\bpin_memory=False|[Tt]o silence this warning)/

/**
 * All rules. The first match wins, so exceptions come before the rules that they restrict. Xid errors are not covered
 * here, but by NVIDIA's catalogue.
 *
 * The split into causes and cascades follows the log attribution of NVIDIA's nvidia-resiliency-ext (PATTERN_REGISTRY.md):
 * hardware errors, out-of-memory errors and exceptions are candidates for the cause; reports about a lost peer or child
 * are cascades. A candidate is not a diagnosis.
 */
export const logRules: readonly LogRule[] = [
  ...benign,
  ...requests,
  ...cascade,
  ...rules('cause_candidate', causeTable),
]

/** Classes that say only that something failed. A class above them, or the source of the line, is more certain. */
export const genericCauses: ReadonlySet<string> = new Set([
  'exception',
  'nccl_warning',
  'missing_program',
  'configuration',
])

/** The part of a text that made it a line of this class; `undefined` if no rule of the class matches. */
export function matchedPart(text: string, className: string): string | undefined {
  for (const rule of logRules) {
    const found = rule.class === className ? rule.pattern.exec(text)?.[0] : undefined
    if (found !== undefined) return found
  }
  return undefined
}
