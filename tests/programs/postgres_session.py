# SPDX-License-Identifier: Apache-2.0
"""Drive a PostgreSQL server that runs under the measured allocator; pgbench runs under the system's.

The transactions are drawn from a seed, client by client, so that the sums of all balances at the end
do not depend on who was faster. They and the counts are compared.
"""
from __future__ import annotations

import os
import time
from pathlib import Path

from measure import Child
from trial import CommandFailed, Scale, Trial

INSTALLED = Path("/usr/lib/postgresql")
USER = "postgres"
CLIENTS = 8
CLIENT_THREADS = 2
TRANSACTIONS = {Scale.QUICK: 100, Scale.FULL: 1000}
SEED = 20240229
START_TIMEOUT_SECONDS = 30
POLL_SECONDS = 0.05
SUMS = """
SELECT count(*), sum(abalance) FROM pgbench_accounts;
SELECT count(*), sum(tbalance) FROM pgbench_tellers;
SELECT count(*), sum(bbalance) FROM pgbench_branches;
SELECT count(*), sum(delta), sum(aid::bigint * tid) FROM pgbench_history;
"""


def not_as_root() -> list[str]:
    """Return what starts a command as somebody else: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]


def servers() -> list[Path]:
    """Return the installed servers, the newest last."""
    return sorted(INSTALLED.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))


def is_installed() -> bool:
    """Tell whether there is a server to run."""
    return bool(servers())


def wait_until_ready(trial: Trial, tools: Path, server: Child) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and server.running():
        try:
            trial.client([tools / "pg_isready", "-q", "-h", trial.work], compare_output=False)
            return
        except CommandFailed:
            time.sleep(POLL_SECONDS)
    raise CommandFailed("the PostgreSQL server did not come up")


def run_postgres(trial: Trial) -> None:
    """Make a cluster, fill it, let clients run pgbench's transactions, stop the server."""
    tools, data = servers()[-1].parent, trial.work / "data"
    trial.run([*not_as_root(), tools / "initdb", "-D", data, "-U", USER, "--auth=trust", "--no-sync",
               "--locale=C", "--encoding=UTF8", "--no-instructions"], compare_output=False)
    clients: list[str | Path] = ["-h", trial.work, "-U", USER]
    with trial.server([*not_as_root(), tools / "postgres", "-D", data, "-k", trial.work,
                       "-c", "listen_addresses=", "-c", "fsync=off",
                       "-c", "autovacuum=off"]) as server:
        wait_until_ready(trial, tools, server)
        trial.client([tools / "pgbench", *clients, "-i", "-q", USER], compare_output=False)
        trial.client([tools / "pgbench", *clients, "-n", "-c", str(CLIENTS), "-j", str(CLIENT_THREADS),
                      "-t", str(TRANSACTIONS[trial.scale]), f"--random-seed={SEED}", USER],
                     compare_output=False)
        trial.see("sums", trial.client([tools / "psql", *clients, "-At", "-c", SUMS, USER]))
        trial.client([*not_as_root(), tools / "pg_ctl", "-D", data, "-m", "fast", "stop"],
                     compare_output=False)
