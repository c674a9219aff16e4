"""What a target noticed of 20 dumps, by its own record: of both types and both forms, with few threads and with 500.

`pytest -s` shows it as a table, for each mode.
"""
import json
import random
import subprocess
import time

import pytest

from conftest import MODES, is_busy, read_line
from test_dump_readers import run
from test_killed_worker import check, report_of

DUMPS = 20
WAITS_MS = 2000, 4000, 8000, 16000  # the next where a machine is too busy for the dumps in the one before


def dump_all(procscope, process, mode, within=None):
    """20 dumps, spread over that many seconds where told. False: its end came before the last of them."""
    began = time.monotonic()
    for number in range(DUMPS):
        command = [procscope, "dump", process.pid, "--type", number % 2 * 2, "--format", ("raw", "core")[number // 2 % 2], "--quiet",
                   "--output", "-", *MODES[mode]]
        while (done := run(*command, check=not within)).returncode != 0:
            if not is_busy(done.stderr):
                assert process.wait() == 0, done.stderr
                return False
        if within:
            time.sleep(max(0.0, began + within * (number + 1) / DUMPS - time.monotonic()))
    return True


def show(title, rows):
    print(f"\n{title}")
    for row in rows:
        print("   " + " ".join(f"{cell:>{width}}" if at else f"{cell:{width}}" for at, (cell, width) in
                               enumerate(zip(row, (26, 8, 14)))))


@pytest.mark.parametrize("others", [8, 500])
@pytest.mark.parametrize("mode", MODES)
def test_signals_timers_and_calls_without_a_timeout(procscope, target, mode, others):
    process = target("witness", others)
    dump_all(procscope, process, mode)
    report = report_of(process)
    show(f"witness, {others} more threads, {mode}, {DUMPS} dumps", [
        *((key, report[key]) for key in ("elapsed_ms", "largest_gap_us", "cpu_ms", "signals_sent", "signals_handled",
                                         "signals_out_of_order", "children_noticed")),
        *((f"{call}: EINTR", count) for call, count in report["interrupted"].items())])
    check(report)
    assert set(report["interrupted"].values()) == {0}


@pytest.mark.parametrize("mode", MODES)
def test_every_call_that_waits(procscope, target, mode):
    process = target("calls")
    dump_all(procscope, process, mode)
    process.terminate()
    text, _ = process.communicate(timeout=60)
    record = [line.rpartition(b" ")[::2] for line in text.splitlines()]
    show(f"calls, {mode}, {DUMPS} dumps", [("EINTR in", ""), *((name.decode(), int(count)) for name, count in record)])
    assert len(record) > 30
    # this one has bytes in between: nobody but the kernel could make the call again
    assert {name for name, count in record if int(count)} <= {b"splice"}, record


IN_REGISTERS = "epoll_wait", "epoll_pwait"
IN_THE_KERNEL = "nanosleep", "clock_nanosleep", "poll", "futex", "pthread_cond_clockwait", "mq_timedreceive"


def calls_under_dumps(procscope, target, mode, others):
    """What each call with a timeout says of 20 dumps, as how many us it was late. None is interrupted or comes back
    early."""
    for wait in WAITS_MS:
        process = target("timeouts", wait, others)
        if dump_all(procscope, process, mode, within=wait * 0.95 / 1000):
            break
    else:
        raise AssertionError(f"no time for {DUMPS} dumps")
    report = json.loads(read_line(process))
    assert process.wait() == 0
    calls = report["calls"]
    show(f"timeouts of {wait} ms, {others} more threads, {mode}, {DUMPS} dumps; CPU {report['cpu_us'] / 1000:.0f} ms",
         [("", "EINTR", "ms late"), *((name, count, f"{late / 1000:.1f}") for name, (count, late) in calls.items())])
    assert all(count == 0 for count, _ in calls.values()), calls
    assert all(late >= 0 for _, late in calls.values()), calls
    assert report["children"] == 0
    return {name: late for name, (_, late) in calls.items()}


@pytest.mark.parametrize("others", [0, 500])
@pytest.mark.parametrize("mode", MODES)
def test_calls_with_a_timeout(procscope, target, mode, others):
    """Those whose timeout the kernel keeps, or that is in a register, come back in time; for the rest it starts afresh
    with every dump, which is what `in time` is held against. One in a register is left alone where the dump got no
    processor for a moment, and then that run's is late: one run in time shows that it is shortened."""
    for _ in range(3):
        late = calls_under_dumps(procscope, target, mode, others)
        in_time = late["epoll_pwait2"] / 2
        assert all(late[name] < in_time for name in IN_THE_KERNEL if name in late), late
        if all(late[name] < in_time for name in IN_REGISTERS if name in late):
            return
    raise AssertionError(f"in three runs: {late}")


@pytest.mark.parametrize("mode", MODES)
def test_no_wait_takes_over_what_the_one_before_had_waited(procscope, target, mode):
    """With 500 threads to look at, many wait anew between the look at them and their stop."""
    process = target("wakeful", 500)
    for _ in range(4):
        dump_all(procscope, process, mode)
    report = report_of(process)
    assert report["waits"] > 4 * DUMPS and report["early"] == report["interrupted"] == 0, report


def kill_until(procscope, process, end):
    """How many of us were killed in time."""
    killed = 0
    while time.monotonic() < end:
        dumping = subprocess.Popen([procscope, "dump", str(process.pid), "--quiet", "--output", "-"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, 0.03))
        killed += dumping.poll() is None
        dumping.kill()
        dumping.wait()
    calls = json.loads(read_line(process))["calls"]
    assert all(late >= 0 for _, late in calls.values()), calls
    return killed


def test_our_death_makes_no_wait_early(procscope, target):
    """Killed at random moments: what was taken from a timeout by then is what was waited."""
    random.seed(17)
    killed = 0
    for wait in WAITS_MS:
        killed += kill_until(procscope, target("timeouts", wait, 100), time.monotonic() + wait * 0.9 / 1000)
        if killed > 10:
            return
    raise AssertionError(f"{killed} killed")
