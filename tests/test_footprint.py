"""How much memory a process and those that belong to it take."""

import subprocess
import sys

from scheduler_core.footprint import resident_bytes

# A child that holds this many bytes in RAM until its input ends.
HELD = 64 * 2**20
HOLDER = f"held = b'x' * {HELD}; print(flush=True); input()"


def test_the_processes_that_belong_to_one_count_until_they_are_gone() -> None:
    alone = resident_bytes()
    assert alone is not None
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        together = resident_bytes([child.pid])
        assert together is not None
        assert together - alone > HELD
        child.communicate("\n")
    after = resident_bytes([child.pid])
    assert after is not None
    assert after < together - HELD / 2
