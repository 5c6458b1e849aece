"""Merges the lists of record_arguments.py into one table: python merge_arguments.py LISTS_DIR OUT.tsv

One row says what an argument was in a range of versions. A version is written as `0.19` if only one release of it was
recorded, and in full otherwise.
"""
import glob, json, os, re, sys

folder, out = sys.argv[1:]
lists = {}
for path in glob.glob(os.path.join(folder, '*.json')):
    recorded = json.load(open(path))
    lists[recorded['vllm'].split('+')[0]] = recorded['arguments']


def numbers(version):
    return [int(part) for part in re.findall(r'\d+', version)]


versions = sorted(lists, key=numbers)
minors = [tuple(numbers(version)[:2]) for version in versions]
names = {v: '.'.join(map(str, m)) if minors.count(m) == 1 else v for v, m in zip(versions, minors)}


def row(name, argument):
    kind = argument['type']
    canonical = '--' + name.replace('_', '-')
    flags = argument['flags']
    negations = [flag for flag in flags if flag.startswith('--no-') and '--' + flag[5:] in flags]
    if kind == 'boolean' and not negations:
        kind = 'flag'
    if argument['list']:
        kind += '[]'
    if argument['optional']:
        kind += '?'
    default = argument['default']
    text = '' if default is None or default == {} or default == [] else json.dumps(default)
    limits = ' '.join(f'{key}={value:g}' for key, value in sorted(argument['limits'].items()))
    aliases = [flag for flag in flags if flag != canonical and flag not in negations]
    choices = '|'.join(argument['choices'] or [])
    return (kind, text if len(text) <= 60 else '', choices, limits, ' '.join(aliases))


rows = []
for name in sorted({name for arguments in lists.values() for name in arguments}):
    run = None
    for version in versions + [None]:
        argument = lists[version].get(name) if version else None
        current = row(name, argument) if argument else None
        if run and run[2] != current:
            rows.append((name, names[run[0]], '' if run[1] == versions[-1] else names[run[1]], *run[2]))
            run = None
        if current:
            run = (run[0], version, current) if run else (version, version, current)
with open(out, 'w') as file:
    file.write('# Written by tests/reference/vllm/arguments/merge_arguments.py from the argument parser of each version.\n')
    file.write('# versions\t' + ' '.join(names[version] for version in versions) + '\n')
    file.write('# name\tfirst\tlast\ttype\tdefault\tchoices\trange\tother flags\n')
    for one in rows:
        file.write('\t'.join(one).rstrip('\t') + '\n')
print(len(rows), 'rows of', len(versions), 'versions')
