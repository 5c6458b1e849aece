/** How engineers and models say the cause of each scenario: `category: root cause`. The first ones are right, the others wrong. */
export const wordings: Readonly<
  Record<string, { readonly right: readonly string[]; readonly wrong: readonly string[] }>
> = {
  concurrency_cap: {
    right: [
      'scheduler_limit: --max-num-seqs is set to 8, so the scheduler admits only eight requests at a time while 98 % of the KV cache stays free.',
      'batch_size: Requests queue because the batch size cap is far too low for the arrival rate; memory is not the bottleneck.',
      'configuration: The concurrency limit of the engine (max_num_seqs) throttles the service, and requests wait for a free slot.',
      'queueing: Concurrency is restricted to 8 sequences, so TTFT is dominated by queue time.',
    ],
    wrong: [
      'kv_cache: The KV cache is exhausted, because too many sequences run at once.',
      'capacity: The GPU is too slow for the load, so requests queue up.',
      'configuration: max_num_seqs is too high, which causes contention between requests.',
    ],
  },
  cuda_ecc_uncorrectable: {
    right: [
      'gpu_hardware: GPU 5 hit an uncorrectable double-bit ECC error (Xid 48), which killed its worker.',
      'hardware: A DBE in the framebuffer of the GPU at 0000:90:00; a row remap is pending until the GPU is reset.',
      'gpu_memory_error: HBM of GPU5 is defective: uncorrectable ECC error, contained by Xid 94.',
    ],
    wrong: [
      'gpu_memory: The GPU ran out of memory and the worker crashed.',
      'nccl: The NCCL communicator was aborted because a remote process exited.',
      'gpu_hardware: GPU 5 has fallen off the bus (Xid 79).',
    ],
  },
  data_parallel_imbalance: {
    right: [
      'load_balancing: Session affinity at the gateway pins one large customer to engine 2, which is saturated while the others idle.',
      'routing: The load is unevenly distributed over the four data-parallel engines.',
      'imbalance: Sticky sessions send almost all traffic to a single DP rank, whose KV cache is full.',
      'gateway: Requests are routed by session rather than by load, so one replica has most of the requests.',
    ],
    wrong: [
      'kv_cache: The KV cache of engine 2 is full and preempts requests.',
      'capacity: The deployment needs more GPUs for its load.',
    ],
  },
  eager_decode: {
    right: [
      'configuration: The engine was started with --enforce-eager, so decode runs without CUDA graphs and every kernel launch costs CPU time.',
      'cuda_graphs: CUDA graphs are disabled, which makes each decode step launch bound.',
      'decode_overhead: Eager mode (enforce_eager=true) raises the inter-token latency, not the load.',
    ],
    wrong: [
      'decode: The decode steps are slow because the batch is too large.',
      'gpu: The GPU is thermally throttled.',
      'speculative_decoding: The draft model rejects most tokens.',
    ],
  },
  engine_startup_hang: {
    right: [
      "driver_mismatch: The container image ships a CUDA compat libcuda that is older than the host driver's and shadows it, so the engine core hangs during startup.",
      'image: The new image puts its CUDA forward-compatibility library before the driver libraries of the host.',
      'library_path: LD_LIBRARY_PATH of the image loads the wrong libcuda.so.',
      'startup: The CUDA libraries in the image do not match the NVIDIA driver of the node.',
    ],
    wrong: [
      'startup: The model takes very long to load from disk.',
      'nccl: NCCL initialization hangs because the ranks cannot reach each other over the network.',
      'probe: The startup probe of Kubernetes is too strict.',
    ],
  },
  ephemeral_storage_eviction: {
    right: [
      'ephemeral_storage: LMCache fills the local disk of the node up to 400 GB per worker, until the kubelet evicts the pod.',
      'disk: The pod was evicted because of disk pressure: the KV cache on local disk exceeds the ephemeral storage.',
      'kubernetes_eviction: Node ran low on ephemeral-storage, because the disk tier of the KV offload is larger than the disk.',
    ],
    wrong: [
      'memory: The container exceeded its memory limit and was OOM-killed.',
      'kubernetes: The readiness probe failed, so the pod was restarted.',
    ],
  },
  healthy_control: {
    right: [
      'none: No incident: all objectives are met.',
      'none: The service is healthy; the log lines that look like errors are benign.',
      'no_incident: There is no problem: latencies and served ratio are within the SLO.',
    ],
    wrong: [
      'kv_cache: The KV cache is nearly exhausted.',
      'none: The service is healthy, but max_num_seqs is too low and should be raised.',
      'capacity: The engine is overloaded at peak times.',
    ],
  },
  kv_cache_crash_loop: {
    right: [
      "configuration: max_model_len is not set, so vLLM takes the model's 131072 tokens, and the KV cache for one such request does not fit into GPU memory.",
      'gpu_memory: The engine fails to start because the KV cache memory left after loading the weights is too small for the maximum context length.',
      'crash_loop: After removal of --max-model-len the engine needs more KV cache for one full-length sequence than the GPU has: the sequence length exceeds it.',
    ],
    wrong: [
      'host_memory: The container is killed by the kernel while it loads the weights.',
      'kv_cache: Too many requests run at once and are preempted.',
      'gpu: The GPU is broken.',
    ],
  },
  kv_cache_pressure: {
    right: [
      'kv_cache: KV cache saturation: long requests use 100 % of the blocks, so vLLM preempts and recomputes.',
      'memory_pressure: The KV cache is undersized for the concurrent long-context requests, which causes preemption thrashing.',
      'capacity: The engine runs out of KV cache blocks; waiting requests queue for them.',
    ],
    wrong: [
      'batch_limit: max_num_seqs is too low, so requests wait for a slot.',
      'network: The network between the gateway and the engine is slow.',
      'kv_transfer: The KV cache transfer from the prefill engine is slow.',
    ],
  },
  kv_transfer_timeout: {
    right: [
      'kv_transfer: UCX_NET_DEVICES pins the NIXL transfers to the management interface over TCP instead of the InfiniBand ports.',
      'network_configuration: KV blocks are pulled over TCP on a slow NIC, because UCX_TLS excludes RDMA.',
      'disaggregated_prefill: KV transfers are limited by the bandwidth of the management network, so the first token is late and blocks expire.',
    ],
    wrong: [
      'kv_cache: The KV cache of the decode engine is full.',
      'timeout: VLLM_NIXL_ABORT_REQUEST_TIMEOUT is too short.',
      'prefill: The prefill engine is too slow.',
    ],
  },
  linux_cpu_soft_lockup: {
    right: [
      'kernel: A soft lockup on CPU 41 of the node blocks the engine core.',
      'host_cpu: CPU#41 is stuck in kernel mode, so the process that is scheduled there makes no progress.',
      'node_fault: The kernel of gpu-node-14 is spinning on a CPU core (watchdog: soft lockup), not a vLLM fault.',
    ],
    wrong: [
      'cpu: The container has too few CPU cores, so tokenization is slow.',
      'engine: The engine core has a deadlock in its scheduler.',
    ],
  },
  linux_oom_killer: {
    right: [
      'host_memory: The Linux OOM killer killed EngineCore, because the CPU KV offload buffer exceeds the memory cgroup limit of the container.',
      'oom: The container reached its memory limit: kv_offloading_size is too large for the 64 GiB of host RAM.',
      'memory_limit: Memory cgroup out of memory: the offloading buffer grew beyond the limit of the pod and the kernel killed the process.',
    ],
    wrong: [
      'gpu_memory: CUDA out of memory: the KV cache does not fit.',
      'eviction: The kubelet evicted the pod because of disk pressure.',
    ],
  },
  missing_telemetry: {
    right: [
      'unknown: The cause cannot be determined, because no engine or GPU metrics were collected.',
      'insufficient_data: Telemetry is missing, so no cause can be named.',
      'observability_gap: Statistics are switched off, and the data is insufficient for a diagnosis.',
    ],
    wrong: [
      'kv_cache: The KV cache is too small.',
      'unknown: Probably the batch size is wrong, but metrics are missing.',
      'none: Nothing is wrong.',
    ],
  },
  nccl_net_ib_errors: {
    right: [
      'interconnect: The InfiniBand port mlx5_3 of gpu-node-21 is down because of a cable error.',
      'network_hardware: The IB link between the nodes failed: NCCL gets IBV_WC_RETRY_EXC_ERR.',
      'hca_fault: An HCA port of the first node lost its link, so the RDMA transfers of NCCL fail.',
    ],
    wrong: [
      'nccl: The NCCL_PROTO settings differ between the two nodes.',
      'worker: A remote worker died and the others lost their peer.',
      'timeout: The NCCL timeout is too short for the load.',
    ],
  },
  nccl_net_socket_truncated: {
    right: [
      'nccl_config: NCCL_PROTO is set on one node only, so the ranks disagree about the message size.',
      'environment_mismatch: The NCCL environment of the two nodes is inconsistent (NCCL_PROTO).',
      'nccl: NCCL settings differ between the ranks, which truncates messages.',
    ],
    wrong: [
      'network: The TCP connection between the nodes is unstable and drops packets.',
      'interconnect: The InfiniBand port is down.',
      'worker: A worker process crashed with an invalid usage.',
    ],
  },
  nvidia_xid: {
    right: [
      'gpu_hardware: GPU 2 fell off the bus (Xid 79); the node needs a reboot.',
      'hardware: The PCIe link of the GPU at 0000:4e:00 went down and the GPU is lost.',
      'pcie: NVRM reports that a GPU has fallen off the bus after a Link Down on its slot.',
    ],
    wrong: [
      'gpu_hardware: GPU 2 has an uncorrectable ECC error (Xid 48).',
      'software: A CUDA kernel failed with an unspecified launch failure.',
      'nccl: A worker died and the NCCL communicator was aborted.',
    ],
  },
  prefill_interference: {
    right: [
      'long_prefills: Long document prompts fill whole steps of 16384 tokens and stall the decode of running requests.',
      'scheduling: max_num_batched_tokens is so large that a prefill chunk blocks the next token of every running request.',
      'prefill_decode_interference: Prefills of large prompts starve decoding, which shows as inter-token p99 spikes.',
    ],
    wrong: [
      'kv_cache: The KV cache is full.',
      'frontend: The tokenizer is slow for long prompts.',
      'decode: CUDA graphs are disabled, so each decode step is slow.',
    ],
  },
  slow_tokenizer: {
    right: [
      'frontend: tokenizer_mode=slow makes the API server tokenize long prompts in Python.',
      'tokenizer: The slow tokenizer blocks the API server for seconds per prompt while the GPU idles.',
      'cpu_bottleneck: Tokenization in the API process is the bottleneck, because the fast tokenizer is switched off.',
    ],
    wrong: [
      'prefill: Long prompts take long to prefill, so the first token is late.',
      'queueing: Requests wait in the queue of the scheduler.',
      'cpu: The API server is slow.',
    ],
  },
  speculative_decoding_collapse: {
    right: [
      'speculative_decoding: The EAGLE drafter has an acceptance rate of 6 %, so the drafted tokens are wasted work.',
      'decode: Speculative decoding hardly helps: most draft tokens are rejected since the traffic changed its language.',
      'draft_model: Low draft acceptance makes each step verify five tokens that are thrown away.',
    ],
    wrong: [
      'decode: Decode is slow, because CUDA graphs are off.',
      'kv_cache: The KV cache is exhausted.',
      'load: The batch is too large for the GPU.',
    ],
  },
  tensor_parallel_hang: {
    right: [
      'file_system: TP worker 3 is blocked in the kernel on an NFS server that does not respond, because TRITON_CACHE_DIR is on NFS.',
      'storage: The NFS mount of the Triton cache hangs, so one tensor-parallel worker waits and the others wait for it.',
      'nfs: The file server 10.50.3.4 is unreachable; a worker is in uninterruptible sleep on the mount.',
    ],
    wrong: [
      'nccl: A collective operation of the tensor-parallel group deadlocks.',
      'timeout: The RPC timeout of the executor is too short.',
      'shared_memory: /dev/shm is too small for the broadcast blocks.',
    ],
  },
  vllm_cuda_oom: {
    right: [
      'gpu_memory: gpu_memory_utilization leaves too little GPU memory for the activations of the vision encoder.',
      'cuda_oom: CUDA out of memory at runtime: the image encoder needs more memory for a step with many images than is left beside the KV cache.',
      'memory: With chunked prefill off, a step with many images has a peak that exceeds the free VRAM.',
    ],
    wrong: [
      'host_memory: The process was killed by the OOM killer, because the container has too little host memory.',
      'kv_cache: Requests are preempted because the KV cache is full.',
      'fragmentation: A memory leak in the Python process.',
    ],
  },
}
