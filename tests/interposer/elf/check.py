#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks one property of the library file, by what nm and readelf say of it.

usage: check.py PROPERTY LIBRARY [FILE]
"""
import re
import subprocess
import sys

# What allocates, or leads to it: nothing that malloc's library may call. (fprintf and its kin are
# left to malloc_info and malloc_stats, the loader to operator new that found no memory; that malloc
# does without is what life/no_loader_calls tests.)
FORBIDDEN_IMPORTS = re.compile(
    r'(__)?(v?(printf|dprintf|sprintf|asprintf)(_chk)?|puts|putchar|putc|fopen(64)?|fdopen'
    r'|freopen(64)?|popen|open_memstream|fmemopen|setvbuf|setbuf|dladdr1?|opendir|getline'
    r'|getdelim|strdup|strndup|setlocale|qsort|getpwnam|realpath|scandir)$')
TLS_BYTES_AT_MOST = 64


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def symbols(library, *options):
    """The dynamic symbols' names, without their versions."""
    lines = output_of('nm', '-D', '--format=posix', *options, library).splitlines()
    return {line.split()[0].split('@')[0] for line in lines}


def check_exports(library, list_path):
    with open(list_path, encoding='utf-8') as lines:
        wanted = {line.strip() for line in lines if line.strip() and not line.startswith('#')}
    found = symbols(library, '--defined-only')
    return ([f'not exported: {name}' for name in sorted(wanted - found)] +
            [f'exported, but not in the list: {name}' for name in sorted(found - wanted)])


def check_imports(library):
    found = symbols(library, '--undefined-only')
    return [f'imports {name}' for name in sorted(found) if FORBIDDEN_IMPORTS.match(name)]


def check_nodelete(library):
    dynamic = output_of('readelf', '--wide', '--dynamic', library)
    return [] if re.search(r'FLAGS_1\).*\bNODELETE\b', dynamic) else ['DT_FLAGS_1 has no NODELETE']


def check_needed(library):
    """Whoever preloads a C program must not get a C++ library with it."""
    needed = re.findall(r'NEEDED\).*\[(.*)\]', output_of('readelf', '--wide', '--dynamic', library))
    allowed = re.compile(r'(libc|ld-linux[^.]*|libpthread)\.so')
    return [f'needs {name}' for name in needed if not allowed.match(name)]


def check_tls(library):
    problems = []
    segments = re.findall(r'^\s*TLS\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)',
                          output_of('readelf', '--wide', '--segments', library), re.MULTILINE)
    for segment in segments:
        if int(segment[4], 16) > TLS_BYTES_AT_MOST:
            problems.append(f'{int(segment[4], 16)} bytes of thread-local storage')
    if '__tls_get_addr' in symbols(library, '--undefined-only'):
        problems.append('imports __tls_get_addr: not the initial-exec model')
    if re.search(r'R_\w*(TLSDESC|DTPMOD)', output_of('readelf', '--wide', '--relocs', library)):
        problems.append('has dynamic TLS relocations: not the initial-exec model')
    if segments and not re.search(r'\(FLAGS\).*\bSTATIC_TLS\b',
                                  output_of('readelf', '--wide', '--dynamic', library)):
        problems.append('DT_FLAGS has no STATIC_TLS')
    return problems


def check_relocations(library):
    dynamic = output_of('readelf', '--wide', '--dynamic', library)
    problems = [] if not re.search(r'\bTEXTREL\b', dynamic) else ['has text relocations']
    stack = re.search(r'GNU_STACK.*', output_of('readelf', '--wide', '--segments', library))
    if stack is None or 'RWE' in stack.group():
        problems.append('asks for an executable stack')
    if not re.search(r'FLAGS(_1)?\).*\b(BIND_)?NOW\b', dynamic):
        problems.append('is bound lazily: the loader would work inside of malloc')
    return problems


CHECKS = {'exports': check_exports, 'imports': check_imports, 'nodelete': check_nodelete,
          'needed': check_needed, 'tls': check_tls, 'relocations': check_relocations}


def main():
    problems = CHECKS[sys.argv[1]](*sys.argv[2:])
    for problem in problems:
        print(f'{sys.argv[2]}: {problem}', file=sys.stderr)
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
