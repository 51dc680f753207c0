# SPDX-License-Identifier: Apache-2.0
"""Runs a command, and compares what it prints with the text in a file: compare.py FILE -- COMMAND..."""
import pathlib
import subprocess
import sys


def main() -> int:
    expected = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
    command = sys.argv[sys.argv.index("--") + 1:]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode != 0:
        print(f"exit code {run.returncode}")
    if run.stdout != expected:
        print(f"expected:\n{expected}\nbut it prints:\n{run.stdout}")
    return 0 if run.returncode == 0 and run.stdout == expected else 1


sys.exit(main())
