"""The parts of bench/run for stacks and profiles."""
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from measure import PROCSCOPE, Held, get, median, row, service, target, timed


def stacks():
    """All stacks of 500 threads: how long it takes, and how long the target is held for it."""
    with target(64, 500) as process, tempfile.TemporaryDirectory() as folder:
        ours, theirs = [], []
        for _ in range(7):
            ours.append(timed(f"{PROCSCOPE} stack {process.pid}")[0] * 1000)
            theirs.append(timed(f"eu-stack -p {process.pid}")[0] * 1000)
        row("stacks of 500 threads, 64 MiB: time", f"{median(ours):.1f} ms", f"eu-stack {median(theirs):.0f} ms",
            f"{median(ours) / median(theirs):.3f}", "at most 0.500")
        measured = Held(process, folder)
        quiet = measured.by_nobody()
        held = measured.by(9, PROCSCOPE, "stack", process.pid)
        gdb = measured.by(3, "gdb", "-nx", "-batch", "-ex", "thread apply all bt", "-p", process.pid)
        row("  held", f"{held:.2f} ms", f"gdb {gdb:.0f} ms", f"{held / gdb:.4f}", "at most 0.1000")
        row("  the same; with nobody asking", f"{held:.2f} ms", f"{quiet:.2f} ms", f"{held / 8:.2f}", "at most 1.00 of 8 ms")
        second_call(process, "500 threads")
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    try:
        time.sleep(0.5)
        second_call(sleeper, "one thread of Python")
    finally:
        sleeper.kill()
        sleeper.wait()


def second_call(process, what):
    calls = [in_a_row(f"/api/processes/{process.pid}/stacks?format=text") for _ in range(9)]
    first, second = (median([call[i] for call in calls]) for i in (0, 1))
    row(f"second GET /stacks against the first: {what}", f"{second:.1f} ms", f"first {first:.1f} ms", f"{first / second:.1f}", "at least 3.0")


def in_a_row(path):
    """What the first and the second call take, in ms, of a service that has seen no process before."""
    with service() as served:
        get(served.address, "/api/processes")
        times = []
        for _ in range(2):
            began = time.monotonic()
            get(served.address, path)
            times.append((time.monotonic() - began) * 1000)
            time.sleep(0.1)  # a worker says that it is done behind its last byte; before that, another one is given the next call
        return times


def sampled(process, seconds, folder, *options):
    """Hundredths of a processor that the sampler took, its peak in MiB, and what it said."""
    command = [PROCSCOPE, "profile", process.pid, "--seconds", seconds, "--force", "--output", folder + "/profile.pb.gz", *options]
    began, peak = time.monotonic(), 0
    sampler = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True)
    while True:
        pid, status, usage = os.wait4(sampler.pid, os.WNOHANG)
        if pid:
            break
        with contextlib.suppress(OSError, AttributeError):
            peak = max(peak, int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{sampler.pid}/status").read_text()).group(1)))
        time.sleep(0.05)
    took = time.monotonic() - began
    sampler.returncode = os.waitstatus_to_exitcode(status)
    said = sampler.stderr.read()
    assert sampler.returncode == 0, said
    return (usage.ru_utime + usage.ru_stime) / took * 100, peak / 1024, said


def pace(process, during):
    """Rounds in a second of the busy threads' own processor time, meanwhile."""
    rounds, busy_ns = process.work()
    during()
    after, after_ns = process.work()
    return (after - rounds) / (after_ns - busy_ns) * 1e9


def profile():
    """500 threads, 4 of which keep all processors busy."""
    with target(64, 500, busy=4) as process, tempfile.TemporaryDirectory() as folder:
        for name, options in (("99 Hz", ()), ("99 Hz by frame pointers", ("--unwind", "fp"))):
            runs, slower, before = [], [], pace(process, lambda: time.sleep(5))
            for _ in range(5):
                during = pace(process, lambda: runs.append(sampled(process, 5, folder, *options)))
                after = pace(process, lambda: time.sleep(5))
                slower.append((1 - during / ((before + after) / 2)) * 100)
                before = after
            cpu = median([run[0] for run in runs])
            row(f"profile of 500 threads, {name}: CPU", f"{cpu:.2f} %", "", f"{cpu / 3:.2f}", "at most 1.00 of 3 %")
            row("  target slower, by its own processor time", f"{median(slower):.2f} %", "", f"{median(slower):.2f}", "at most 1.00 %")
        _, peak, said = sampled(process, 60, folder, "--frequency", "1000")
        samples = re.search(r"(\d+) samples", said).group(1)
        row("  60 s at 1,000 Hz: peak", f"{peak:.1f} MiB", f"{samples} samples", f"{peak / 64:.2f}",
            "at most 1.00 of 64 MiB, for the 118,800 of 10 min at 99 Hz")
