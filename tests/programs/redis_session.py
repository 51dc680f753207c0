# SPDX-License-Identifier: Apache-2.0
"""Drive a redis-server that runs under the measured allocator; its clients run under the system's.

redis-benchmark chooses random keys, so what it leaves in the data base is not compared, only that the
server executed every request without a failed one. The session that follows on the emptied data base
is deterministic, and all its replies are compared, the server's own digest of all data among them.
"""
from __future__ import annotations

import re
import shutil
import socket
import time
from pathlib import Path

from measure import Child
from trial import CommandFailed, Scale, Trial

WORKLOADS = Path(__file__).parent / "workloads"
REQUESTS = {Scale.QUICK: 16_000, Scale.FULL: 96_000}
CLIENTS = 50
PIPELINE = 16
RANDOM_KEYS = 50_000
VALUE_BYTES = 200
BENCHMARKS = "set,get,incr,lpush,rpush,lpop,sadd,hset,zadd,mset"
START_TIMEOUT_SECONDS = 20
SAVE_TIMEOUT_SECONDS = 60
POLL_SECONDS = 0.05


def server_binary(trial: Trial) -> Path:
    """Return redis-server. Debian's redis-tools holds it too, under the name of its checking mode."""
    installed = shutil.which("redis-server")
    if installed:
        return Path(installed)
    link = trial.work / "redis-server"
    link.symlink_to("/usr/bin/redis-check-rdb")
    return link


def wait_until_ready(path: Path, server: Child) -> None:
    """Wait until the server accepts connections."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and server.running():
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(path))
                return
        except OSError:
            time.sleep(POLL_SECONDS)
    raise CommandFailed("redis-server did not come up")


def info(trial: Trial, path: Path, section: str) -> dict[str, str]:
    """Return a section of the server's INFO."""
    text = trial.client(["redis-cli", "-s", path, "INFO", section], compare_output=False)
    return dict(line.strip().split(":", 1) for line in text.splitlines() if ":" in line)


def see_executed_commands(trial: Trial, path: Path) -> None:
    """Keep how often each benchmarked command ran and failed, without its times."""
    lines = [f"{name} {' '.join(re.findall(r'(?:calls|failed_calls|rejected_calls)=[0-9]+', figures))}"
             for name, figures in info(trial, path, "commandstats").items()
             if name.removeprefix("cmdstat_") in BENCHMARKS.split(",")]
    trial.see("commands executed by redis-server", "\n".join(sorted(lines)))


def see_background_save(trial: Trial, path: Path) -> None:
    """Let the server fork and save itself; keep whether that went well."""
    trial.client(["redis-cli", "-s", path, "BGSAVE"])
    deadline = time.monotonic() + SAVE_TIMEOUT_SECONDS
    while (state := info(trial, path, "persistence"))["rdb_bgsave_in_progress"] != "0":
        if time.monotonic() > deadline:
            raise CommandFailed("redis-server did not finish its background save")
        time.sleep(POLL_SECONDS)
    trial.see("background save", state["rdb_last_bgsave_status"])


def run_redis(trial: Trial) -> None:
    """Benchmark a server, hold a deterministic session with it, save in the background, stop it."""
    path = trial.work / "socket"
    client: list[str | Path] = ["redis-cli", "-s", path]
    with trial.server([server_binary(trial), "--port", "0", "--unixsocket", path, "--save", "",
                       "--appendonly", "no", "--daemonize", "no", "--dir", trial.work,
                       "--enable-debug-command", "local"]) as server:
        wait_until_ready(path, server)
        trial.client(["redis-benchmark", "-s", path, "-n", str(REQUESTS[trial.scale]),
                      "-c", str(CLIENTS), "-P", str(PIPELINE), "-r", str(RANDOM_KEYS),
                      "-d", str(VALUE_BYTES), "-t", BENCHMARKS, "--csv"], compare_output=False)
        see_executed_commands(trial, path)
        trial.client([*client, "FLUSHALL"])
        trial.client(client, stdin=WORKLOADS / "session.redis")
        trial.see("keys", str(info(trial, path, "keyspace").get("db0", "")).split(",", 1)[0])
        see_background_save(trial, path)
        trial.client([*client, "SHUTDOWN", "NOSAVE"])
