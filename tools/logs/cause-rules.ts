/**
 * Lines that may name the cause: class and pattern, in order of precedence. If a log has several, the earliest one is
 * usually the cause.
 */
export const causeTable: readonly (readonly [name: string, pattern: RegExp])[] = [
  // The kernel's OOM killer, for the whole host or for a memory cgroup, and systemd-oomd.
  [
    'linux_oom_kill',
    /invoked oom-killer|oom-kill:constraint=|Out of memory: Kill(?:ed)? process|Memory cgroup out of memory|\bOOMKilled\b|systemd-oomd\[\d+\]: Killed |System OOM encountered/,
  ],
  // Ray's own memory monitor kills a worker.
  [
    'ray_memory_monitor',
    /killed due to (?:memory pressure|the node running low on memory)|ray\.exceptions\.OutOfMemoryError/,
  ],
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
  // Fatal NVSwitch errors, and a fabric manager that does not start.
  [
    'nvswitch',
    /nvidia-nvswitch\d*: SXid|\bNVSwitch\b.*\bfailed\b|NVSwitches? (?:don't|do not|does not) match|aborting fabric manager/,
  ],
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
    /\[Hardware Error\].*(?:Machine Check(?: Exception)?:|severity: (?:fatal|recoverable)|MC\d+_STATUS\[[^\]]{0,80}\|(?:UE|UC)\b|[Uu]ncorrect(?:ed|able)|Deferred error)|mce: .*Uncorrected|severity=Uncorrected|AER: (?:Multiple )?Uncorrect(?:ed|able)|UE memory (?:read )?error|DPC: containment event|AER: (?:can't recover|device recovery failed)|NMI: (?:IOCK|PCI system) error|NMI received for unknown reason|mlx5_core .*health[ _]compromised|pciehp: Slot\(\S+\): (?:Link Down|Card not present)|EDAC \S+: (?:\d+ )?UE |DRHD: handling fault status|DMAR: \[[^\]]+\] .*\bfault\b|AMD-Vi: .*(?:IO_PAGE_FAULT|ILLEGAL_DEV|HARDWARE_ERROR|_TIMEOUT)|arm-smmu\S* .*(?:event 0x|[Uu]nhandled|fault)|Memory failure: 0x|(?:pcieport|pci) \S+: .*(?:broken device|link lost|device lost)/,
  ],
  // A driver reports that its PCI device does not work. Drivers of sound and management devices report it at each start.
  [
    'hardware_error',
    /(?:^|kernel: |\] )(?!snd|mei|i801|iwl|thunderbolt|ast )[\w-]+ [\da-f]{4}:[\da-f]{2}:[\da-f]{2}\.\d\b(?!.*(?:\bBAR \d|failed to assign|firmware load|Abort status))(?=.*(?:\bfail(?:ed|ure)\b|timed out|\btimeout\b|not ready|giving up|\bhang\b|\bfatal\b|not working|unrecoverable|\bdead\b|\bstuck\b|Link Active not set))/i,
  ],
  // A part is too hot, or slows down because of it.
  [
    'thermal',
    /[Tt]emperature (?:threshold exceeded|(?:is )?above (?:the )?(?:critical |safe )?(?:threshold|limit))|clocks? throttled|thermal (?:violation|shutdown|slowdown|trip)|(?:Thermal|Power Brake) Slowdown|critical temperature/i,
  ],
  // A part gets too little power.
  ['power', /insufficient power|power supply.*(?:fail|lost)|Power Supply .*(?:Failure|AC lost)/i],
  // A network port or cable fails.
  [
    'link_error',
    /Port module event\[error\]|(?:mlx5_port_module_event|Port module event): module \d+, (?:Cable (?:error|unplugged)|High Temperature)|NIC Link is Down|^link \S+\/\d+ .{0,200}\bstate DOWN\b|link status definitely down/,
  ],
  // Ranks disagree on the size of a message: their NCCL settings or versions differ.
  ['nccl_truncated', /[Mm]essage truncated ?: receiv(?:ed|ing) \d+ bytes instead of \d+/],
  // The InfiniBand transport reports a failed transfer or port.
  [
    'nccl_ib',
    /NET\/IB.*(?:Got completion|status=)|\bibv_\w+ failed|NET\/IB.*(?:Got (?:(?:non-)?fatal )?async event|async fatal event)/,
  ],
  // A collective did not finish in time. One rank did not join it, or the network lost data.
  ['nccl_timeout', /Watchdog caught collective operation timeout/],
  // The TCP transport finds no interface or route.
  ['nccl_socket', /NCCL WARN.*(?:no socket interface found|No route to host|Network is unreachable)|\(gai error: -\d+/],
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
    /CUDA out of memory|CUDA error: out of memory|Not enough memory\. Please try|OutOfMemoryError|Cuda failure \d* ?'out of memory'|CUDA_ERROR_OUT_OF_MEMORY|Triton Error \[CUDA\]: out of memory|(?:HIP|hip) out of memory/,
  ],
  // Too little GPU memory is left for the KV cache at startup.
  [
    'kv_cache_memory',
    /No available memory for the cache blocks|KV cache is needed, which is larger than the available KV cache memory|larger than the maximum number of tokens that can be stored in KV cache/,
  ],
  // Another process holds the GPU memory that vLLM wants to reserve.
  ['gpu_memory_taken', /Free memory on device .* is less than desired GPU memory utilization/],
  // V0 preempts requests because the KV cache is full.
  ['kv_preemption', /is preempted by PreemptionMode\.\w+ mode because there is not enough KV cache space/],
  // The driver of the host does not fit the CUDA libraries of the image.
  [
    'cuda_driver',
    /Error 80[34]\b|system has unsupported display driver|CUDA driver version is insufficient|cudaErrorSystemDriverMismatch|forward compatibility was attempted|API mismatch: the client has|[Dd]river\/library version mismatch|couldn't communicate with the NVIDIA driver|error validating driver installation|failed to load module nvidia/,
  ],
  // CUDA finds no usable GPU, and does not say why.
  [
    'cuda_unavailable',
    /Error 802\b|CUDA unknown error|no CUDA-capable device|No CUDA GPUs are available|Failed to initialize NVML|^No devices were found|^No platform detected, vLLM is running on UnspecifiedPlatform/,
  ],
  // An NCCL call failed for another reason.
  [
    'nccl_error',
    /NCCL error in:|NCCL error: |ncclInvalidUsage|ncclSystemError|ncclInternalError|ncclUnhandledCudaError|NCCL failure/,
  ],
  // A CUDA or HIP call failed for another reason. The error may come from an earlier call.
  [
    'cuda_error',
    /(?:CUDA|HIP)(?: driver)? error:|cuDNN error:|Triton Error \[CUDA\]|cudaError[A-Z]\w+|C(?:uda|UDA) failure|\bCUDA_ERROR_(?!LEVEL)[A-Z]\w+|(?:Memory access fault|HW Exception) by GPU|HSA_STATUS_ERROR|roc(?:BLAS|m) error/,
  ],
  // Disks and file systems that fail or are full, in the words of the kernel or as an errno.
  [
    'file_system',
    /(?:I\/O|medium|target|nexus|space allocation|data integrity|protection) error, dev |Buffer I\/O error|[Nn]o space left on device|[Dd]isk quota exceeded|Read-only file system|Stale (?:NFS )?file handle|Transport endpoint is not connected|Structure needs cleaning|: Input\/output error|Aborting journal on device/,
  ],
  [
    'file_system',
    /(?:^|kernel: |\d\] )(?:nvme\b|nvme\d|block \w+:|sd[a-z]+\b|sd \d|blk_update_request|EXT[234]-fs|XFS|BTRFS|F2FS|JBD2|md\b|md\/|dm-\d|device-mapper|nfs4?:|NFS|ceph|libceph|(?:Lustre|LNet)(?:Error)?:|scsi|ata\d|mpt3sas|megaraid|qla\d\w*|lpfc|fnic|overlayfs|FAT-fs|mmfs|GPFS|beegfs|weka\w*|gluster\w*|zfs|bcachefs|erofs|squashfs|cifs|CIFS|fuse|dm\b)(?=.*(?:error|fail|timeout|timed out|not responding|read-only|abort|shut ?down|expel|evict|corrupt|no available path|offline|unreachable|degraded|\bdown\b|stale|hung\b|removing after|\blost\b|not ready))/i,
  ],
  // A network adapter or its driver reports a failure.
  [
    'network_device',
    /(?:^|kernel: |\d\] )(?:NETDEV WATCHDOG|mlx[45]_\w+|bnxt_\w+|i40e|ice|ixgbe|igb|ib_\w+|infiniband|nvidia-peermem|efa|ena|irdma|gve|tg3|sfc|cxgb4|ionic|hns3|qed\w*|virtio_net|vmxnet3|bond\d+|e(?:th|ns|np|no)\w+:|ib(?:s|p)?\d\w*:)(?=.*(?:\berror|fail|timed? ?out|fatal|unhealthy|unplugged|not responding|reset|link (?:is )?down))/i,
  ],
  // NVIDIA's or AMD's driver reports a failure without an Xid.
  [
    'gpu_driver',
    /NVRM:? (?!.*(?:crash dump|loading|Unable to read|Persistence mode)).*(?:\bfail(?:ed|ure)?\b|\berror\b|\btimeout\b|timed out|\bfatal\b|\bhalt|\bcrash|\bunexpected\b|\binvalid\b|\b(?:cannot|can't|could not|unable|not supported|does not)\b|reset required|requir\w+ (?:os )?re(?:set|boot)|devices were initialized|No NVIDIA .*(?:probed|found)|API mismatch)/i,
  ],
  [
    'gpu_driver',
    /(?:^|kernel: |\d\] )(?:nvidia(?:-\w+)?\b(?!\S*\.service)(?!.*module verification)|amdgpu|amdkfd|kfd\b|i915|xe\b|habanalabs|\[drm\b).*(?:\bfail|\berror|\bunable to|timeout|timed out|hang\b|page fault|GPU reset begin|[Ee]ngine reset|\bfatal\b|NV_ERR_)/i,
  ],
  // AMD's compute driver (kfd_device_queue_manager.c) and the NVMe driver (pci.c) write these without their names.
  ['gpu_driver', /qcm fence wait loop timeout expired|The cp might be in an unrecoverable state/],
  ['file_system', /Invalid SGL for payload/],
  // The runtime does not start a container.
  ['container_runtime', /nvidia-container-cli: |OCI runtime create failed|failed to create (?:shim|containerd) task/],
  // Kubernetes evicts the pod, or the node lacks a resource.
  [
    'eviction',
    /^\s*(?:\d\w*(?: \(x[^)]*\))?\s+)?Warning\s+Evict\w*|"reason":\s?"(?:Evict|OutOf)\w*|\bReason:\s+Evicted\b|ephemeral local storage usage exceeds|low on resource:|[Ee]viction manager: (?:must evict|attempting to reclaim)|^\s*(?:\d\w*(?: \(x[^)]*\))?\s+)?Warning\s+(?:Preempt\w+|SystemOOM|EvictionThresholdMet)|^\s*(?:\w*(?:Pressure|Deadlock|Unavailable|Problem|Unhealthy|Error|Watch)|(?:Readonly|Frequent|Corrupt)\w*)\s+(?:= )?True\b|^\s*Ready\s+(?:False|Unknown)\s.*(?:KubeletNotReady|NodeStatusUnknown)/,
  ],
  // Kubernetes cannot place or start the pod.
  [
    'pod_start',
    /^\s*(?:\d\w*(?: \(x[^)]*\))?\s+)?Warning\s+(?!Failed(?:ToUpdate|Get|KillPod|PreStop)|\w*GCFailed|FreeDiskSpace|Exceeded|Invalid(?:Disk|Environment)|NodeAllocatable|DNS|MissingClusterDNS|CIDR|Resize|Policy|Drain|Possible|Cgroup|Recreat|Killing)[A-Z][A-Za-z]{3,}[\w./-]*\s|^\s*Message:\s+(?=.*\b(?:fail|reject|unhealthy|error|insufficient|not found|cannot|unable))|^\s*Reason:\s+(?!Error$)\w*(?:Err|Fail|ImagePullBackOff|Cannot|Invalid|Exceeded|Lost|Preempt|Unexpected)\w*$|ErrImage(?:Pull|NeverPull)|Failed to pull image|InvalidImageName|CreateContainerConfigError/,
  ],
  // The connector that moves KV blocks between engines, or its transport.
  [
    'kv_connector',
    /Releasing expired KV blocks for request|Potentially invalid KV blocks for unrecognized request|UCX\s+(?:ERROR|FATAL)|\bUCX\b.{0,40} error\b|(?:NIXL|nixl|[Mm]ooncake|LMCache|MoRIIO)(?:(?! (?:INFO|DEBUG)).){0,80}?(?:\b[Ff]ail(?:ed|ure)|\b[Ee]rror\b|timed out)|nixl\w*Error/,
  ],
  // Arguments that the engine or its configuration refuses.
  [
    'configuration',
    /^\S{1,100}(?: \w{1,40})?: error: (?:unrecognized arguments|(?:the following )?arguments? |ambiguous option)|^\s*Value error, |^\s+[A-Z].*\[type=\w+,|validation errors? for \w*Config\b|exceeds (?:the (?:total )?number of )?available GPUs|number of required GPUs exceeds/,
  ],
  // Compilers and linkers.
  [
    'compiler',
    /^(?:\S{0,100}\/)?(?:ptxas|nvcc|nvlink|ld|cc1plus|gcc|g\+\+|clang|collect2|ninja|hipcc|fatbinary)\b.{0,100}?\b(?:fatal|error)\s*:|^\S{1,200}:\d+:\d+: (?:fatal )?error: |^error: command '|^ninja: build stopped|^fatal error: |^(?:\S{0,100}\/)?(?:ld|collect2)\b.{0,40}?: cannot find /,
  ],
  // A program, a library or a module is missing.
  [
    'missing_program',
    /error while loading shared libraries: |: cannot open shared object file|: undefined symbol: \w|version `\w+_[\d.]+' not found|^\S{1,100}: No module named \S|: command not found$|: exec format error$|executable file not found in \$PATH|^(?:\S+: )?(?:line )?\d+: [\w./-]+: (?:not found|Permission denied)$|^(?:\S+: )?(?:line )?\d+: [\w./-]+: No such file or directory$/,
  ],
  // Memory that the host refuses, and limits of the process.
  [
    'host_limit',
    /Cannot allocate memory|Too many open files|Resource temporarily unavailable.*(?:thread|fork)|can't start new thread|std::bad_alloc|fork rejected by pids controller|nf_conntrack: .*table full|(?:neighbor|neighbour) table overflow|TCP: out of memory/,
  ],
  // A process accessed invalid memory.
  [
    'segmentation_fault',
    /segfault at|Segfault encountered|\*\*\* SIG(?:SEGV|BUS) received|Fatal Python error: (?:Segmentation|Bus)|Segmentation fault|general protection fault|double free or corruption|(?:free|malloc|realloc)\(\): \w|corrupted (?:size vs|double-linked)|^(?:Bus error|Illegal instruction|Floating point exception)\b|munmap_chunk\(\)|stack smashing detected/,
  ],
  // NCCL writes its errors as warnings.
  ['nccl_warning', /NCCL WARN /],
  // Any other Python exception: a class with the name of an error, or a class of a module, at the start of the message.
  [
    'exception',
    /(?:^\s*|\]:? |\| |› )(?:[A-Za-z_]\w{0,80}\.){0,12}[A-Za-z_]\w{0,80}(?:Error|Exception|Failure|Timeout|OutOfResources)(?:: |$)|^\s*(?:Error|Exception|Failure): |(?:^|: )\[Errno -?\d+\] |^\s*(?:[a-z_]\w{0,80}\.){1,12}\w{0,80}(?:error|timeout): |(?:^|: )Check failed: |^thread '[^']{0,80}' panicked at|^panic: |^\s*(?:[a-z_]\w{0,80}\.){1,12}[A-Z]\w{0,80}: /,
  ],
]
