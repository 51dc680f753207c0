#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one program on the preloaded malloc and compares how it ended, and what it left, with what a
test of the table in meson.build expects.

With QUARRY_TEST_ANY_MALLOC=1 in the environment nothing is preloaded: the tests that are not about
Quarry alone must pass on the system's malloc too.
"""
import argparse
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

SKIPPED = 77
GROUP_OF_NOBODY = 65534
LIMITS = {'AS': resource.RLIMIT_AS, 'DATA': resource.RLIMIT_DATA}
ANY_MALLOC = 'QUARRY_TEST_ANY_MALLOC'


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument('--preload', default='', help='the library')
    parser.add_argument('--expect', default='0', help='exit code, or name of a signal')
    parser.add_argument('--stderr', help='pattern of the only line of standard error')
    parser.add_argument('--stderr-lines', help='pattern that all of standard error must contain')
    parser.add_argument('--stdout', help='pattern that standard output must contain')
    parser.add_argument('--file', help='pattern that the file {file} must match as a whole')
    parser.add_argument('--no-file', action='store_true', help='{file} must not come to be')
    parser.add_argument('--xml', action='store_true', help='standard output must be XML')
    parser.add_argument('--xml-sums', action='store_true', help='it must be malloc_info that adds up')
    parser.add_argument('--env', action='append', default=[], help='NAME=VALUE; {file} is a path')
    parser.add_argument('--frontend', help='where small blocks come from')
    parser.add_argument('--empty-environment', action='store_true', help='nothing but the preload')
    parser.add_argument('--limit', action='append', default=[], help='AS=MIB or DATA=MIB')
    parser.add_argument('--set-group-id', action='store_true', help='run a set-group-ID copy')
    parser.add_argument('--times', type=int, default=1, help='how often to run it')
    parser.add_argument('--seconds', type=int, default=100, help='after which it hangs')
    parser.add_argument('--fault', help='pattern of what must be found wrong')
    parser.add_argument('--only-quarry', action='store_true', help='skip on any other malloc')
    parser.add_argument('command', nargs=argparse.REMAINDER)
    return parser.parse_args()


def environment_for(arguments, file_path):
    environment = {} if arguments.empty_environment else dict(os.environ)
    for name in ('QUARRY_OPTIONS', 'MALLOC_PERTURB_'):  # Meson sets the second, for glibc
        environment.pop(name, None)
    if ANY_MALLOC in os.environ:
        environment[ANY_MALLOC] = '1'
    elif arguments.preload:
        environment['LD_PRELOAD'] = arguments.preload
    for pair in arguments.env:
        name, value = pair.split('=', 1)
        environment[name] = value.replace('{file}', file_path)
    if arguments.frontend:
        options = [environment.get('QUARRY_OPTIONS', ''), 'frontend=' + arguments.frontend]
        environment['QUARRY_OPTIONS'] = ','.join(filter(None, options))
    return environment


def limit_resources(arguments):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for limit in arguments.limit:
        name, mib = limit.split('=')
        resource.setrlimit(LIMITS[name], (int(mib) << 20, int(mib) << 20))


def set_group_id_copy(program, folder):
    """A copy of the program that runs with the privileges of another group."""
    copy = os.path.join(folder, os.path.basename(program))
    shutil.copy(program, copy)
    os.chmod(folder, 0o755)
    try:
        os.chown(copy, -1, GROUP_OF_NOBODY)
    except PermissionError:
        sys.exit(SKIPPED)
    os.chmod(copy, 0o2755)
    return copy


def run(arguments, environment):
    """Returns exit code (of a signal: its negated number), standard output, standard error."""
    with subprocess.Popen(arguments.command, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                          preexec_fn=lambda: limit_resources(arguments)) as process:
        try:
            output, errors = process.communicate(timeout=arguments.seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, errors = process.communicate()
            errors += b'run.py: the program hangs\n'
    return process.returncode, output.decode(errors='replace'), errors.decode(errors='replace')


def name_of(code):
    return signal.Signals(-code).name if code < 0 else str(code)


def problems_with_errors(arguments, errors):
    lines = errors.splitlines()
    if arguments.stderr is not None:
        if len(lines) != 1 or not re.search(arguments.stderr, lines[0]):
            return [f'standard error is not one line with /{arguments.stderr}/']
    elif arguments.stderr_lines is not None:
        if not re.search(arguments.stderr_lines, errors, re.MULTILINE):
            return [f'standard error has nothing like /{arguments.stderr_lines}/']
    elif any(line.startswith('quarry:') for line in lines):
        return ['the allocator complains']
    return []


def numbers_of(element):
    """What an element of malloc_info says below it, but for its heaps."""
    return {f'{child.tag} {child.get("type")} {name}': int(child.get(name))
            for child in element if child.get('type') for name in ('count', 'size') if child.get(name)}


def problems_with_sums(root, output):
    """Whether the numbers of malloc_info agree with each other, and with those of mallinfo2."""
    told = {name: int(number) for name, number in re.findall(r'(\w+)=([0-9]+)[ >]', output.split('-->')[0])}
    heaps, total = root.findall('heap'), numbers_of(root)
    sizes = root.findall('heap/sizes/size')
    used = sum(int(s.get('used')) * int(s.get('to')) for s in sizes)
    used += sum(int(heap.get('used', 0)) for heap in heaps)
    claims = {f'{name} of the heaps': (number, sum(numbers_of(heap)[name] for heap in heaps))
              for name, number in total.items() if ' mmap ' not in name}
    claims |= {
        'the heaps are numbered': ([int(heap.get('nr')) for heap in heaps][:1], [0]),
        'free and used': (total['system current size'],
                          used + total['total fast size'] + total['total rest size']),
        'free by size': (total['total fast count'], sum(int(s.get('count')) for s in sizes)),
        'free bytes by size': (total['total fast size'], sum(int(s.get('total')) for s in sizes)),
        'size and count': (True, all(int(s.get('total')) == int(s.get('count')) * int(s.get('to')) for s in sizes)),
        'uordblks': (told['uordblks'], used),
        'hblkhd': (told['hblkhd'], total['total mmap size']),
        'hblks': (told['hblks'], total['total mmap count']),
        'fsmblks': (told['fsmblks'], total['total fast size']),
        'smblks': (told['smblks'], total['total fast count']),
        'live': (int(root.find('live').get('bytes')), used + told['hblkhd']),
    }
    return [f'malloc_info: {what}: {one} is not {other}' for what, (one, other) in claims.items() if one != other]


def problems_with_output(arguments, output, file_path):
    problems = []
    if arguments.stdout is not None and not re.search(arguments.stdout, output):
        problems.append(f'standard output has nothing like /{arguments.stdout}/ but {output!r}')
    exists = os.path.exists(file_path)
    content = open(file_path, encoding='utf-8').read() if exists else ''
    if arguments.file is not None and not re.fullmatch(arguments.file, content):
        problems.append(f'{file_path} is not /{arguments.file}/ but {content!r}')
    if arguments.no_file and exists:
        problems.append(f'{file_path} exists')
    if arguments.xml or arguments.xml_sums:
        try:
            root = xml.etree.ElementTree.fromstring(output)
            problems += problems_with_sums(root, output) if arguments.xml_sums else []
        except xml.etree.ElementTree.ParseError as error:
            problems.append(f'standard output is no XML: {error}: {output!r}')
    return problems


def run_and_judge(arguments, folder):
    file_path = os.path.join(folder, 'file')
    environment = environment_for(arguments, file_path)
    problems = []
    for _ in range(arguments.times):
        code, output, errors = run(arguments, environment)
        sys.stderr.write(errors)
        if code == SKIPPED:
            return SKIPPED
        if name_of(code) != arguments.expect:
            problems.append(f'ended with {name_of(code)}, not {arguments.expect}')
        problems += problems_with_errors(arguments, errors)
    problems += problems_with_output(arguments, output, file_path)
    if arguments.fault is not None:
        found = len(problems) == 1 and re.search(arguments.fault, problems[0])
        problems = [] if found else [f'not found faulty as /{arguments.fault}/ but {problems}']
    for problem in problems:
        print(f'run.py: {problem}', file=sys.stderr)
    if problems:
        preload = 'LD_PRELOAD=' + environment.get('LD_PRELOAD', '')
        print('run.py: again:', preload, *arguments.env, *arguments.command, file=sys.stderr)
    return 1 if problems else 0


def main():
    arguments = parse_arguments()
    if arguments.only_quarry and ANY_MALLOC in os.environ:
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix='quarry-test-') as folder:
        if arguments.set_group_id:
            arguments.command[0] = set_group_id_copy(arguments.command[0], folder)
        return run_and_judge(arguments, folder)


if __name__ == '__main__':
    sys.exit(main())
