"""Records the command-line arguments of the installed vLLM as JSON: python record_arguments.py OUT.json

For each argument of `vllm serve`: flags, type, whether the text None is no value, choices, default, and the range that
vLLM's config class allows.
Types are found by trying values on the parser's own converters, because their names differ between versions.
"""
import argparse, dataclasses, enum, inspect, json, re, sys, typing

import vllm
from vllm.engine import arg_utils

try:
    from vllm.utils.argparse_utils import FlexibleArgumentParser
except ImportError:
    from vllm.utils import FlexibleArgumentParser
try:
    from vllm.entrypoints.launchers.cli_args import make_arg_parser
except ImportError:
    from vllm.entrypoints.openai.cli_args import make_arg_parser


def accepts(convert, text):
    """The converted value, or an Exception."""
    try:
        return convert(text)
    except (Exception, SystemExit) as error:
        return error if isinstance(error, Exception) else Exception()


def type_of(action):
    """One word: boolean, integer, size, size_or_auto, number, string, json, json_or_string."""
    if isinstance(action, (argparse.BooleanOptionalAction, argparse._StoreTrueAction, argparse._StoreFalseAction)):
        return 'boolean'
    if isinstance(action, argparse._HelpAction) or action.type is None:
        return 'string'
    convert = action.type
    if accepts(convert, '1k') == 1000:
        return 'size' if isinstance(accepts(convert, 'auto'), Exception) else 'size_or_auto'
    seven, half, word, data = (accepts(convert, text) for text in ('7', '1.5', 'x', '{"a": 1}'))
    if isinstance(word, Exception) and isinstance(data, dict):
        return 'json'
    if isinstance(half, float) and isinstance(word, Exception):
        return 'number'
    if isinstance(seven, int) and isinstance(half, Exception):
        return 'integer'
    if isinstance(word, Exception):
        return 'json'
    return 'json_or_string' if isinstance(data, dict) else 'string'


def config_fields():
    """(config class, field) of each flag, from the calls of add_argument in vLLM's source."""
    source = inspect.getsource(arg_utils.EngineArgs.add_cli_args)
    classes = dict(re.findall(r'(\w+_kwargs) = get_kwargs\((\w+)\)', source))
    found = {}
    call = r'"--([a-z0-9-]+)"[^()]*?\*\*\{?\s*(?:\*\*)?(\w+_kwargs)\["(\w+)"\]'
    for flag, kwargs, field in re.findall(call, source):
        found[flag.replace('-', '_')] = (getattr(arg_utils, classes[kwargs], None) if kwargs in classes else None, field)
    return found


def limits_of(cls, field):
    """Range of a field of a config class: pydantic's annotations."""
    info = getattr(cls, '__pydantic_fields__', {}).get(field)
    limits = {}
    for one in getattr(info, 'metadata', []) if info is not None else []:
        for key in ('ge', 'gt', 'le', 'lt'):
            if getattr(one, key, None) is not None:
                limits[key] = getattr(one, key)
    return limits


def enum_choices(cls, field):
    """Values of an enumeration of integers, such as OptimizationLevel."""
    annotation = typing.get_type_hints(cls).get(field) if cls is not None else None
    for one in (annotation, *typing.get_args(annotation)):
        if isinstance(one, type) and issubclass(one, enum.Enum) and all(isinstance(v.value, int) for v in one):
            return [str(v.value) for v in one]
    return None


def other_choices(name):
    """Choices that a config class checks and the parser does not."""
    if name != 'quantization':
        return None
    from vllm.model_executor.layers.quantization import QUANTIZATION_METHODS

    return list(QUANTIZATION_METHODS)


def default_of(value):
    """Defaults as JSON; None for no default and for values that JSON cannot express."""
    if isinstance(value, enum.Enum):
        value = value.value
    if value is argparse.SUPPRESS:
        return None
    try:
        json.dumps(value)
        return value
    except TypeError:
        return None


def is_optional(action):
    """Whether the text None means no value. The parser has other words for a wrong value of such an argument."""
    return action.type is not None and accepts(action.type, 'None') is None


parser = make_arg_parser(FlexibleArgumentParser(prog='vllm serve'))
fields = config_fields()
out = {}
for action in parser._actions:
    if isinstance(action, argparse._HelpAction) or action.dest == argparse.SUPPRESS:
        continue
    cls, field = fields.get(action.dest, (None, action.dest))
    try:
        choices = enum_choices(cls, field)
    except Exception:
        choices = None
    kind = 'integer' if choices else type_of(action)
    if choices is None and action.choices:
        choices = [str(c) for c in action.choices if c is not None]
    choices = choices or other_choices(action.dest)
    out[action.dest] = {
        'flags': action.option_strings,
        'type': kind,
        'optional': is_optional(action),
        'list': action.nargs in ('+', '*') or isinstance(action, argparse._AppendAction),
        'choices': choices,
        'default': default_of(action.default),
        'limits': limits_of(cls, field),
    }
json.dump({'vllm': vllm.__version__, 'arguments': out}, open(sys.argv[1], 'w'), indent=1)
print(vllm.__version__, len(out), 'arguments')
