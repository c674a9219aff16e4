"""The part of bench/run for load: how long /healthz and lists take when others ask, take dumps, hold connections or send by crumbs, and
what is left of it afterwards. The peer for /healthz is HAProxy with one thread that answers the same bytes out of memory, asked by the same
client in turn: what the machine itself costs that client."""
import contextlib
import multiprocessing
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from measure import family, row, service, target

SECONDS, IDLE, SLOW, LISTERS = 10, 10000, 500, 100
HEALTHY = b'{"status":"ok"}'


def connect(address):
    host, port = address.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class Client:
    """Asks for one thing over a connection that it keeps. `times` in ms; `refused`: how often it was told to come back."""

    def __init__(self, address, path):
        self.address, self.times, self.refused, self.connection = address, [], 0, None
        self.request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()

    def ask(self):
        began = time.monotonic()
        if not self.connection:
            self.connection = connect(self.address)
        self.connection.sendall(self.request)
        answer = self.connection.recv(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        left = (int(length[1]) if length else 0) - len(body)
        while left > 0:
            piece = self.connection.recv(1 << 20)
            if not piece:
                break
            left -= len(piece)
        if answer.startswith(b"HTTP/1.1 200"):
            self.times.append((time.monotonic() - began) * 1000)
        else:
            self.refused += 1
        if not answer or b"onnection: close" in head:
            self.connection.close()
            self.connection = None


def three(times):
    """Median, 99th part, largest."""
    return [times[len(times) // 2], times[len(times) * 99 // 100], times[-1]] if times else [float("nan")] * 3


class Probe:
    """A process that asks one after the other, for a while."""

    def __init__(self, *wanted):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=self.ask, args=(wanted, theirs))
        self.process.start()

    @staticmethod
    def ask(wanted, pipe):
        clients = [Client(*one) for one in wanted]
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            for one in clients:
                one.ask()
            time.sleep(0.003)
        pipe.send([(sorted(one.times), one.refused) for one in clients])

    def results(self):
        """Of each its times, and how often it was refused."""
        found = self.pipe.recv()
        self.process.join()
        return found

    def result(self):
        """As Listers'."""
        (times, refused), = self.results()
        return three(times), refused, refused + len(times)


def crumbs(address, count, interval, ready):
    """Connections that begin a head and, with an interval, send a byte of it now and then; without, nothing at all."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    connections = []
    for _ in range(count):
        connections.append(connect(address))
        if interval:
            connections[-1].sendall(b"GET /healthz HTTP/1.1\r\nX: ")
    ready.set()
    while True:
        time.sleep(interval or 3600)
        for number, one in enumerate(connections):
            try:
                one.send(b"y")
            except OSError:  # it was given up; the next one comes at once
                one.close()
                with contextlib.suppress(OSError):
                    connections[number] = connect(address)
                    connections[number].sendall(b"GET /healthz HTTP/1.1\r\nX: ")


@contextlib.contextmanager
def apart(function, *arguments):
    """In a process of its own, until the block ends; it says when it is ready."""
    ready = multiprocessing.Event()
    process = multiprocessing.Process(target=function, args=(*arguments, ready), daemon=True)
    process.start()
    assert ready.wait(120)
    try:
        yield
    finally:
        process.terminate()
        process.join()


@contextlib.contextmanager
def running(*commands):
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for command in commands]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


class Listers:
    """wrk, and what it says of each of its answers when it has ended."""

    def __init__(self, address):
        self.process = subprocess.Popen(["wrk", "-t", "1", "-c", str(LISTERS), "-d", f"{SECONDS}s", "--latency", "--timeout", "60s", f"http://{address}/api/processes"],
                                        stdout=subprocess.PIPE, text=True)

    def result(self):
        """(median, 99th part, largest), how many of how many were refused."""
        out = self.process.communicate()[0]
        found = [re.search(pattern, out)[1] for pattern in (r"50%\s+(\S+)", r"99%\s+(\S+)", r"Latency\s+\S+\s+\S+\s+(\S+)")]
        refused = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
        return [milliseconds(one) for one in found], int(refused[1]) if refused else 0, int(re.search(r"(\d+) requests in", out)[1])


@contextlib.contextmanager
def listers_and_dumpers(address):
    """Gives the Listers; the two targets are dumped again and again."""
    with target(1024, 8) as one, target(1024, 8) as other:
        again = "while :; do curl -sf -o /dev/null 'http://{}/api/processes/{}/dump?dumpType=2'; done"
        shells = [subprocess.Popen(["setsid", "sh", "-c", again.format(address, process.pid)]) for process in (one, other)]
        try:
            time.sleep(0.5)
            yield Listers(address)
        finally:
            for shell in shells:
                os.killpg(shell.pid, signal.SIGKILL)
                shell.wait()


@contextlib.contextmanager
def peer():
    """HAProxy's address; None without it."""
    if not shutil.which("haproxy"):
        yield None
        return
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        free.close()
        (pathlib.Path(folder) / "body").write_bytes(HEALTHY)
        configuration = pathlib.Path(folder) / "haproxy.cfg"
        configuration.write_text("global\n  nbthread 1\ndefaults\n  mode http\n  timeout client 60s\n  timeout server 60s\n  timeout connect 5s\n"
                                 f"frontend f\n  bind {address}\n  http-request return status 200 content-type application/json file {folder}/body\n")
        with running(["haproxy", "-db", "-f", configuration]):
            for _ in range(100):
                with contextlib.suppress(OSError):
                    connect(address).close()
                    break
                time.sleep(0.05)
            yield address


def weight(pid):
    """PSS in MiB, descriptors and threads of the service's processes."""
    pss = descriptors = threads = 0
    for one in family(pid):
        with contextlib.suppress(OSError, AttributeError):
            pss += int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{one}/smaps_rollup").read_text(), re.M)[1])
            descriptors += len(os.listdir(f"/proc/{one}/fd"))
            threads += len(os.listdir(f"/proc/{one}/task"))
    return pss / 1024, descriptors, threads


def told(figures):
    return "{:.2f} {:.1f} {:.0f}".format(*figures)


def measure(name, served, aside, load, bound=None):
    """One row for each of /healthz and lists under a load. Returns the median of a list, and what the service weighed meanwhile."""
    with load as listers:
        health = Probe((served.address, "/healthz"), *([(aside, "/")] if aside else []))
        lists = listers or Probe((served.address, "/api/processes"))
        time.sleep(SECONDS / 2)
        meanwhile = weight(served.pid)
        (health, refused), *others = health.results()
        figures, turned_away, count = lists.result()
    health, other = three(health), three(others[0][0]) if others else None
    row(f"/healthz, {name}: p50 p99 max, ms", told(health), f"haproxy {told(other)}" if other else "", f"{health[1] / other[1]:.2f}" if other else "",
        f"refused: {refused}")
    row("  lists: p50 p99 max, ms", told(figures), f"bound {bound:.0f}" if bound else "", f"{figures[1] / bound:.2f}" if bound else "",
        ("p99 at most 1.00; " if bound else "") + f"refused: {turned_away} of {count}")
    return figures[0], meanwhile


def say(weighed):
    return "{:.1f} MiB {} fd {} th".format(*weighed)


def load():
    with peer() as aside, service("--connections", str(IDLE + 1000)) as served:
        median, before = measure("nobody else", served, aside, contextlib.nullcontext())
        # whoever stands at the end of the line: so many lists before his, on the processors, of which the dumps take half
        bound = (LISTERS + 1) * median / (os.cpu_count() or 1) * 2
        kinds = [(f"{LISTERS} list, 2 take dumps of 1 GiB", listers_and_dumpers(served.address), bound)] if shutil.which("wrk") else []
        kinds += [(f"{IDLE:,} idle connections", apart(crumbs, served.address, IDLE, 0), None),
                  (f"{SLOW} that send a byte a second", apart(crumbs, served.address, SLOW, 1), None)]
        for name, one, bound in kinds:
            _, meanwhile = measure(name, served, aside, one, bound)
            time.sleep(3)  # a worker that is kept no longer, connections that were closed
            after = weight(served.pid)
            row("  weight meanwhile: PSS, descriptors, threads", say(meanwhile), "before " + say(before), f"{meanwhile[0] / before[0]:.2f}", "")
            row("  afterwards", say(after), "before " + say(before), f"{after[0] / before[0]:.2f}", "about 1.00: a worker fills its table of processes, 1 MiB")
