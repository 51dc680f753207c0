# SPDX-License-Identifier: Apache-2.0
"""Runs a workload small, and compares what it finds: check_workloads.py LIST PROGRAM PRELOAD FAULTY.

Every case of the program in LIST runs on the system's malloc and on PRELOAD: both end well, say the
same about the work, and the same again when they run once more. Then the program runs on FAULTY, a
malloc that is wrong in ways that the program must notice.
"""
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

SECONDS = 120
MEASURES = {"time", "rss", "decay", "latency"}
KEYS = ["workload", "parameters", "operations", "check", "metrics"]
WITH_SAMPLES = {"consumer_only", "phase_change", "idle_decay"}
WITHOUT_RANDOM = {"false_sharing"}
HEADER = struct.Struct("=8sIIQII")
RECORD = struct.Struct("=QIBBH")
# What each program notices, with the arguments for it. A number that is handed out twice can make
# `factor` run for ever, and only time shows to `false_sharing` what is wrong but for these.
LOST = "has lost its contents"
FAULTS = {
    "null": "no block of [0-9]+ bytes",
    "misaligned": "is misaligned",
    "overlap": LOST,
    "dirty": "is not zero at",
    "forget": LOST,
}
ALWAYS = ["null", "misaligned", "overlap"]
NOTICED = {
    "factor": ["null", "misaligned"],
    "false_sharing": ["null"],
    "growing_vectors": ["forget"],
    "latency": ALWAYS + ["forget"],
    "zeroed_arrays": ["dirty"],
}
ARGUMENTS = {
    "false_sharing": ["--bytes", "16"],
    "latency": ["--pattern", "growth"],
}
ARGUMENTS_OF_FAULT = {("latency", fault): ["--pattern", "small"] for fault in ALWAYS}


def run(program: str, arguments: list[str], preload: str = "", **variables: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    environment.update(variables)
    if preload:
        environment["LD_PRELOAD"] = preload
    return subprocess.run([program, *arguments], env=environment, capture_output=True, text=True,
                          timeout=SECONDS, check=False)


def require(condition: bool, what: str) -> None:
    if not condition:
        sys.exit(what)


def result_of(program: str, arguments: list[str], preload: str) -> dict:
    ended = run(program, arguments, preload)
    where = f"{program} {' '.join(arguments)} on {preload or 'the system'}"
    require(ended.returncode == 0 and ended.stderr == "",
            f"{where}: ended with {ended.returncode}: {ended.stderr}")
    result = json.loads(ended.stdout.splitlines()[-1])
    name = pathlib.Path(program).name
    keys = KEYS + (["rss_samples"] if name in WITH_SAMPLES else [])
    require(list(result) == keys, f"{where}: the result has {list(result)}")
    require(result["workload"] == name and result["operations"] > 0, f"{where}: {result}")
    require(re.fullmatch("[0-9a-f]{16}", result["check"]) is not None, f"{where}: {result['check']}")
    require(len(result.get("rss_samples", [])) <= 400, f"{where}: too many samples")
    return {key: result[key] for key in ("parameters", "operations", "check")}


def times_file(path: str) -> list[tuple]:
    """The calls that a file of times is about, without the times."""
    data = pathlib.Path(path).read_bytes()
    magic, version, record_bytes, records, _, _ = HEADER.unpack_from(data)
    require((magic, version, record_bytes) == (b"qlatency", 1, RECORD.size), f"header {magic}")
    require(len(data) == HEADER.size + records * RECORD.size, "the file has not its records")
    calls = [record[1:] for record in RECORD.iter_unpack(data[HEADER.size:])]
    require({call[1] for call in calls} <= {1, 2, 3} and {call[2] for call in calls} <= {0, 1, 2},
            "calls or phases that there are not")
    return calls


def compare(case: dict, program: str, preload: str) -> None:
    arguments = case["arguments"] + case["test"]
    with tempfile.TemporaryDirectory() as folder:
        times = f"{folder}/times"
        if case["measures"] == "latency":
            arguments = arguments + ["--output", times]
        found = []
        for library in ("", preload, preload):
            found.append(result_of(program, arguments, library))
            if case["measures"] == "latency":
                found[-1]["calls"] = times_file(times)
                require(len(found[-1]["calls"]) == found[-1]["operations"], "records are missing")
    require(all(one == found[0] for one in found), f"{case['name']}: the work differs: {found}")


def vary(case: dict, program: str) -> None:
    """Another seed is other work: the check is about what was done."""
    arguments = case["arguments"] + case["test"]
    checks = {result_of(program, arguments + ["--seed", seed], "")["check"] for seed in "123"}
    require(len(checks) == 3, f"{case['name']}: the check does not depend on the seed")


def provoke(program: str, name: str, arguments: list[str], faulty: str) -> None:
    for fault in NOTICED.get(name, ALWAYS):
        arguments_now = arguments + ARGUMENTS_OF_FAULT.get((name, fault), ARGUMENTS.get(name, []))
        ended = run(program, arguments_now, faulty, FAULTY_MALLOC=fault)
        lines = ended.stderr.splitlines()
        require(ended.returncode == 1 and len(lines) == 1 and
                re.search(FAULTS[fault], lines[0]) is not None,
                f"{name} with {fault}: ended with {ended.returncode}: {ended.stderr}")


def refuse(program: str) -> None:
    for arguments in (["--scale", "0"], ["--threads", "0"], ["--seed", "x"], ["--no-such"], ["word"]):
        ended = run(program, arguments)
        require(ended.returncode == 2 and ended.stdout == "", f"{arguments} is not refused")
    require("--scale" in run(program, ["--help"]).stdout, "--help does not help")


def main() -> int:
    cases = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))["cases"]
    program, preload, faulty = sys.argv[2:5]
    name = pathlib.Path(program).name
    own = [case for case in cases if case["program"] == name]
    require(len({case["name"] for case in cases}) == len(cases), "two cases have one name")
    require(all(case["measures"] in MEASURES for case in cases), "what is measured is not known")
    require(bool(own), f"{name} is not in the list")
    for case in own:
        compare(case, program, preload)
    if name not in WITHOUT_RANDOM:
        vary(own[0], program)
    refuse(program)
    provoke(program, name, own[0]["arguments"] + own[0]["test"], faulty)
    print(f"{len(own)} cases")
    return 0


sys.exit(main())
