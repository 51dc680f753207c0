# SPDX-License-Identifier: Apache-2.0
"""Where a result comes from: machine, kernel, commit, versions, command. Without it, it is none."""
from __future__ import annotations

import datetime
import json
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .allocators import facts
from .catalogue import SOURCE_ROOT, Allocator

if TYPE_CHECKING:
    from .cases import Case
    from .runner import Settings

NOT_THERE = "not there"
ROUNDS_TO_JUDGE = 5
OPTIONS_TOLD = ("optimization", "b_ndebug", "b_lto", "checks", "heap_hardening", "heap_runtime_stats",
                "valgrind")

# What a result must have, by path; a list must not be empty.
REQUIRED = (
    "date", "command", "commit", "dirty",
    "machine.processor", "machine.processors", "machine.memory_bytes", "machine.architecture",
    "system.kernel", "system.distribution", "system.libc",
    "conditions.governor", "conditions.aslr", "conditions.transparent_huge_pages",
    "conditions.load_before", "conditions.load_after",
    "build.compiler", "build.options",
    "settings.scale", "settings.rounds", "settings.seed",
    "allocators",
)
REQUIRED_OF_ALLOCATOR = ("name", "path", "sha256", "package")


class Unknown(Exception):
    """Something that a result must say of itself cannot be found out."""


def missing(provenance: object) -> list[str]:
    """Return what a result's provenance lacks; nothing if it is whole."""
    lacks = [path for path in REQUIRED if absent(look_up(provenance, path))]
    entries = look_up(provenance, "allocators")
    for entry in entries if isinstance(entries, list) else []:
        lacks += [f"allocators.{key}" for key in REQUIRED_OF_ALLOCATOR if absent(look_up(entry, key))]
    return lacks


def absent(value: object) -> bool:
    """Tell whether a value says nothing. False and 0 say something."""
    return value is None or value == "" or value == [] or value == {}


def look_up(tree: object, path: str) -> object:
    """Return what lies at a path of names in nested objects, or None."""
    for name in path.split("."):
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree


def first_line(path: str, pattern: str = "(.*)") -> str:
    """Return what a pattern finds first in a file of the system."""
    try:
        found = re.search(pattern, Path(path).read_text(), re.MULTILINE)
    except OSError:
        return NOT_THERE
    return found.group(1).strip() if found else NOT_THERE


def git(*arguments: str) -> str:
    """Return what git says of the source tree."""
    run = subprocess.run(["git", "-C", str(SOURCE_ROOT), "-c", f"safe.directory={SOURCE_ROOT}", *arguments],
                         capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise Unknown(f"the commit is unknown, and a result has to name it: {run.stderr.strip()}")
    return run.stdout.strip()


def machine() -> dict[str, Any]:
    """Describe the hardware."""
    kib = first_line("/proc/meminfo", r"^MemTotal:\s+([0-9]+) kB")
    return {"processor": first_line("/proc/cpuinfo", r"^(?:model name|Model|Processor)\s*:\s*(.*)$"),
            "processors": len(os.sched_getaffinity(0)), "memory_bytes": int(kib) * 1024,
            "architecture": platform.machine(),
            "virtual": "hypervisor" in first_line("/proc/cpuinfo", r"^flags\s*:(.*)$").split()}


def system() -> dict[str, str]:
    """Describe what runs on it."""
    return {"kernel": f"{platform.release()} {platform.version()}",
            "distribution": first_line("/etc/os-release", '^PRETTY_NAME="?([^"]*)'),
            "libc": " ".join(platform.libc_ver()), "python": platform.python_version()}


def conditions() -> dict[str, Any]:
    """Describe what is left as the machine has it, and what else is going on there."""
    return {"governor": first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            "aslr": f"randomize_va_space={first_line('/proc/sys/kernel/randomize_va_space')}",
            "transparent_huge_pages": first_line("/sys/kernel/mm/transparent_hugepage/enabled", r"\[(.*)\]"),
            "load_before": list(os.getloadavg())}


def build_facts(build: Path) -> dict[str, Any]:
    """Say how the measured Quarry was built."""
    compiler = shlex.split(json.loads((build / "compile_commands.json").read_text())[0]["command"])[0]
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout
    options = {option["name"]: option["value"] for option in
               json.loads((build / "meson-info" / "intro-buildoptions.json").read_text())}
    return {"compiler": version.splitlines()[0],
            "options": {name: options[name] for name in OPTIONS_TOLD if name in options}}


def command_line(words: Sequence[str]) -> str:
    """Return what the user typed: `dev` adds --build DIRECTORY."""
    place = words.index("--build") if "--build" in words else len(words)
    return shlex.join(["./dev", "bench", *words[:place], *words[place + 2:]])


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the installed versions of the packages that the programs come from."""
    names = sorted(set(packages))
    if not names:
        return {}
    run = subprocess.run(["dpkg-query", "--show", "--showformat", "${Package} ${Version}\n", *names],
                         capture_output=True, text=True, check=False)
    return dict(line.split(" ", 1) for line in run.stdout.splitlines())


def collect(allocators: Sequence[Allocator], cases: Sequence[Case], settings: Settings,
            build: Path) -> dict[str, Any]:
    """Return the provenance of a campaign that is about to begin."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "command": command_line(sys.argv[1:]),
        "commit": git("rev-parse", "HEAD"),
        "dirty": git("status", "--porcelain") != "",
        "machine": machine(), "system": system(), "conditions": conditions(),
        "build": build_facts(build),
        "settings": {"scale": settings.scale.value, "rounds": settings.rounds, "seed": settings.seed,
                     "latency_processes": settings.latency_processes},
        "allocators": [facts(allocator) for allocator in allocators],
        "programs": versions(package for case in cases for package in case.packages),
    }


def conclude(provenance: dict[str, Any]) -> None:
    """Add what is known only after the last run."""
    provenance["conditions"]["load_after"] = list(os.getloadavg())


def describe(provenance: Mapping[str, Any]) -> list[str]:
    """Return the lines that stand above the tables."""
    machine_, system_ = provenance["machine"], provenance["system"]
    conditions_, settings = provenance["conditions"], provenance["settings"]
    build, programs = provenance["build"], provenance.get("programs", {})
    options = ", ".join(f"{name}={value}" for name, value in build["options"].items())
    loads = ["/".join(f"{load:.1f}" for load in conditions_[name]) for name in ("load_before", "load_after")]
    return [
        f"{provenance['command']}, {provenance['date']}",
        f"Quarry {provenance['commit'][:12]}{' and changes that are not committed' if provenance['dirty'] else ''}"
        f", {build['compiler']}, {options}",
        f"{machine_['processor']}, {machine_['processors']} processors, "
        f"{machine_['memory_bytes'] / 2**30:.1f} GiB{', a virtual machine' if machine_.get('virtual') else ''}",
        f"{system_['distribution']}, Linux {system_['kernel'].split()[0]}, {system_['libc']}",
        f"governor {conditions_['governor']}, {conditions_['aslr']}, transparent huge pages "
        f"{conditions_['transparent_huge_pages']}, load {loads[0]} before, {loads[1]} after",
        f"scale {settings['scale']}, {settings['rounds']} rounds, seed {settings['seed']}",
        *([f"Fewer than {ROUNDS_TO_JUDGE} rounds: intervals and ties say little."]
          if settings["rounds"] < ROUNDS_TO_JUDGE else []),
        *(f"{entry['name']}: {', '.join(filter(None, [entry.get('variables'), entry['path'], entry['package']]))}"
          f", sha256 {entry['sha256'][:12]}"
          for entry in provenance["allocators"]),
        *([f"programs: {', '.join(map(' '.join, programs.items()))}"] if programs else []),
    ]
