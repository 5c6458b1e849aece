"""Records what the installed vLLM answers to command lines: python record_starts.py starts.txt MODEL_DIR OUT.tsv

A line of starts.txt is a GPU and the arguments, e.g. `h100 --max-num-seqs 8`. A line of OUT.tsv adds `ok` and the
settings that vLLM derives, or `refused` and its reason. No GPU is needed: vLLM's defaults depend only on the name and
the memory of the GPU, which are pretended here.
"""
import contextlib, io, logging, os, re, shlex, sys

os.environ.setdefault('HF_HUB_OFFLINE', '1')
os.environ.setdefault('VLLM_LOGGING_LEVEL', 'ERROR')

from vllm.engine import arg_utils
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.platforms import current_platform
from vllm.usage.usage_lib import UsageContext

try:
    from vllm.utils.argparse_utils import FlexibleArgumentParser
except ImportError:
    from vllm.utils import FlexibleArgumentParser
try:
    from vllm.entrypoints.launchers.cli_args import make_arg_parser
except ImportError:
    from vllm.entrypoints.openai.cli_args import make_arg_parser

logging.disable(logging.CRITICAL)

GPUS = {
    'h100': ('NVIDIA H100 80GB HBM3', 79.11),
    'a100': ('NVIDIA A100-SXM4-80GB', 79.15),
    'b200': ('NVIDIA B200', 178.35),
    '3090': ('NVIDIA GeForce RTX 3090', 23.57),
}


class PretendedGpu:
    """The current platform, with the name and memory of a GPU. Only the module of the arguments sees it."""

    gpu = 'h100'

    def get_device_name(self, *_):
        return GPUS[self.gpu][0]

    def get_device_total_memory(self, *_):
        return int(GPUS[self.gpu][1] * 2**30)

    def is_cpu(self):
        return False

    def __getattr__(self, name):
        return getattr(current_platform, name)


def reason_of(error):
    errors = getattr(error, 'errors', None)
    if callable(errors):
        first = errors()[0]
        field = '.'.join(str(part) for part in first.get('loc', ()))
        message = re.sub('^Value error, ', '', first['msg'])
        return f'{field}: {message}' if field else message
    return str(error) or type(error).__name__


def start(arguments, model):
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            parsed = make_arg_parser(FlexibleArgumentParser(prog='vllm serve')).parse_args(['--model', model, *arguments])
            args = AsyncEngineArgs.from_cli_args(parsed)
            config = args.create_engine_config(usage_context=UsageContext.OPENAI_API_SERVER)
    except SystemExit:
        return 'refused', said.getvalue().strip().splitlines()[-1]
    except Exception as error:
        return 'refused', reason_of(error)
    scheduler, cache = config.scheduler_config, config.cache_config
    settings = {
        'max_num_seqs': scheduler.max_num_seqs,
        'max_num_batched_tokens': scheduler.max_num_batched_tokens,
        'max_model_len': config.model_config.max_model_len,
        'enable_chunked_prefill': bool(scheduler.enable_chunked_prefill),
        'enable_prefix_caching': bool(cache.enable_prefix_caching),
        'gpu_memory_utilization': cache.gpu_memory_utilization,
    }
    return 'ok', ' '.join(f'{name}={str(value).lower()}' for name, value in settings.items())


pretended = PretendedGpu()
arg_utils.current_platform = pretended
commands, model, out = sys.argv[1:]
with open(out, 'w') as file:
    for line in open(commands):
        if line.strip() == '' or line.startswith('#'):
            continue
        gpu, *arguments = shlex.split(line)
        pretended.gpu = gpu
        outcome, text = start(arguments, model)
        text = ' '.join(re.sub(' at 0x[0-9a-f]+', '', text.replace(model, 'MODEL')).split())
        if 'on the CPU backend' in text:
            continue
        file.write(f'{line.strip()}\t{outcome}\t{text}\n')
        file.flush()
