#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one program under Valgrind's memcheck and compares all that memcheck reports with what is expected.

    run.py --valgrind VALGRIND [--preload LIBRARY] [--error 'KIND: WHAT: WHERE']... -- PROGRAM ARGUMENT...

KIND is memcheck's name for a kind of error; WHAT and WHERE are regular expressions that its text, and its
description of the address, must contain. WHERE may be left out. Without --error the program must be silent.
Errors are compared in order, leaks come last. The program must exit with 0.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

SECONDS = 300


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument('--valgrind', required=True)
    parser.add_argument('--preload')
    parser.add_argument('--error', action='append', default=[])
    parser.add_argument('command', nargs='+')
    return parser.parse_args()


def run_memcheck(arguments, report_path):
    """Returns the finished process; its report is in the file."""
    environment = {name: value for name, value in os.environ.items()
                   if name not in ('QUARRY_OPTIONS', 'MALLOC_PERTURB_')}
    command = [arguments.valgrind, '--tool=memcheck', '--leak-check=full', '--show-leak-kinds=definite',
               '--errors-for-leak-kinds=definite', '--xml=yes', '--xml-file=' + report_path]
    if arguments.preload:
        command.append('--soname-synonyms=somalloc=nouserintercepts')
        environment['LD_PRELOAD'] = os.path.abspath(arguments.preload)
    return subprocess.run(command + arguments.command, env=environment, timeout=SECONDS, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


def errors_in(report_path):
    """(kind, what, where) of each error that memcheck reports."""
    errors = []
    for error in ElementTree.parse(report_path).getroot().iter('error'):
        what = error.findtext('what') or error.findtext('xwhat/text') or ''
        where = error.findtext('auxwhat') or error.findtext('xauxwhat/text') or ''
        errors.append((error.findtext('kind'), what, where))
    return errors


def agrees(error, expected):
    kind, *patterns = [part.strip() for part in expected.split(': ')]
    return error[0] == kind and all(re.search(pattern, text) for pattern, text in zip(patterns, error[1:]))


def main():
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as directory:
        report_path = os.path.join(directory, 'report.xml')
        process = run_memcheck(arguments, report_path)
        errors = errors_in(report_path)
    good = (process.returncode == 0 and len(errors) == len(arguments.error) and
            all(agrees(error, expected) for error, expected in zip(errors, arguments.error)) and
            'valgrind:' not in process.stderr)
    if not good:
        print('expected exit code 0, got', process.returncode)
        for expected in arguments.error or ['nothing']:
            print('expected', expected)
        for error in errors or [('nothing',)]:
            print('got     ', ': '.join(error))
        print(process.stdout + process.stderr)
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
