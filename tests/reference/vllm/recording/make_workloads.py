"""Writes the workloads of the committed traces: a few hundred steps each, with preemptions in most.

    python make_workloads.py workloads.json
"""

import json
import random
import sys

DEFAULTS = {
    "max_model_len": 256,
    "block_size": 16,
    "num_gpu_blocks": 257,
    "max_num_seqs": 8,
    "max_num_batched_tokens": 64,
    "enable_prefix_caching": False,
    "scheduler_reserve_full_isl": False,
}

# Requests of equal seeds are equal, so that two workloads can differ in one setting only.
PRESSURE = dict(seed=4, count=10, gaps=[0, 1, 2], prompt=(20, 100), output=(20, 80))
STORM = dict(seed=5, count=10, gaps=[0, 0, 1], prompt=(60, 180), output=(20, 60))


def requests(seed, count, gaps, prompt, output):
    """Random requests. The arrival is the number of the step that first sees the request."""
    source = random.Random(seed)
    arrival, result = 0, []
    for _ in range(count):
        sizes = {"prompt": source.randint(*prompt), "output": source.randint(*output)}
        result.append({"arrival": arrival, **sizes})
        arrival += source.choice(gaps)
    return result


def workload(name, load, prefix=0, **settings):
    return {
        "name": name,
        "settings": {**DEFAULTS, **settings},
        "requests": load if isinstance(load, list) else requests(**load),
        "shared_prefix_tokens": prefix,
    }


def load(seed, count, gaps, prompt, output):
    return dict(seed=seed, count=count, gaps=gaps, prompt=prompt, output=output)


def drafts(method, tokens):
    """The argument for speculative decoding."""
    return json.dumps({"method": method, "model": "head", "num_speculative_tokens": tokens})


BLOCK_EDGES = [
    {"arrival": 0, "prompt": 16, "output": 16},
    {"arrival": 0, "prompt": 15, "output": 2},
    {"arrival": 1, "prompt": 32, "output": 33},
    {"arrival": 2, "prompt": 1, "output": 48},
    {"arrival": 3, "prompt": 64, "output": 1},
]

WORKLOADS = [
    workload("plenty", load(1, 12, [0, 1, 3], (3, 120), (1, 20))),
    workload("seq_cap", load(2, 14, [0, 0, 1], (3, 60), (3, 20)), max_num_seqs=2),
    workload(
        "budget_of_one_chunk",
        load(3, 10, [0, 1], (60, 200), (2, 10)),
        max_num_batched_tokens=16,
        max_num_seqs=16,
    ),
    workload(
        "budget_below_running",
        load(12, 20, [0], (1, 8), (5, 20)),
        max_num_batched_tokens=8,
        max_num_seqs=8,
    ),
    workload("kv_pressure", PRESSURE, num_gpu_blocks=18),
    workload("kv_pressure_reserve", PRESSURE, num_gpu_blocks=18, scheduler_reserve_full_isl=True),
    workload("kv_storm", STORM, num_gpu_blocks=18, max_num_batched_tokens=96),
    workload("kv_storm_one_by_one", load(15, 6, [0, 0, 1], (100, 180), (20, 60)), num_gpu_blocks=17),
    workload(
        "no_chunks",
        load(6, 12, [0, 1], (20, 200), (3, 20)),
        enable_chunked_prefill=False,
        max_num_batched_tokens=256,
    ),
    workload(
        "no_chunks_kv",
        load(7, 10, [0, 1], (20, 150), (20, 80)),
        enable_chunked_prefill=False,
        max_num_batched_tokens=256,
        num_gpu_blocks=18,
    ),
    workload("threshold", load(8, 10, [0, 1, 2], (20, 200), (3, 20)), long_prefill_token_threshold=24),
    workload("block_edges", BLOCK_EDGES, num_gpu_blocks=10),
    workload("idle_gaps", load(9, 6, [0, 20, 40], (10, 100), (2, 10))),
    workload("kv_pressure_caching", PRESSURE, num_gpu_blocks=18, enable_prefix_caching=True),
    workload(
        "kv_storm_caching",
        STORM,
        num_gpu_blocks=18,
        max_num_batched_tokens=96,
        enable_prefix_caching=True,
    ),
    workload(
        "shared_prefix",
        load(10, 10, [0, 1, 3], (70, 150), (3, 20)),
        prefix=64,
        enable_prefix_caching=True,
    ),
    workload(
        "shared_prefix_kv",
        load(11, 10, [0, 1, 3], (70, 150), (20, 60)),
        prefix=64,
        enable_prefix_caching=True,
        num_gpu_blocks=20,
    ),
    workload(
        "kv_storm_async",
        STORM,
        num_gpu_blocks=18,
        max_num_batched_tokens=96,
        async_scheduling=True,
    ),
    workload("watermark", PRESSURE, num_gpu_blocks=18, watermark=0.15),
    # Blocks that were never full are freed while others wait for blocks: the versions differ in which is taken first.
    workload(
        "release_order",
        load(21, 16, [0, 0, 1], (20, 120), (20, 60)),
        prefix=32,
        enable_prefix_caching=True,
        num_gpu_blocks=20,
        max_num_seqs=16,
        max_num_batched_tokens=256,
    ),
    workload(
        "release_order_async",
        load(22, 16, [0, 0, 1], (20, 120), (20, 60)),
        prefix=67,
        enable_prefix_caching=True,
        num_gpu_blocks=24,
        max_num_batched_tokens=32,
        async_scheduling=True,
    ),
    # Speculative decoding. The names of the models are not read.
    workload("drafts", PRESSURE, speculative_config=drafts("eagle", 3)),
    workload("drafts_kv", STORM, num_gpu_blocks=18, max_num_batched_tokens=96, speculative_config=drafts("eagle", 5)),
    workload("drafts_ngram_kv", STORM, num_gpu_blocks=18, speculative_config=drafts("ngram", 4)),
    workload(
        "drafts_caching",
        load(31, 12, [0, 1, 3], (70, 150), (20, 60)),
        prefix=64,
        enable_prefix_caching=True,
        num_gpu_blocks=26,
        speculative_config=drafts("eagle3", 4),
    ),
    workload("drafts_async", PRESSURE, async_scheduling=True, speculative_config=drafts("eagle", 3)),
    # Few tokens for each request, so that drafts are cut off; and requests that end at the longest length.
    workload(
        "drafts_cut",
        load(32, 10, [0, 1, 2], (20, 100), (150, 300)),
        max_num_batched_tokens=20,
        speculative_config=drafts("eagle", 6),
    ),
]

if __name__ == "__main__":
    with open(sys.argv[1], "w") as file:
        json.dump(WORKLOADS, file, indent=1)
