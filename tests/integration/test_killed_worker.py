"""procscope is killed with SIGKILL at random moments of its dumps: the target must not notice.

The target (tests/targets/witness.c) keeps a checksum, a timer, numbered signals, a heartbeat and blocked system calls, and
tells at its end what it noticed.
"""
import contextlib
import json
import os
import pathlib
import random
import subprocess
import time

import pytest

from conftest import is_busy, is_held, read_line, wait_until, worker_of
from test_dump_readers import run

KILLS = 500


def is_held_by(pid, holder):
    """A tracer, of it or of its clone, is a thread of the worker."""
    with contextlib.suppress(FileNotFoundError):
        return str(worker_of(pid)) in os.listdir(f"/proc/{holder}/task")
    return False


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def wait_let_go(process, before):
    """Neither held nor stopped, and without keeper or clone."""
    wait_until(lambda: not is_held(process.pid) and not states(process.pid) & {"T", "t"} and threads(process.pid) == before,
               "being let go")


def states(pid):
    found = set()
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError):
            found.add(pathlib.Path(f"/proc/{pid}/task/{task}/stat").read_text().rsplit(")", 1)[1].split()[0])
    return found


def seen(pid):
    """What a dump may not change."""
    return threads(pid), os.listdir(f"/proc/{pid}/fd"), pathlib.Path(f"/proc/{pid}/maps").read_text()


def report_of(process):
    process.terminate()
    report = json.loads(read_line(process))
    assert process.wait() == 0
    return report


def check(report):
    assert report["checksum_errors"] == 0 and report["checksum_rounds"] > 0
    assert report["signals_handled"] == report["signals_sent"] > 0
    assert report["signals_out_of_order"] == 0
    assert report["children_noticed"] == 0
    # every interval of 2 ms is a tick or is counted as overrun; one may be under way at each end
    assert abs(report["timer_ticks"] + report["timer_overruns"] - report["elapsed_ms"] / 2) <= 5


def test_whole_dumps_leave_no_trace(procscope, target):
    """Dumps that end well: not one EINTR either."""
    process = target("witness")
    before = seen(process.pid)
    for number in range(40):
        run(procscope, "dump", process.pid, "--type", number % 2 * 2, "-q", "-o", "-")
    wait_until(lambda: before == seen(process.pid), "no trace")  # who kept the last clone may still be on its way out
    report = report_of(process)
    check(report)
    assert set(report["interrupted"].values()) == {0}, report


def test_command_killed(procscope, target):
    process = target("witness")
    before = threads(process.pid)
    random.seed(11)
    span = [0.02, 0.02]  # of the moments, for each type: follows what a dump takes on this machine just now
    killed = 0
    for number in range(KILLS):
        dumping = subprocess.Popen([procscope, "dump", str(process.pid), "--type", str(number % 2 * 2), "-o", "-"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, span[number % 2]))
        in_time = dumping.poll() is None
        killed += in_time
        span[number % 2] *= 1.05 if in_time else 0.85
        dumping.kill()
        dumping.wait()
        assert process.poll() is None
    assert killed > KILLS / 2
    wait_let_go(process, before)
    check(report_of(process))


@pytest.mark.parametrize("others", [(), (40,)], ids=["few", "many"])  # of many, two of ours look at them
def test_command_killed_that_takes_stacks(procscope, target, others):
    process = target("witness", *others)
    before = threads(process.pid)
    random.seed(17)
    span, killed = 0.02, 0
    for number in range(100):
        looking = subprocess.Popen([procscope, "stack", str(process.pid), *["--group"] * (number % 2)], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, span))
        in_time = looking.poll() is None
        killed += in_time
        span *= 1.05 if in_time else 0.85
        looking.kill()
        looking.wait()
        assert process.poll() is None
    assert killed > 50
    wait_let_go(process, before)
    check(report_of(process))


def test_command_killed_that_samples_by_holding(procscope, target, tmp_path):
    """At random moments, and in every other run once it is seen to hold."""
    process = target("witness")
    before = threads(process.pid)
    random.seed(19)
    killed = 0
    for number in range(100):
        sampling = subprocess.Popen([procscope, "profile", str(process.pid), "--mode", "wall", "--seconds", "600", "--frequency", "50",
                                     "-o", tmp_path / f"{number}.pb.gz"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, 0.1))
        end = time.monotonic() + 1
        while number % 2 and not is_held(process.pid) and time.monotonic() < end:
            pass  # a hold takes less than a millisecond
        killed += sampling.poll() is None
        sampling.kill()
        sampling.wait()
        assert process.poll() is None
    assert killed > 50
    wait_let_go(process, before)
    check(report_of(process))


def test_worker_of_the_service_killed(service, target):
    """That one request is cut or is a 500, the next is good."""
    process = target("witness")
    before = threads(process.pid)
    random.seed(13)
    outcomes = set()
    for number in range(60):
        with contextlib.closing(service.connection()) as connection:
            connection.request("GET", f"/api/processes/{process.pid}/dump?dumpType=2")
            time.sleep(random.uniform(0, 0.015))
            children = pathlib.Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()
            workers = [int(child) for child in children if is_held_by(process.pid, child)]
            for worker in workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, 9)
            try:
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 504 or not is_busy(body):
                    outcomes.add(answer.status)
            except Exception as cut:
                assert type(cut).__name__ == "IncompleteRead", cut
                outcomes.add("cut")
        assert service.get("/healthz").status == 200
    assert outcomes <= {200, 500, "cut"} and outcomes & {500, "cut"}, outcomes
    assert service.get(f"/api/processes/{process.pid}/dump").status == 200
    wait_let_go(process, before)
    check(report_of(process))
