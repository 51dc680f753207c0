# SPDX-License-Identifier: Apache-2.0
"""Compiles and runs the first C block of README.md, and compares what it prints with the text block
that follows it."""
import pathlib
import re
import subprocess
import sys
import tempfile

EXAMPLE = re.compile(r"```c\n(.*?)```\n.*?```text\n(.*?)```", re.DOTALL)


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    generated = sys.argv[2]
    library = pathlib.Path(sys.argv[3]).resolve()
    compiler = sys.argv[sys.argv.index("--") + 1:]
    source, expected = EXAMPLE.search((root / "README.md").read_text(encoding="utf-8")).groups()
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "example"
        subprocess.run([*compiler, "-x", "c", "-std=c11", "-Wall", "-Wextra", "-Werror",
                        f"-I{root / 'include'}", f"-I{generated}", "-", "-o", program, "-x", "none",
                        library, f"-Wl,-rpath,{library.parent}"], input=source, text=True, check=True)
        printed = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    if printed != expected:
        print(f"README.md promises:\n{expected}\nbut the example prints:\n{printed}")
    return 0 if printed == expected else 1


sys.exit(main())
