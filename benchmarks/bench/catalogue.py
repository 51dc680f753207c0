# SPDX-License-Identifier: Apache-2.0
"""The one door to tests/programs: how commands are run there, and the real programs that run there."""
from __future__ import annotations

import sys
from pathlib import Path

SOURCE_ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE_ROOT / "tests" / "programs"))

from measure import GLIBC, Allocator, Child, Ended, quiet_environment  # noqa: E402
from programs import BENCH_PROGRAMS, BENCH_PROGRAMS_IN_FULL  # noqa: E402
from report import difference  # noqa: E402
from session import run_front_end, run_trial  # noqa: E402
from trial import Program, Scale, Trial  # noqa: E402

__all__ = ["BENCH_PROGRAMS", "BENCH_PROGRAMS_IN_FULL", "GLIBC", "SOURCE_ROOT", "Allocator", "Child",
           "Ended", "Program", "Scale", "Trial", "difference", "quiet_environment", "run_front_end",
           "run_trial"]
