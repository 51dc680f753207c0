#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one program that was compiled with a sanitizer, and compares what the sanitizer reports with what is
expected.

    run.py [--error 'KIND: ACCESS: FUNCTION: OFFSET']... -- PROGRAM ARGUMENT...

KIND is the sanitizer's name for a kind of error. ACCESS must be found in its report ("READ of size 1"). FUNCTION
is on the stack of the guilty access. OFFSET is from the start of a block that the program announced on standard
error ("block ADDRESS"); left out, any address will do. Without --error the program must exit with 0 and the
sanitizer be silent: about leaks, too.
"""
import argparse
import os
import re
import subprocess
import sys

SECONDS = 100
OPTIONS = {
    'ASAN_OPTIONS': 'detect_leaks=1:detect_stack_use_after_return=0:abort_on_error=0',
    'MSAN_OPTIONS': 'abort_on_error=0',
}
ERROR = re.compile(r'(?:ERROR|WARNING): \w+Sanitizer: (\S+)(?: on address (0x[0-9a-f]+))?')
FRAME = re.compile(r'^ +#\d+ 0x[0-9a-f]+ in (\w+)', re.MULTILINE)


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument('--error')
    parser.add_argument('command', nargs='+')
    return parser.parse_args()


def run(command):
    environment = {**os.environ, **OPTIONS}
    for name in ('QUARRY_OPTIONS', 'MALLOC_PERTURB_', 'LD_PRELOAD'):
        environment.pop(name, None)
    return subprocess.run(command, env=environment, timeout=SECONDS, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)


def guilty_stack(report):
    """Function names of the first stack of a report."""
    after = report[ERROR.search(report).end():]
    first = FRAME.search(after)
    stack = after[first.start():].split('\n\n')[0] if first else ''
    return FRAME.findall(stack)


def objection(report, expected):
    """What is wrong with a report; None if nothing."""
    error = ERROR.search(report)
    if error is None:
        return 'nothing is reported'
    kind, access, function, offset = (expected.split(': ') + [''] * 3)[:4]
    if error[1] != kind:
        return f'the kind is {error[1]}'
    if access not in report:
        return 'the access is another'
    if function not in guilty_stack(report):
        return f'the stack is {guilty_stack(report)}'
    blocks = [int(block, 16) for block in re.findall(r'^block (0x[0-9a-f]+)$', report, re.MULTILINE)]
    if offset and int(error[2], 16) - int(offset) not in blocks:
        return f'the address is at {[int(error[2], 16) - block for block in blocks]} from the blocks'
    return None


def main():
    arguments = parse_arguments()
    process = run(arguments.command)
    if arguments.error:
        wrong = objection(process.stderr, arguments.error)
        if process.returncode == 0:
            wrong = 'the program ended well'
    else:
        silent = process.returncode == 0 and 'Sanitizer' not in process.stderr
        wrong = None if silent else 'it is not silent'
    if wrong is not None:
        print(f'expected {arguments.error or "silence"}; {wrong}; exit code {process.returncode}')
        print(process.stdout + process.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
