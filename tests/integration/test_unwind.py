"""The frames of every thread as we unwind them from what was captured: gdb finds the same in the stopped process.

The programs are those of test_core_backtraces.py. What is compiled ahead of time is the same to the last frame. In code that a
runtime has made gdb soon loses its way; there we go on by frame pointers, to where each thread began.
"""
import os

import pytest

from conftest import BUILD
from test_core_backtraces import LANGUAGES, build, gdb_frames, start, threads_by_name  # noqa: F401 (fixtures)
from test_core_readers import stopped
from test_dump_readers import needs, run, tasks

pytestmark = needs("gdb")
COMPILED = {"c", "c++", "rust", "go", "python"}
OUTERMOST = 0
BY_CFI = 1


def our_frames(pid):
    """Thread -> why there are no more frames, and [[pc, how it was found], ...] of those that stand on the stack."""
    found, frames = {}, None
    for line in run(BUILD / "tests" / "unwind" / "stacks_pid", pid).stdout.decode(errors="replace").splitlines():
        if not line.startswith("  "):
            thread, end = map(int, line.split())
            frames = []
            found[thread] = end, frames
            continue
        address, inlined, by, _ = line.split(maxsplit=3)
        if inlined == "0":
            frames.append([int(address, 16), int(by)])
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_gdb_finds_the_same_frames(start, tmp_path, monkeypatch, language):  # noqa: F811
    monkeypatch.setenv("ONLY_REAL", "1")
    process, names = start(language)
    stopped(process.pid)
    ours = our_frames(process.pid)
    live = gdb_frames(tmp_path / "live.json", "-ex", "set backtrace past-main on", "-ex", "set backtrace past-entry on",
                      "-p", process.pid)

    assert set(ours) == set(live) == tasks(process.pid)
    known = set()
    for name, threads in threads_by_name(process.pid, live, names).items():
        assert len(threads) == names[name]
        known |= threads
    for thread, (end, frames) in ours.items():
        mine, theirs = [pc for pc, _ in frames], [pc for pc, _, _ in live[thread] if pc != 0]
        if language in COMPILED:
            assert mine == theirs, thread
            # the stack that Go's scheduler works on isn't always marked where it begins
            assert end == OUTERMOST or language == "go", (thread, frames)
        elif thread in known:
            assert len(os.path.commonprefix([mine, theirs])) >= 3, (thread, mine, theirs)
            assert end == OUTERMOST and frames[-1][1] == BY_CFI, (thread, frames)
    # a runtime's own threads may have been stopped anywhere, in the middle of code that nothing is known of, too
    assert sum(end == OUTERMOST for end, _ in ours.values()) > len(ours) / 2
