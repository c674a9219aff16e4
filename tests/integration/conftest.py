"""Shared by all integration tests: private services on ports of their own, and processes to look at.

    def test_x(service, target):
        process = target("shapes", "threads", "5")
        assert service.json(f"/api/processes/{process.pid}")["thread_count"] == 6

`service` is one service for a test file, `serve("--path-prefix", "/x")` starts more of them; `target(...)` starts
a program of tests/targets and waits for its first line; `sleeper()` starts any command. All of it is ended
afterwards by the pid that we started. The programs come from PROCSCOPE_BUILD (default: build).
"""
import contextlib
import http.client
import json
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / os.environ.get("PROCSCOPE_BUILD", "build")
PROCSCOPE = BUILD / "procscope"
TARGETS = BUILD / "tests" / "targets"
STARTED_WITHIN = 30  # seconds; only a hang ever reaches it
MODES = {"snapshot": ("--mode", "snapshot"), "stop": ("--mode", "stop")}  # how a target is dumped -> the arguments that ask for it

# Several of these files at a time do each other no harm: their tests compare answers, or kill who asks a runtime, whose program only they
# look at. All others measure, kill, limit or fill the machine, and run alone. The longest first, so that all processors have work until the end.
SIDE_BY_SIDE = (
    "core_backtraces", "heap_node", "page", "monitor", "gcdump", "dotnet_stacks", "dotnet_counters", "heap_java", "java_attach", "dotnet_debugger", "dotnet_profile", "dotnet_trace", "instances", "instances_trust", "haproxy", "haproxy_streams", "profile_formats", "dump_zip", "dump_forms", "cli_dump", "cli",
    "core_readers", "dump_readers", "stranger", "image_places", "python", "stacks", "java", "access", "arm", "audit", "routes", "hostile_container", "instances_tls", "jit_dump",
    "metrics", "tls", "unwind", "java_metrics", "memory_and_handles", "runtimes", "gopclntab", "openapi")

# What is said where nobody is in the way but others that want the processors: asked again, it is told more.
BUSY = (b" could not be stopped within ", b" did not stop within ", b"The clone was not made in time.", b"got no processor to come back in time")


def is_busy(said):
    return any(words in said for words in BUSY)


def pytest_configure(config):
    config.addinivalue_line("markers", "side_by_side: may run beside others (conftest.SIDE_BY_SIDE)")
    # a job in the background has it ignored, and so would all that we start
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.stem.removeprefix("test_") in SIDE_BY_SIDE:
            item.add_marker(pytest.mark.side_by_side)


def tracer_of(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return int(re.search(r"TracerPid:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(errors="replace")).group(1))
    return 0


def clones_of(pid):
    """The clones that a snapshot has made; of a process that has no children of its own."""
    found = []
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += [int(child) for child in path.read_text().split()]
    return found


def worker_of(pid):
    """The thread that holds it or its clone just now; 0: none."""
    return tracer_of(pid) or next((tracer_of(clone) for clone in clones_of(pid)), 0)


def is_held(pid):
    return bool(tracer_of(pid) or clones_of(pid))


def wait_until(condition, what, within=STARTED_WITHIN):
    """Waits until condition() is true and returns what it gave."""
    end = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {within} s in vain: {what}")
        time.sleep(0.01)


class Answer:
    """A whole answer of the service."""

    def __init__(self, response):
        self.status = response.status
        self.version = response.version
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    @property
    def message(self):
        return self.json()["Message"]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=60):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Service:
    """A running `procscope serve`."""

    def __init__(self, folder, *arguments, listen=("127.0.0.1:0",), environment=None, wrapper=(), **options):
        self.url_file = folder / "urls"
        self.log_file = folder / "log"
        command = [*map(str, wrapper), str(PROCSCOPE), "serve", "--url-file", str(self.url_file)]
        for address in listen:
            command += ["--listen", address]
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen([*command, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env={**os.environ, **(environment or {})}, **options)
        self.pid = self.process.pid
        try:
            wait_until(lambda: self.url_file.exists() or self.process.poll() is not None, "the URL file")
            assert self.process.poll() is None, f"did not start: {self.log}"
        except BaseException:
            self.stop(check=False)
            raise
        self.urls = self.url_file.read_text().split()
        self.url = self.urls[0]

    @property
    def log(self):
        return self.log_file.read_text(errors="replace")

    def connection(self, url=None, timeout=60):
        url = url or self.url
        if url.startswith("unix:"):
            return UnixConnection(url[len("unix:"):], timeout)
        parts = urllib.parse.urlsplit(url)
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)

    def request(self, method, path, headers=None, body=None, url=None):
        with contextlib.closing(self.connection(url)) as connection:
            connection.request(method, path, body=body, headers=headers or {})
            return Answer(connection.getresponse())

    def get(self, path, headers=None, url=None):
        return self.request("GET", path, headers, url=url)

    def json(self, path, headers=None):
        answer = self.get(path, headers)
        assert answer.status == 200, (answer.status, answer.body)
        return answer.json()

    def raw(self, data, url=None, timeout=60):
        """Sends bytes as they are and returns all that comes back until the other side closes."""
        parts = urllib.parse.urlsplit(url or self.url)
        with socket.create_connection((parts.hostname, parts.port), timeout=timeout) as connection:
            connection.sendall(data)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
            return answer

    def stop(self, check=True, within=STARTED_WITHIN):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(within)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"did not end on SIGTERM: {self.log}") from None
        if check:
            assert self.process.returncode == 0, (self.process.returncode, self.log)
        return self.process.returncode


@pytest.fixture(scope="session")
def procscope():
    """The program."""
    assert PROCSCOPE.exists(), f"{PROCSCOPE} is not built"
    return PROCSCOPE


@pytest.fixture
def serve(procscope, tmp_path_factory):
    """serve(*arguments, listen=(...,)) starts a service and returns a Service."""
    running = []

    def start(*arguments, **options):
        running.append(Service(tmp_path_factory.mktemp("serve"), *arguments, **options))
        return running[-1]

    yield start
    for one in running:
        one.stop(check=False)


@pytest.fixture(scope="module")
def service(procscope, tmp_path_factory):
    """One service with the usual settings for all tests of a file."""
    one = Service(tmp_path_factory.mktemp("service"))
    yield one
    one.stop()


def read_line(process, within=STARTED_WITHIN):
    """The next line of a target's standard output."""
    line = b""
    end = time.monotonic() + within
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(0, end - time.monotonic()))
        assert ready, f"no line within {within} s, only {line!r}"
        byte = os.read(process.stdout.fileno(), 1)
        assert byte, f"ended with {process.wait()} after {line!r}"
        line += byte
    return line.decode(errors="surrogateescape").rstrip("\n")


@pytest.fixture
def sleeper():
    """sleeper(command...) starts a process (default: a Python that sleeps). Bytes are taken as arguments too."""
    started = []

    def start(*command, **options):
        if not command:
            command = (sys.executable, "-c", "print('ready', flush=True); import time; time.sleep(3600)")
            options.setdefault("stdout", subprocess.PIPE)
        process = subprocess.Popen(command, **{"stdin": subprocess.DEVNULL, **options})
        started.append(process)
        if options.get("stdout") == subprocess.PIPE:
            process.first_line = read_line(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


@pytest.fixture
def target(sleeper):
    """target(name, *arguments) starts a program of tests/targets and waits for its first line."""

    def start(name, *arguments, **options):
        program = TARGETS / name
        assert program.exists(), f"{program} is not built"
        return sleeper(str(program), *map(str, arguments), stdout=subprocess.PIPE, **options)

    return start
