#!/bin/sh
# The command of the recording was not kept. --max-num-seqs is from its notes; the pages show the other values.
vllm serve tiny --max-num-seqs 8 --max-model-len 2048 --kv-cache-memory-bytes 1073741824 --block-size 128
