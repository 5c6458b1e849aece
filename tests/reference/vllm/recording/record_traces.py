"""Records what vLLM's own scheduler does with workloads. It needs no GPU, no model and no server.

    python record_traces.py workloads.json OUT_DIR MODEL_DIR

Each workload gives OUT_DIR/<name>.json. A step is one call of schedule(); its figures are read after the call and before
the output of the step. Tokens are not sampled by a model: each request gets token 42 until it has all its output tokens.
"""

import dataclasses
import inspect
import json
import logging
import os
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
logging.disable(logging.WARNING)

import torch
from vllm import SamplingParams, __version__
from vllm.config import CacheConfig, DeviceConfig, ModelConfig, SchedulerConfig, SpeculativeConfig, VllmConfig
from vllm.utils.hashing import sha256
from vllm.v1.core.kv_cache_utils import get_request_block_hasher, init_none_hash
from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec
from vllm.v1.outputs import DraftTokenIds, ModelRunnerOutput
from vllm.v1.request import Request
from vllm.v1.structured_output import StructuredOutputManager

LONGEST = 200_000
PREFIX_TOKEN, OUTPUT_TOKEN = 7, 42


def prompt_tokens(index, length, prefix):
    """The prompt of a request: the shared prefix, and then text that no other request has."""
    return [PREFIX_TOKEN if at < prefix else 11 + (index * 131 + at * 7) % 900 for at in range(length)]


def scheduler_config(settings):
    """The configuration, without the settings that this version of vLLM does not have."""
    wanted = {
        "max_num_seqs": settings["max_num_seqs"],
        "max_num_batched_tokens": settings["max_num_batched_tokens"],
        "max_model_len": settings["max_model_len"],
        "is_encoder_decoder": False,
        "long_prefill_token_threshold": settings.get("long_prefill_token_threshold", 0),
        "enable_chunked_prefill": settings.get("enable_chunked_prefill", True),
        "scheduler_reserve_full_isl": settings.get("scheduler_reserve_full_isl", True),
        "watermark": settings.get("watermark", 0.0),
        "async_scheduling": settings.get("async_scheduling", False),
    }
    known = {field.name for field in dataclasses.fields(SchedulerConfig)} | {"max_model_len", "is_encoder_decoder"}
    return SchedulerConfig(**{name: value for name, value in wanted.items() if name in known})


def speculative_config(settings, config):
    """Speculative decoding as the scheduler sees it. An EAGLE head would need a checkpoint, so its method is set afterwards."""
    if "speculative_config" not in settings:
        return None
    wanted = json.loads(settings["speculative_config"])
    result = SpeculativeConfig(
        method="ngram",
        num_speculative_tokens=wanted["num_speculative_tokens"],
        target_model_config=config.model_config,
        target_parallel_config=config.parallel_config,
    )
    result.method = wanted["method"]
    return result


def make_scheduler(settings, model):
    length, size, blocks = settings["max_model_len"], settings["block_size"], settings["num_gpu_blocks"]
    cache = CacheConfig(block_size=size, enable_prefix_caching=settings.get("enable_prefix_caching", False))
    cache.num_gpu_blocks, cache.num_cpu_blocks = blocks, 0
    config = VllmConfig(
        scheduler_config=scheduler_config(settings),
        model_config=ModelConfig(model=model, max_model_len=length, dtype="float32", seed=0, skip_tokenizer_init=True),
        cache_config=cache,
        device_config=DeviceConfig("cpu"),
    )
    is_async = settings.get("async_scheduling", False)
    config.scheduler_config.async_scheduling = is_async
    config.speculative_config = speculative_config(settings, config)
    spec = FullAttentionSpec(block_size=size, num_kv_heads=1, head_size=1, dtype=torch.float32)
    return (AsyncScheduler if is_async else Scheduler)(
        vllm_config=config,
        kv_cache_config=KVCacheConfig(
            num_blocks=blocks, kv_cache_tensors=[], kv_cache_groups=[KVCacheGroupSpec(["layer"], spec)]
        ),
        structured_output_manager=StructuredOutputManager(config),
        block_size=size,
        log_stats=True,
    )


def make_request(index, size, prefix, step, hasher):
    extra = {"eos_token_id": 99999} if "eos_token_id" in inspect.signature(Request.__init__).parameters else {}
    return Request(
        request_id=str(index),
        prompt_token_ids=prompt_tokens(index, size["prompt"], prefix),
        sampling_params=SamplingParams(max_tokens=size["output"], ignore_eos=True),
        pooling_params=None,
        arrival_time=float(step),
        block_hasher=hasher,
        **extra,
    )


def record(workload, model):
    """The steps of a workload, without those at the end that schedule nothing."""
    settings, prefix = workload["settings"], workload.get("shared_prefix_tokens", 0)
    scheduler = make_scheduler(settings, model)
    init_none_hash(sha256)
    caching = settings.get("enable_prefix_caching", False)
    hasher = get_request_block_hasher(settings["block_size"], sha256) if caching else None
    arrivals = {}
    for index, size in enumerate(workload["requests"]):
        arrivals.setdefault(size["arrival"], []).append((index, size))
    # With asynchronous scheduling the output of a step comes after the next step was scheduled.
    depth = 2 if settings.get("async_scheduling") else 1
    steps, queue, expected = [], [], len(workload["requests"])
    while expected > 0 or scheduler.has_unfinished_requests():
        step = len(steps)
        if step > LONGEST:
            raise SystemExit(f"{workload['name']} does not end")
        for index, size in arrivals.pop(step, []):
            scheduler.add_request(make_request(index, size, prefix, step, hasher))
            expected -= 1
        before = {name: request.num_preemptions for name, request in scheduler.requests.items()}
        output = scheduler.schedule()
        preempted = [
            int(name)
            for name, request in scheduler.requests.items()
            if request.num_preemptions > before.get(name, 0)
        ]
        steps.append(
            {
                "step": step,
                "scheduled": dict(output.num_scheduled_tokens),
                "preempted": sorted(preempted),
                "running": len(scheduler.running),
                "waiting": len(scheduler.waiting),
                "free": scheduler.kv_cache_manager.block_pool.get_num_free_blocks(),
            }
        )
        queue.append(output)
        while queue and (len(queue) >= depth or not output.num_scheduled_tokens):
            finish(scheduler, queue.pop(0))
    while steps and not steps[-1]["scheduled"]:
        steps.pop()
    return steps


def finish(scheduler, output):
    """Gives the output of a step to the scheduler."""
    names = list(output.num_scheduled_tokens)
    tokens = [sampled(scheduler, output, name) for name in names]
    scheduler.update_from_output(
        output,
        ModelRunnerOutput(
            req_ids=names,
            req_id_to_index={name: at for at, name in enumerate(names)},
            sampled_token_ids=tokens,
            logprobs=None,
            prompt_logprobs_dict={},
            pooler_output=[],
        ),
    )
    drafted = scheduler.num_spec_tokens
    if drafted > 0 and not isinstance(scheduler, AsyncScheduler):
        drafting = [name for name, new in zip(names, tokens) if new]
        scheduler.update_draft_token_ids(DraftTokenIds(drafting, [[OUTPUT_TOKEN] * drafted for _ in drafting]))


def sampled(scheduler, output, name):
    """The tokens that a step gives to a request. How many drafted ones are accepted follows from its number and progress."""
    if not has_output(scheduler, output, name):
        return []
    drafted = len(output.scheduled_spec_decode_tokens.get(name, ()))
    progress = scheduler.requests[name].num_output_tokens
    return [OUTPUT_TOKEN] * (1 + (int(name) * 7 + progress * 3) % (drafted + 1))


def has_output(scheduler, output, name):
    """Whether a step samples a token: it computed the last known one.

    While a token is expected (asynchronous scheduling), the end of the prompt counts instead. A resumed request whose
    output is computed again in two chunks therefore gets a token that a model would not sample. The replay does the same.
    """
    request = scheduler.requests.get(name)
    if request is None:
        return False
    end = first_token(output, name) + output.num_scheduled_tokens[name]
    return end >= (request.num_prompt_tokens if request.num_output_placeholders else request.num_tokens)


def first_token(output, name):
    """Number of the request's tokens that were computed before the step."""
    for data in output.scheduled_new_reqs:
        if data.req_id == name:
            return data.num_computed_tokens
    cached = output.scheduled_cached_reqs
    return cached.num_computed_tokens[cached.req_ids.index(name)]


def text_of(workload, steps):
    """The file of a trace: one step in a line."""
    lines = ",\n".join("  " + json.dumps(step, separators=(",", ":")) for step in steps)
    head = {"name": workload["name"], "vllm": __version__}
    return (
        "{\n " + ", ".join(f'"{key}": {json.dumps(value)}' for key, value in head.items()) + ",\n"
        f' "settings": {json.dumps(workload["settings"])},\n'
        f' "requests": {json.dumps(workload["requests"])},\n'
        f' "shared_prefix_tokens": {workload.get("shared_prefix_tokens", 0)},\n'
        f' "steps": [\n{lines}\n ]\n}}\n'
    )


def main(workloads, out, model):
    os.makedirs(out, exist_ok=True)
    with open(workloads) as file:
        for workload in json.load(file):
            steps = record(workload, model)
            with open(os.path.join(out, workload["name"] + ".json"), "w") as trace:
                trace.write(text_of(workload, steps))
            print(workload["name"], len(steps), "steps", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:4])
