"""Records the check of the KV cache at startup: python record_kv_cache_checks.py MODEL_DIR OUT.tsv

A line of OUT.tsv: tokens that fit into the profiled memory, max_model_len (-1: auto), num_gpu_blocks_override or `none`,
then `ok` with the blocks and the length, or `refused` with the reason. The cache has 4 layers with 2 heads of 64 numbers in
bfloat16, so a token takes 2048 bytes; a block has 16 tokens.
"""
import inspect, logging, os, sys

os.environ.setdefault('HF_HUB_OFFLINE', '1')
logging.disable(logging.CRITICAL)

import torch
from vllm.config import CacheConfig, DeviceConfig, ModelConfig, SchedulerConfig, VllmConfig
from vllm.v1.core.kv_cache_utils import get_kv_cache_configs
from vllm.v1.kv_cache_interface import FullAttentionSpec

BYTES_PER_TOKEN = 2048


def check(model, tokens, length, override):
    model_config = ModelConfig(model=model, max_model_len=length, dtype='float32', seed=0, skip_tokenizer_init=True)
    cache = CacheConfig(block_size=16, num_gpu_blocks_override=override)
    # Newer versions resolve the layout later; for one kind of layer it does not matter.
    if hasattr(cache, 'kv_cache_layout'):
        cache.kv_cache_layout = 'BLNHC'
    scheduler = SchedulerConfig(max_num_seqs=8, max_num_batched_tokens=2048, max_model_len=model_config.max_model_len, is_encoder_decoder=False)
    config = VllmConfig(model_config=model_config, cache_config=cache, scheduler_config=scheduler, device_config=DeviceConfig('cpu'))
    spec = FullAttentionSpec(block_size=16, num_kv_heads=2, head_size=64, dtype=torch.bfloat16)
    try:
        (kv_cache,) = get_kv_cache_configs(config, [{f'layer.{i}': spec for i in range(4)}], [tokens * BYTES_PER_TOKEN])
        return 'ok', f'blocks={kv_cache.num_blocks} max_model_len={config.model_config.max_model_len}'
    except ValueError as error:
        return 'refused', ' '.join(str(error).split())


cases = [
    (1600, 1600, None), (1600, 1584, None), (1616, 1600, None), (1599, 1600, None), (1600, 4096, None), (0, 4096, None),
    (16, 4096, None), (1600, -1, None), (16, -1, None), (32, -1, None), (100_000, -1, None), (16_000, 4096, 100),
    (16_000, 4096, 256), (16_000, 4096, 257), (160, 4096, 300), (320, -1, 100), (160_000, 4096, 1), (1_000_000, 4096, None),
]
model, out = sys.argv[1:]
with open(out, 'w') as file:
    for tokens, length, override in cases:
        answer = check(model, tokens, length, override)
        file.write('\t'.join(map(str, (tokens, length, 'none' if override is None else override, *answer))) + '\n')
