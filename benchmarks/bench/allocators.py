# SPDX-License-Identifier: Apache-2.0
"""The allocators that are compared: where each one is, which version, and that it really loads.

An allocator is put under a program with LD_PRELOAD, glibc's too: that puts its malloc first in a
program which is linked to another one. The dynamic linker goes on without a library that it cannot
preload, so each is first tried under a program that shows what is mapped.
"""
from __future__ import annotations

import hashlib
import subprocess
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .catalogue import GLIBC, Allocator, quiet_environment

QUARRY = "quarry"
AGAIN = "-again"
# Where a build has each of Quarry's own.
OWN = {QUARRY: "preload/libquarry-malloc.so",
       "quarry-hardened": "preload/libquarry-malloc-hardened.so"}
# Quarry as it is not usually run: under which name, and with which options.
QUARRY_WITH = {
    "quarry-heap": "frontend=heap",
    "quarry-rt": "rt=1,reserve=2g",
}


@dataclass(frozen=True)
class Peer:
    """An allocator that Debian has."""

    library: str
    package: str


PEERS = {
    GLIBC.name: Peer("libc.so.6", "libc6"),
    "mimalloc": Peer("libmimalloc.so.2.0", "libmimalloc2.0"),
    "jemalloc": Peer("libjemalloc.so.2", "libjemalloc2"),
    "tcmalloc": Peer("libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"),
}
DEFAULT = (GLIBC.name, QUARRY, "mimalloc", "jemalloc", "tcmalloc")
KNOWN = (*DEFAULT, *QUARRY_WITH)


class NotUsable(Exception):
    """An allocator is not there or does not load; the text says why."""


def named(name: str, build: Path) -> Allocator:
    """Return the allocator that a word of --allocators means: a known name, or NAME=PATH."""
    known, _, path = name.partition("=")
    if path:
        return at(known, Path(path).resolve())
    if known in OWN:
        return at(known, build.resolve() / OWN[known])
    if known in QUARRY_WITH:
        usual = at(known, build.resolve() / OWN[QUARRY])
        return replace(usual, variables={"QUARRY_OPTIONS": QUARRY_WITH[known]})
    if known not in PEERS:
        raise NotUsable(f"no allocator is known as {known}: {', '.join(KNOWN)}, or NAME=PATH")
    multiarch = sysconfig.get_config_var("MULTIARCH") or ""
    return at(known, Path("/usr/lib") / multiarch / PEERS[known].library,
              f"Debian has it in {PEERS[known].package}")


def at(name: str, path: Path, hint: str = "") -> Allocator:
    """Return the allocator whose library is at a path."""
    if not name or not path.is_file():
        raise NotUsable(f"{name}: there is no {path} {hint}".rstrip())
    return Allocator(name=name, preload=str(path), counts_calls=False)


def chosen(names: Sequence[str], build: Path) -> list[Allocator]:
    """Return the named allocators, each tried; no name may come twice."""
    allocators = [named(name, build) for name in names]
    seen = [allocator.name for allocator in allocators]
    if twice := {name for name in seen if seen.count(name) > 1}:
        raise NotUsable(f"named twice: {', '.join(sorted(twice))}")
    for allocator in allocators:
        try_to_load(allocator)
    return allocators


def twice(allocator: Allocator) -> list[Allocator]:
    """Return the same allocator as two entries, for an A/A run."""
    return [allocator, replace(allocator, name=allocator.name + AGAIN)]


def try_to_load(allocator: Allocator) -> None:
    """Start a program under the allocator and look whether the library is in it."""
    run = subprocess.run(["cat", "/proc/self/maps"], capture_output=True, text=True, check=False,
                         env={**quiet_environment(Path("/")), **allocator.environment(Path("/"))})
    path = str(Path(allocator.preload).resolve())
    if run.returncode != 0 or run.stderr or path not in run.stdout:
        raise NotUsable(f"{allocator.name}: {path} does not load: {run.stderr.strip()}")


def facts(allocator: Allocator) -> dict[str, str]:
    """Return what identifies an allocator: path, hash, the package version if it is of one, its options."""
    path = Path(allocator.preload).resolve()
    return {"name": allocator.name, "path": str(path),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "package": package_of(path),
            "variables": " ".join(f"{name}={value}" for name, value in allocator.variables.items())}


def package_of(path: Path) -> str:
    """Return the package and version that a file belongs to, or "none"."""
    for candidate in (path, Path("/") / path.relative_to("/usr") if path.is_relative_to("/usr") else path):
        owner = subprocess.run(["dpkg-query", "--search", candidate], capture_output=True, text=True,
                               check=False).stdout.split(": ")[0].strip()
        if owner:
            return subprocess.run(["dpkg-query", "--show", owner], capture_output=True, text=True,
                                  check=True).stdout.strip().replace("\t", " ")
    return "none"
