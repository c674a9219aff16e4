"""How a dump gets at memory: from a snapshot, or from a target that is held; what a clone lacks; what the target pays."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

from conftest import PROCSCOPE, clones_of, wait_until

MARKS = {"private": b"mark of private memory %d", "shared": b"mark of shared memory %d", "unforked": b"mark of unforked memory %d"}
PYTHON_TARGET = """
import mmap, os, sys, time
def area(flags, text):
    made = mmap.mmap(-1, 1 << 20, flags=flags | mmap.MAP_ANONYMOUS)
    made.write(b"mark of " + text + b" memory %d" % os.getpid())
    return made
private, shared, unforked = area(mmap.MAP_PRIVATE, b"private"), area(mmap.MAP_SHARED, b"shared"), area(mmap.MAP_PRIVATE, b"unforked")
unforked.madvise(mmap.MADV_DONTFORK)
reserved = mmap.mmap(-1, 256 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)  # MAP_NORESERVE
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""
FILTERED = """
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
# all calls but one: it would kill
code = [(0x20, 0, 0, 0), (0x15, 0, 1, DEADLY), (0x06, 0, 0, 0x80000000), (0x06, 0, 0, 0x7fff0000)]
program = b"".join(struct.pack("HBBI", *line) for line in code)
kept = ctypes.create_string_buffer(program)
head = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(code), ctypes.addressof(kept)))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, head) == 0
""" + PYTHON_TARGET


def run_target(sleeper, code):
    return sleeper(sys.executable, "-c", code, stdout=subprocess.PIPE)


@pytest.fixture(name="marked")
def marked_fixture(sleeper):
    return run_target(sleeper, PYTHON_TARGET)


def resident(pid, mode):
    """In KiB. Pages of files that are read of a held target are mapped into it; they are the page cache's."""
    kind = "RssAnon" if mode == "stop" else "VmRSS"
    return int(re.search(kind + r":\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


def dump(service, pid, query):
    return service.get(f"/api/processes/{pid}/dump?{query}")


@pytest.mark.parametrize("form", ["raw", "core"])
@pytest.mark.parametrize("mode", ["auto", "snapshot", "stop"])
def test_all_kinds_of_memory(service, marked, mode, form):
    before = resident(marked.pid, mode)
    answer = dump(service, marked.pid, f"dumpType=2&format={form}&mode={mode}")
    assert answer.status == 200
    for mark in MARKS.values():
        assert mark % marked.pid in answer.body
    assert answer.headers["X-Dump-Mode"] == ("stop" if mode == "stop" else "snapshot")
    if mode == "stop":
        assert "X-Dump-Pause-Microseconds" not in answer.headers and "X-Dump-Live-Bytes" not in answer.headers
    else:
        assert int(answer.headers["X-Dump-Pause-Microseconds"]) > 0
        # a page of each that holds anything
        assert 2 * 4096 <= int(answer.headers["X-Dump-Live-Bytes"]) < 64 << 20
        assert "X-Dump-Mode-Reason" not in answer.headers
    assert len(answer.body) < 256 << 20  # the reservation costs nothing
    assert resident(marked.pid, mode) <= before + 128  # pages of its vdso and tables


def test_arguments(service, marked):
    assert dump(service, marked.pid, "mode=clone").status == 400
    assert dump(service, marked.pid, "maxPauseMs=soon").status == 400
    small = dump(service, marked.pid, "dumpType=0")
    assert small.status == 200 and small.headers["X-Dump-Mode"] == "stop" and "X-Dump-Mode-Reason" not in small.headers
    asked = dump(service, marked.pid, "dumpType=0&mode=snapshot")
    assert asked.status == 200 and asked.headers["X-Dump-Mode"] == "snapshot"
    told = json.loads(dump(service, marked.pid, "dumpType=2&estimate=true").body)
    assert told["mode"] == "snapshot" and told["expected_pause_microseconds"] < 100000 and "mode_reason" not in told


def test_what_no_mode_can_dump(service, sleeper):
    """Not "mode=auto would do it": it would not."""
    parent = run_target(sleeper, "import os, time\nif os.fork() == 0: os._exit(0)\nprint('ready', flush=True)\nwhile True: time.sleep(1)")
    children = pathlib.Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    wait_until(lambda: pathlib.Path(f"/proc/{children.read_text().split()[0]}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z", "a zombie")
    refused = dump(service, children.read_text().split()[0], "dumpType=2&mode=snapshot")
    assert refused.status == 409 and "zombie" in refused.message and "mode=auto" not in refused.message


def test_a_pause_that_is_too_long(service, sleeper):
    """A held target is read as fast as its client reads: that is not promised to be done in 20 ms."""
    large = run_target(sleeper, f"kept = bytearray(b'1') * {256 << 20}\nprint('ready', flush=True)\nimport time\nwhile True: time.sleep(1)")
    refused = dump(service, large.pid, "dumpType=2&mode=stop&maxPauseMs=20")
    assert refused.status == 409 and "maxPauseMs" in refused.message
    assert dump(service, large.pid, "dumpType=2&mode=stop&maxPauseMs=20000").status == 200
    os.kill(large.pid, signal.SIGSTOP)  # which takes the snapshot away from auto
    wait_until(lambda: pathlib.Path(f"/proc/{large.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T", "stopped")
    reduced = dump(service, large.pid, "dumpType=1002&maxPauseMs=20")  # decimal: 0x3ea
    assert reduced.status == 200 and len(reduced.body) < 16 << 20
    assert reduced.headers["X-Dump-Type-Reduced"].endswith("instead of 0x3ea")
    stopped = dump(service, large.pid, "dumpType=2")
    assert stopped.headers["X-Dump-Mode"] == "stop" and "stopped already" in stopped.headers["X-Dump-Mode-Reason"]
    refused = dump(service, large.pid, "dumpType=2&mode=snapshot")
    assert refused.status == 409 and "stopped already" in refused.message


@pytest.mark.skipif(os.geteuid() != 0 or os.uname().machine != "x86_64", reason="reading a filter takes root; the filter's numbers are x86-64's")
def test_a_target_with_a_filter(service, serve, sleeper):
    """Not without the right to look at it, which the service gives up unless it is told to keep it; and not where it kills for a clone."""
    chroot, clone = 161, 56
    harmless = run_target(sleeper, FILTERED.replace("DEADLY", str(chroot)))
    deadly = run_target(sleeper, FILTERED.replace("DEADLY", str(clone)))
    held = dump(service, harmless.pid, "dumpType=2")
    assert held.status == 200 and held.headers["X-Dump-Mode"] == "stop" and "CAP_SYS_ADMIN" in held.headers["X-Dump-Mode-Reason"]
    assert dump(service, harmless.pid, "dumpType=2&mode=snapshot").status == 409
    allowed = serve("--read-seccomp", "1")
    for _ in range(5):
        answer = dump(allowed, harmless.pid, "dumpType=2")
        assert answer.status == 200 and answer.headers["X-Dump-Mode"] == "snapshot"
        assert MARKS["private"] % harmless.pid in answer.body
        held = dump(allowed, deadly.pid, "dumpType=2")
        assert held.status == 200 and held.headers["X-Dump-Mode"] == "stop" and "forbids" in held.headers["X-Dump-Mode-Reason"]
    wait_until(lambda: not clones_of(harmless.pid), "no clone")
    assert harmless.poll() is None and deadly.poll() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="a namespace of process ids takes root")
def test_the_first_process_of_a_container(tmp_path):
    """It adopts orphans, and never collects one: a snapshot may leave none."""
    code = "import time\nprint('ready', flush=True)\nwhile True: time.sleep(0.05)"
    outer = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert outer.stdout.readline() == b"ready\n"
        inner, = map(int, pathlib.Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split())
        for number in range(10):
            done = subprocess.run([PROCSCOPE, "dump", str(inner), "-t", "2", "--mode", "snapshot", "-o", tmp_path / f"{number}.dmp"], stderr=subprocess.PIPE, text=True)
            assert done.returncode == 0, done.stderr
            wait_until(lambda: not clones_of(inner), "no clone, nor a zombie")
        assert len(os.listdir(f"/proc/{inner}/task")) == 1
    finally:
        outer.kill()
        outer.wait()


BIG = f"kept = bytearray(b'1') * {64 << 20}\nimport time\nprint('ready', flush=True)\nwhile True: time.sleep(0.05)"


def begin_slow_dump(pid, fifo):
    """Returns the command, and its reader, which has read the begin only: there is a clone from then on."""
    os.mkfifo(fifo)
    command = subprocess.Popen([PROCSCOPE, "dump", str(pid), "-t", "2", "--mode", "snapshot", "-o", str(fifo)], stderr=subprocess.PIPE, text=True)
    reader = fifo.open("rb")
    reader.read(1 << 20)
    return command, reader


def read_to_end(command, reader):
    """The number of bytes."""
    with reader:
        size = sum(len(piece) for piece in iter(lambda: reader.read(1 << 20), b""))
    command.wait(60)
    return size


@pytest.mark.skipif(os.geteuid() != 0, reason="a namespace of process ids takes root")
def test_the_end_of_a_container(tmp_path):
    """It waits for all who are in it to have been collected: also for a clone whose reader is slow."""
    outer = subprocess.Popen(["unshare", "--pid", "--fork", sys.executable, "-c", BIG], stdout=subprocess.PIPE)
    try:
        assert outer.stdout.readline() == b"ready\n"
        inner, = map(int, pathlib.Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split())
        command, reader = begin_slow_dump(inner, tmp_path / "slow")
        os.kill(inner, signal.SIGKILL)
        outer.wait(60)
        read_to_end(command, reader)
        assert command.returncode != 0 and "snapshot was killed" in command.stderr.read()
    finally:
        outer.kill()
        outer.wait()


def test_a_clone_outlives_its_process_until_it_is_told_to_end(sleeper, tmp_path):
    """The dump of a process that was killed is whole. But who ends all of a service waits for all to have ended."""
    for signals in (signal.SIGKILL,), (signal.SIGTERM, signal.SIGKILL):
        process = sleeper(sys.executable, "-c", BIG, stdout=subprocess.PIPE, start_new_session=True)
        command, reader = begin_slow_dump(process.pid, tmp_path / f"slow{len(signals)}")
        clone, = clones_of(process.pid)
        if len(signals) > 1:
            os.kill(clone, signals[0])
            time.sleep(0.5)
            assert clones_of(process.pid) == [clone]  # while the process lives
        process.kill()
        process.wait()
        if len(signals) > 1:
            wait_until(lambda: not os.path.exists(f"/proc/{clone}") or b") Z " in pathlib.Path(f"/proc/{clone}/stat").read_bytes(), "the end of the clone")
        size = read_to_end(command, reader)
        assert (size > 64 << 20) == (command.returncode == 0) == (len(signals) == 1)
        assert ("SIGTERM" in command.stderr.read()) == (len(signals) > 1)


@pytest.mark.skipif(not os.access("/sys/fs/cgroup/freezer", os.W_OK), reason="takes the right to freeze a cgroup of version 1")
def test_a_frozen_target(sleeper, tmp_path):
    """Nothing ends in a frozen cgroup of version 1, not even by SIGKILL. The dump does."""
    group = pathlib.Path(f"/sys/fs/cgroup/freezer/procscope-test-{os.getpid()}")
    process = run_target(sleeper, BIG)
    group.mkdir()
    try:
        (group / "cgroup.procs").write_text(str(process.pid))
        command, reader = begin_slow_dump(process.pid, tmp_path / "slow")
        (group / "freezer.state").write_text("FROZEN")
        wait_until(lambda: (group / "freezer.state").read_text() == "FROZEN\n", "frozen")
        assert read_to_end(command, reader) > 64 << 20 and command.returncode == 0
        (group / "freezer.state").write_text("THAWED")
        wait_until(lambda: not clones_of(process.pid) and len(os.listdir(f"/proc/{process.pid}/task")) == 1, "no clone, no keeper")
        assert process.poll() is None
    finally:
        (group / "freezer.state").write_text("THAWED")
        process.kill()
        process.wait()
        wait_until(lambda: not (group / "cgroup.procs").read_text(), "an empty cgroup")
        group.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="another /sys/fs/cgroup takes root")
@pytest.mark.parametrize("group, room_mib, refused", [(0, 60, False), (1, 60, True), (1, 200, False), (0, 20, True)])
def test_room_in_the_cgroup(sleeper, tmp_path, group, room_mib, refused):
    """For all of the process, where the end of a clone by the out-of-memory killer would be the end of it, too."""
    process = run_target(sleeper, BIG)
    paths = re.findall(r"^0::/(.*)$", pathlib.Path(f"/proc/{process.pid}/cgroup").read_text(), re.M)
    if not paths:
        pytest.skip("no cgroups of version 2")
    cgroup = tmp_path / "cgroups" / paths[0]
    cgroup.mkdir(parents=True)
    for name, value in {"max": 1 << 30, "current": (1 << 30) - (room_mib << 20), "oom.group": group}.items():
        (cgroup / f"memory.{name}").write_text(f"{value}\n")
    done = subprocess.run(["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /sys/fs/cgroup && exec "$@"', tmp_path / "cgroups",
                           PROCSCOPE, "dump", str(process.pid), "-t", "2", "--mode", "snapshot", "-o", tmp_path / "dump"], stderr=subprocess.PIPE, text=True)
    assert (done.returncode != 0) == refused == ("cgroup has room for" in done.stderr), done.stderr


def test_an_execve_in_the_middle(sleeper, tmp_path):
    """The dump is of the program before, and the new one runs."""
    code = (f"kept = bytearray(b'1') * {64 << 20}\nimport os, signal, time\n"
            "signal.signal(signal.SIGUSR1, lambda *_: os.execv('/bin/sleep', ['sleep', '100']))\nprint('ready', flush=True)\nwhile True: time.sleep(0.05)")
    process = run_target(sleeper, code)
    fifo = tmp_path / "slow"
    os.mkfifo(fifo)
    command = subprocess.Popen([PROCSCOPE, "dump", str(process.pid), "-t", "2", "--mode", "snapshot", "-o", str(fifo)], stderr=subprocess.PIPE, text=True)
    size = 0
    with fifo.open("rb") as reader:
        size += len(reader.read(1 << 20))
        process.send_signal(signal.SIGUSR1)
        wait_until(lambda: pathlib.Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n", "the execve")
        while piece := reader.read(1 << 20):
            size += len(piece)
    assert command.wait(60) == 0, command.stderr.read()
    assert size > 64 << 20
    time.sleep(0.1)
    assert process.poll() is None
    assert subprocess.run([PROCSCOPE, "dump", str(process.pid), "-o", "-"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def test_the_log_tells(serve, marked):
    one = serve()
    assert dump(one, marked.pid, "dumpType=2").status == 200
    said = rf"dump of process {marked.pid}: Mode snapshot, Pause-Microseconds \d+, Threads 1, .*; \d+ bytes in \d+ ms"
    wait_until(lambda: re.search(said, one.log), "the line in the log")
