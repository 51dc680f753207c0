# SPDX-License-Identifier: Apache-2.0
"""Fails on a link in a Markdown file that leads to no file, or to no heading.

links.py ROOT looks at all Markdown files below ROOT; links.py --self-test sees that such links are found.
"""
from __future__ import annotations

import pathlib
import re
import sys
import tempfile

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+\s+(.*?)\s*$", re.MULTILINE)
EXAMPLE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
ELSEWHERE = ("http://", "https://", "mailto:")


def words(file: pathlib.Path) -> str:
    """A file's text without its examples."""
    return EXAMPLE.sub("", file.read_text(encoding="utf-8"))


def anchors(file: pathlib.Path) -> set[str]:
    """Names that headings are linked by: lower case, hyphens for spaces, other signs left out."""
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(words(file)))
    return {heading.replace(" ", "-") for heading in kept}


def dead_links(file: pathlib.Path) -> list[str]:
    """The links of a file that lead nowhere."""
    dead = []
    for link in LINK.findall(words(file)):
        if link.startswith(ELSEWHERE):
            continue
        path, _, anchor = link.partition("#")
        target = file.parent / path if path else file
        if not target.exists() or anchor and anchor not in anchors(target):
            dead.append(link)
    return dead


def markdown_files(root: pathlib.Path) -> list[pathlib.Path]:
    """Those of the tree, but for hidden folders."""
    return [file for file in sorted(root.rglob("*.md"))
            if not any(part.startswith(".") for part in file.relative_to(root).parts)]


def self_test() -> None:
    """Fails unless what is wrong is found, and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "a.md"
        file.write_text("# One, `two`\n[a](a.md) [b](#one-two) [c](https://c) [d](d.md) [e](a.md#e)\n"
                        "```\n[f](f.md)\n```\n", encoding="utf-8")
        if dead_links(file) != ["d.md", "a.md#e"]:
            sys.exit(f"links.py does not tell dead links: {dead_links(file)}")


def main(root: pathlib.Path) -> None:
    """Complains of each dead link."""
    files = markdown_files(root)
    dead = [f"{file.relative_to(root)}: {link}" for file in files for link in dead_links(file)]
    print(f"{len(files)} files")
    for line in dead:
        print(f"dead link: {line}")
    sys.exit(1 if dead or not files else 0)


if __name__ == "__main__":
    if sys.argv[1] == "--self-test":
        self_test()
    else:
        main(pathlib.Path(sys.argv[1]))
