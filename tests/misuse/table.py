#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commits every misuse of crimes.c under every hardening level and checker, and says when it was noticed.

    table.py --self-test
    table.py [--compare] --outcomes FILE [--valgrind VALGRIND] COLUMN=PROGRAM...

COLUMN is none, basic, moderate, full or extreme, a program on a library of that hardening level; asan, one that was
compiled with AddressSanitizer; or memcheck, one to be run under VALGRIND. Each misuse has a process of its own, and a
time limit. Prints a table in Markdown, and below it what was reported, word for word.

The file says for each misuse and column at which step it is noticed ("found"), and for the levels by which step Zephyr
promises that ("promised"). --compare prints differences only, and fails if there are any: a misuse noticed later than
promised, or earlier or later than recorded.
"""
import argparse
import pathlib
import re
import signal
import subprocess
import sys

SECONDS = 60
BUCKETS = ('zephyr', 'fine')
COLUMNS = ('none', 'basic', 'moderate', 'full', 'extreme', 'asan', 'memcheck')
LEVELS = COLUMNS[:5]
# In the order in which a program takes them.
STEPS = ('write', 'alloc', 'free', 'use', "owner's", 'later', 'never')
NOTICED = re.compile(r'^quarry: |^==\d+==ERROR: AddressSanitizer: (?!SEGV)|'
                     r'^==\d+== (Invalid|Illegal|Use of|Conditional|Jump)')
IN_WORDS = {'write': 'at the write', 'alloc': 'at the next alloc', 'free': 'at the free', 'use': "at the owner's use",
            "owner's": "at the owner's free", 'later': 'later', 'never': 'never'}
OPTIONS = {'ASAN_OPTIONS': 'detect_leaks=0:abort_on_error=0', 'PATH': '/usr/bin:/bin'}


class Outcome:
    """When a misuse was noticed, and the line that says so, or how the program ended otherwise."""

    def __init__(self, stderr, ended):
        self.step, self.line = 'never', ended
        reached = 'start'
        for line in stderr.splitlines():
            if line.startswith('step '):
                reached = line[5:]
            elif NOTICED.match(line):
                self.step, self.line = reached, line
                break
        else:
            if reached != 'end':
                self.line += f', {IN_WORDS.get(reached, reached)}'


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument('--compare', action='store_true')
    parser.add_argument('--outcomes', required=True, type=pathlib.Path)
    parser.add_argument('--valgrind')
    parser.add_argument('columns', nargs='+')
    return parser.parse_args()


def commit(command):
    try:
        process = subprocess.run(command, env=OPTIONS, timeout=SECONDS, text=True, errors='replace',
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    except subprocess.TimeoutExpired as late:
        return Outcome((late.stderr or b'').decode(errors='replace'), 'it hangs')
    if 'step ' not in process.stderr:
        raise RuntimeError(f'{command} does not know this misuse: {process.stderr}')
    if process.returncode >= 0 and 'AddressSanitizer: SEGV' not in process.stderr:
        return Outcome(process.stderr, 'silent')
    name = signal.Signals(-process.returncode).name if process.returncode < 0 else 'SIGSEGV'
    return Outcome(process.stderr, name)


def read_tables(path):
    """The tables of the file by name: misuse -> column -> steps, one for all buckets or one for each."""
    tables = {}
    for line in path.read_text(encoding='utf-8').splitlines():
        words = line.split()
        if not words or words[0].startswith('#'):
            continue
        if words[0] in ('found', 'promised'):
            table, columns = tables.setdefault(words[0], {}), words[1:]
        else:
            table[words[0]] = {column: cell.split('/') for column, cell in zip(columns, words[1:], strict=True)}
    return tables


def commit_all(arguments, misuses):
    """misuse -> column -> an outcome for each kind of buckets."""
    programs = dict(column.split('=', 1) for column in arguments.columns)
    outcomes = {misuse: {} for misuse in misuses}
    for column in COLUMNS:
        tool = [arguments.valgrind, '--quiet', '--tool=memcheck'] if column == 'memcheck' else []
        for misuse in misuses if column in programs else []:
            outcomes[misuse][column] = [commit([*tool, programs[column], buckets, misuse]) for buckets in BUCKETS]
    return outcomes


def cell(steps):
    """For the file: one step if it is the same for all buckets."""
    return steps[0] if len(set(steps)) == 1 else '/'.join(steps)


def differences(outcomes, tables):
    for misuse, columns in outcomes.items():
        for column, each in columns.items():
            steps = [outcome.step for outcome in each]
            recorded = tables['found'][misuse][column]
            if cell(steps) != cell(recorded):
                yield f'{misuse}, {column}: recorded {cell(recorded)}, found {cell(steps)}: {each[0].line}'
            if column in LEVELS:
                promised = tables['promised'][misuse][column][0]
                if any(STEPS.index(step) > STEPS.index(promised) for step in steps):
                    yield f'{misuse}, {column}: promised {promised}, found {cell(steps)}: {each[0].line}'


def self_test():
    """A late, an early and a lost outcome are noticed; what is as recorded is not."""
    def found(*steps):
        return {'misuse': {'full': [Outcome(f'step {step}\nquarry: it', 'SIGABRT') for step in steps]}}

    tables = {'found': {'misuse': {'full': ['free']}}, 'promised': {'misuse': {'full': ['free']}}}
    assert not list(differences(found('free', 'free'), tables))
    assert len(list(differences(found('alloc', 'alloc'), tables))) == 1
    assert len(list(differences(found('free', 'later'), tables))) == 2
    assert Outcome('step free\n', 'SIGSEGV').step == 'never'
    assert Outcome('step end\n', 'silent').line == 'silent'


def in_words(outcome):
    return f'never ({outcome.line})' if outcome.step == 'never' else IN_WORDS[outcome.step]


def print_table(outcomes):
    columns = [column for column in COLUMNS if column in next(iter(outcomes.values()))]
    print('| misuse | ' + ' | '.join(columns) + ' |')
    print('|---' * (len(columns) + 1) + '|')
    for misuse, row in outcomes.items():
        cells = [[in_words(outcome) for outcome in row[column]] for column in columns]
        print(f'| {misuse} | ' + ' | '.join(
            each[0] if len(set(each)) == 1 else '; '.join(f'{name} buckets: {text}' for name, text in zip(BUCKETS, each))
            for each in cells) + ' |')


def print_lines(outcomes):
    for misuse, row in outcomes.items():
        print(f'\n{misuse}\n')
        for column, each in row.items():
            for buckets, outcome in zip(BUCKETS, each):
                if outcome.step != 'never' and (buckets == BUCKETS[0] or outcome.step != each[0].step):
                    print(f'    {column:9}{buckets:7}{IN_WORDS[outcome.step]}: {outcome.line}')


def print_cells(outcomes):
    """As the file has them."""
    print('\nfound' + ' ' * 17 + ''.join(f'{column:<12}' for column in COLUMNS).rstrip())
    for misuse, row in outcomes.items():
        print(f'{misuse:<22}' + ''.join(
            f'{cell([outcome.step for outcome in each]):<12}' for each in row.values()).rstrip())


def main():
    if sys.argv[1:] == ['--self-test']:
        self_test()
        return 0
    arguments = parse_arguments()
    tables = read_tables(arguments.outcomes)
    outcomes = commit_all(arguments, tables['promised'])
    if not arguments.compare:
        print_table(outcomes)
        print_lines(outcomes)
        print_cells(outcomes)
        return 0
    different = list(differences(outcomes, tables))
    print('\n'.join(different))
    return 1 if different else 0


if __name__ == '__main__':
    sys.exit(main())
