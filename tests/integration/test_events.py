"""GET /api/events: what is told, to whom, and who tells it."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import sys
import urllib.parse

import pytest

from conftest import wait_until

PATH = "/api/events"


class Viewer:
    """One who looks: events one by one, and what is known by them."""

    def __init__(self, service, last=None, path=PATH):
        self.connection = service.connection()
        self.connection.request("GET", path, headers={"Last-Event-ID": last} if last else {})
        self.response = self.connection.getresponse()
        self.processes = {}
        self.ids = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.response.close()
        self.connection.close()

    def next(self):
        """(kind, data) of the next event; None at the end."""
        fields = {}
        while line := self.response.readline():
            if line == b"\n":
                break
            name, _, value = line.decode("utf-8").rstrip("\n").partition(": ")
            assert name not in fields, name
            fields[name] = value
        if not fields:
            return None
        assert set(fields) == {"id", "event", "data"}
        self.ids.append(fields["id"])
        data = json.loads(fields["data"])
        if fields["event"] == "snapshot" or self.processes:  # one that resumed knows what it knew
            self.take(fields["event"], data)
        return fields["event"], data

    def take(self, kind, data):
        if kind == "snapshot":
            self.processes = {}
        for pid in data.get("ended", []):
            del self.processes[pid]
        for process in data.get("processes", []):
            self.processes[process["id"]] = process
        for change in data.get("changed", []):
            self.processes[change["id"]].update(change)

    def value(self, process, name, otherwise=None):
        return self.processes.get(process.pid, {}).get(name, otherwise)

    def until(self, condition):
        for _ in range(60):
            self.next()
            if found := condition():
                return found
        raise AssertionError("60 events in vain")


def samplers(service):
    """Children of the service that sample: those that are no front and no kept worker answer one operation."""
    def children():
        found = pathlib.Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()
        return [int(pid) for pid in found if comm(pid) == "procscope-work"]
    return children()


def comm(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


@pytest.fixture
def one(serve):
    """A service with one kept worker, so that any other is a sampler."""
    service = serve("--workers", "1")
    wait_until(lambda: len(samplers(service)) == 1, "the kept worker")
    return service


def sampler(service, kept):
    return wait_until(lambda: [pid for pid in samplers(service) if pid not in kept], "a sampler")[0]


def test_first_all_then_differences(service):
    with Viewer(service) as viewer:
        assert viewer.response.status == 200
        assert viewer.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert viewer.response.headers["Cache-Control"] == "no-store"
        kind, data = viewer.next()
        assert kind == "snapshot"
        assert data["host"]["processors"] == os.cpu_count()
        assert 0 < data["host"]["memory_available"] <= data["host"]["memory_total"]
        own = viewer.processes[os.getpid()]
        assert own["parent"] == os.getppid()
        assert own["threads"] >= 1 and own["memory"] > 1 << 20
        assert viewer.processes[service.pid]["name"] == "procscope"
        kind, data = viewer.next()
        assert kind == "tick" and data["interval"] >= 1000
        assert len(data.get("processes", [])) < len(viewer.processes)


def test_ids_ascend_and_resume(service):
    with Viewer(service) as first:
        for _ in range(3):
            first.next()
        with Viewer(service, last=first.ids[0]) as second:
            kinds = [second.next()[0] for _ in range(2)]
        assert kinds == ["tick", "tick"]  # and no snapshot again
        assert second.ids == first.ids[1:3]
        numbers = [int(one.rpartition("-")[2]) for one in first.ids]
        assert numbers == list(range(numbers[0], numbers[0] + 3))


@pytest.mark.parametrize("last", ["0-0", "nonsense", "ffffffffffffffffff-1", "1-18446744073709551615", "-", "a-b"])
def test_an_id_that_is_not_ours_begins_anew(service, last):
    with Viewer(service, last=last) as viewer:
        assert viewer.next()[0] == "snapshot"


def test_resuming_goes_on_after_the_only_viewer_lost_the_connection(one):
    with Viewer(one) as viewer:
        viewer.next()
        viewer.next()
    with Viewer(one, last=viewer.ids[-1]) as again:
        assert again.next()[0] == "tick"
        assert int(again.ids[0].rpartition("-")[2]) == int(viewer.ids[-1].rpartition("-")[2]) + 1


def test_who_comes_late_knows_the_same(service, sleeper):
    with Viewer(service) as early:
        for _ in range(3):
            early.next()
        born = sleeper()
        early.until(lambda: born.pid in early.processes)
        with Viewer(service) as late:
            late.until(lambda: born.pid in late.processes)
            while late.ids[-1] != early.ids[-1]:
                (late if int(late.ids[-1].rpartition("-")[2]) < int(early.ids[-1].rpartition("-")[2]) else early).next()
            # what early has from ticks, late has from a snapshot and ticks
            assert late.processes == early.processes


def test_births_and_ends(service, sleeper):
    with Viewer(service) as viewer:
        viewer.next()
        born = sleeper()
        seen = viewer.until(lambda: viewer.processes.get(born.pid))
        assert seen["parent"] == os.getpid()
        assert "import time; time.sleep" in seen["command"]
        assert seen["runtime"].startswith("Python 3")
        born.kill()
        viewer.until(lambda: viewer.value(born, "state") == "Z")  # ours to collect
        born.wait()
        viewer.until(lambda: born.pid not in viewer.processes)


def test_what_works_shows_it(service, sleeper):
    busy = sleeper(sys.executable, "-c", "while True: pass")
    with Viewer(service) as viewer:
        viewer.next()
        viewer.until(lambda: viewer.value(busy, "cpu", 0) > 1)


def test_badges(service, sleeper, tmp_path):
    stopped = sleeper()
    os.kill(stopped.pid, signal.SIGSTOP)
    program = tmp_path / "gone"
    program.write_bytes(pathlib.Path("/bin/sleep").read_bytes())
    program.chmod(0o755)
    gone = sleeper(str(program), "1000")
    wait_until(lambda: comm(gone.pid) == "gone", "the program")
    program.unlink()
    job = sleeper("/bin/sleep", "1000", env={"WEBJOBS_NAME": "night"})
    wait_until(lambda: comm(job.pid) == "sleep", "the program")
    with Viewer(service) as viewer:
        viewer.until(lambda: viewer.value(stopped, "state") == "T")
        viewer.until(lambda: viewer.value(gone, "badges") == ["deleted"])
        viewer.until(lambda: viewer.value(job, "badges") == ["webjob"])


def test_hostile_names_are_json(service, sleeper):
    name = b"<b>\"\\\n\xff\xfe\r\n\n"[:15]
    code = ("import ctypes, sys, time; ctypes.CDLL(None).prctl(15, %r, 0, 0, 0); print('named', flush=True); time.sleep(1000)" % name)
    hostile = sleeper(sys.executable, "-c", code, b"\xff\n\ndata: x\n\n", stdout=-1)
    with Viewer(service) as viewer:
        seen = viewer.until(lambda: viewer.value(hostile, "name", "").startswith("<b>") and viewer.processes[hostile.pid])
        assert seen["name"] == name.decode("utf-8", errors="replace")
        assert "\ufffd\n\ndata: x" in seen["command"]


def test_no_sampler_when_nobody_looks(one):
    kept = samplers(one)
    with Viewer(one) as viewer:
        viewer.next()
        with Viewer(one) as second:
            second.next()
            assert len(samplers(one)) == 2  # one for both
    wait_until(lambda: samplers(one) == kept, "the sampler's end")


def test_a_worker_that_dies_cuts_its_viewers_and_the_next_gets_another(one):
    kept = samplers(one)
    with raw_viewer(one) as viewer, Viewer(one) as other:
        other.next()
        first = sampler(one, kept)
        os.kill(first, signal.SIGKILL)
        assert not rest_of(viewer).endswith(END)
    with Viewer(one, last=other.ids[-1]) as again:
        assert again.next()[0] == "snapshot"
        assert sampler(one, kept) != first


def test_too_many_viewers_are_told(serve):
    service = serve("--viewers", "1")
    with Viewer(service) as viewer:
        viewer.next()
        refused = service.get(PATH)
        assert refused.status == 429
        assert "viewers" in refused.message
    wait_until(lambda: is_open(service), "the place")


END = b"\r\n0\r\n\r\n"  # of a body in chunks that is whole


@contextlib.contextmanager
def raw_viewer(service, receive_buffer=None):
    """A connection that has got the beginning of the events."""
    parts = urllib.parse.urlsplit(service.url)
    with socket.socket() as viewer:
        if receive_buffer:
            viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        viewer.settimeout(60)
        viewer.connect((parts.hostname, parts.port))
        viewer.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert viewer.recv(12) == b"HTTP/1.1 200"
        yield viewer


def rest_of(viewer):
    """All bytes until the other side closes."""
    rest = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := viewer.recv(65536):
            rest += piece
    return rest


def is_open(service):
    with Viewer(service) as viewer:
        return viewer.response.status == 200 and viewer.next()


def test_a_viewer_that_stalls_is_dropped(serve):
    service = serve("--viewers", "1", "--stall-timeout", "1s")
    with raw_viewer(service, receive_buffer=2048):
        # it reads no further, and its place becomes free
        wait_until(lambda: is_open(service), "the place")


def test_viewers_end_with_the_service(serve):
    service = serve()
    with raw_viewer(service) as viewer:
        os.kill(service.pid, signal.SIGTERM)
        assert rest_of(viewer).endswith(END)
    service.stop()


def test_head_begins_nothing(one):
    kept = samplers(one)
    answer = one.request("HEAD", PATH)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert samplers(one) == kept


def test_other_methods_and_origins_are_refused(service):
    assert service.request("POST", PATH).status == 405
    answer = service.get(PATH, {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"})
    assert answer.status == 403


def test_below_a_prefix_and_over_a_unix_socket(serve, tmp_path):
    service = serve("--path-prefix", "/x", listen=(f"unix:{tmp_path}/socket",))
    for path in (PATH, "/x" + PATH):
        with Viewer(service, path=path) as viewer:
            assert viewer.next()[0] == "snapshot"
