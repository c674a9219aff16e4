"""What bench/run measures with: services, targets, and how to look at them."""
import contextlib
import http.client
import mmap
import os
import pathlib
import re
import struct
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROCSCOPE = ROOT / "build" / "procscope"
TARGET = ROOT / "build" / "bench" / "bench_target"
rows = []


def row(what, ours, other, ratio, aim):
    rows.append((what, ours, other, ratio, aim))
    print(f"{what:<58} {ours:>16} {other:>22} {ratio:>8}  {aim}", flush=True)


def median(values):
    values = sorted(values)
    return values[len(values) // 2]


@contextlib.contextmanager
def service(*arguments):
    with tempfile.TemporaryDirectory() as folder:
        urls = pathlib.Path(folder) / "urls"
        process = subprocess.Popen([PROCSCOPE, "serve", "--listen", "127.0.0.1:0", "--url-file", urls, *arguments],
                                   stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            for _ in range(500):
                if urls.exists() and urls.read_text().strip():
                    break
                time.sleep(0.01)
            process.address = re.search(r"//([^/\s]+)", urls.read_text()).group(1)
            yield process
        finally:
            process.terminate()
            process.wait(30)


@contextlib.contextmanager
def target(mebibytes, threads, busy=0):
    """A bench_target; its largest heartbeat gap is read with gap(), its busy threads' rounds and their processor time in ns with work()."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "status"
        process = subprocess.Popen([TARGET, str(mebibytes), str(threads), str(path), str(busy)])
        try:
            while not path.exists() or path.stat().st_size < 4096:
                time.sleep(0.01)
            with path.open("r+b") as file, mmap.mmap(file.fileno(), 4096) as status:
                while struct.unpack_from("<Q", status, 0)[0] != 1:
                    time.sleep(0.02)
                process.reset = lambda: struct.pack_into("<Q", status, 8, 0)
                process.gap = lambda: struct.unpack_from("<Q", status, 8)[0] / 1e6
                process.work = lambda: struct.unpack_from("<QQ", status, 24)
                yield process
        finally:
            process.kill()
            process.wait()


def family(pid):
    """pid and its descendants."""
    found, todo = [], [pid]
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                parents.setdefault(int(pathlib.Path(f"/proc/{name}/stat").read_text(errors="replace").rsplit(")", 1)[1].split()[1]), []).append(int(name))
    while todo:
        at = todo.pop()
        found.append(at)
        todo += parents.get(at, [])
    return found


def cpu_ns(pids):
    return sum(int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids)


def get(address, path):
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, (path, answer.status, body[:300])
    return body


def timed(command):
    began = time.monotonic()
    out = subprocess.run(command, shell=True, check=True, capture_output=True, text=True, cwd="/").stdout
    return time.monotonic() - began, out


class Held:
    """How long a target is held by each of several commands, as its own heartbeat feels it, in ms: the median."""

    def __init__(self, process, folder):
        self.process, self.file = process, pathlib.Path(folder) / "dump"
        self.said = b""

    def once(self, *command):
        self.process.reset()
        done = subprocess.run([str(part) for part in command], cwd=self.file.parent, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, check=True)
        self.said = done.stderr
        gap = self.process.gap()
        for path in self.file.parent.glob("dump*"):
            path.unlink()
        return gap

    def by(self, times, *command):
        return median([self.once(*command) for _ in range(times)])

    def by_procscope(self, times, *options):
        return self.by(times, PROCSCOPE, "dump", self.process.pid, *options, "-o", self.file)

    def by_gcore(self, times):
        return self.by(times, "gcore", "-o", self.file, self.process.pid)

    def by_nobody(self):
        return self.by(7, "sleep", "0.05")

    @property
    def mode(self):
        """Of the last dump, as its closing line says."""
        found = re.search(rb"mode (\w+)", self.said)
        return found.group(1).decode() if found else "stop"


def peak_while(command, **options):
    """Seconds that it takes and its largest VmHWM in MiB."""
    began = time.monotonic()
    process = subprocess.Popen([str(part) for part in command], stderr=subprocess.DEVNULL, **options)
    peak = 0
    while process.poll() is None:
        with contextlib.suppress(OSError, AttributeError):
            text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            peak = max(peak, int(re.search(r"VmHWM:\s+(\d+)", text).group(1)))
        time.sleep(0.01)
    assert process.returncode == 0, command
    return time.monotonic() - began, peak / 1024
