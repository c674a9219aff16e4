"""Figures for Prometheus: its own tool finds no fault with them, and they are what was done."""
import os
import re
import shutil
import signal
import subprocess

import pytest

from conftest import ROOT, wait_until
from test_access import bearer, token
from test_monitor import workers

PROMTOOL = shutil.which("promtool") or (ROOT / "build-tools" / "promtool" if (ROOT / "build-tools" / "promtool").exists() else None)
NO_SUCH_PID = 4194303  # which there could be
SAMPLE = re.compile(r'(\w+)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def read(service, headers=None):
    answer = service.get("/metrics", headers)
    assert answer.status == 200 and answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = {}
    for line in answer.body.decode().splitlines():
        if not line.startswith("#"):
            name, labels, value = SAMPLE.fullmatch(line).groups()
            key = (name, *sorted(LABEL.findall(labels or "")))
            assert key not in found, line
            found[key] = float(value)
    return found


def value(figures, name, **labels):
    return figures.get((name, *sorted(labels.items())), 0)


def requests(figures, route, code, method="GET"):
    return value(figures, "procscope_http_requests_total", route=route, code=str(code), method=method)


def ended(figures, operation, result="ok"):
    return value(figures, "procscope_operations_total", operation=operation, result=result)


def after(service, condition, what):
    """The figures, once the inspector and the front have both put down what the client has had already."""
    return wait_until(lambda: (figures := read(service)) and condition(figures) and figures, what)


@pytest.mark.skipif(not PROMTOOL, reason="no promtool")
def test_promtool_finds_no_fault(serve, target):
    service = serve()
    process = target("shapes", "threads", "1")
    for path in ("/api/processes", f"/api/processes/{process.pid}/dump", f"/stacks?pid={process.pid}", "/nothing", '/api/processes/"',
                 "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/w/processes"):
        service.get(path)
    for method in ("HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get"):
        service.request(method, "/nothing")
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=service.get("/metrics").body, capture_output=True)
    assert done.returncode == 0 and not done.stdout + done.stderr, done


def test_what_was_done_is_counted(serve, target):
    service = serve("--dumps", "1")
    process = target("shapes", "threads", "3")
    size = 0
    for _ in range(3):
        size += len(service.get(f"/api/processes/{process.pid}/dump").body)
        assert service.get(f"/api/processes/{NO_SUCH_PID}").status == 404
    assert service.get(f"/diagnostics/processes/{process.pid}/dump?dumpType=x").status == 400
    assert service.request("HEAD", "/healthz").status == 200 and service.get("/nothing/at/all").status == 404
    figures = after(service, lambda f: ended(f, "dump") == 3 and ended(f, "show", "not_found") == 3, "all is counted")
    assert ended(figures, "dump", "bad_request") == 1 and ended(figures, "stop") == 0
    assert requests(figures, "/api/processes/{id}/dump", 200) == 3 and requests(figures, "/api/processes/{id}", 404) == 3
    assert requests(figures, "/diagnostics/processes/{id}/dump", 400) == 1
    assert requests(figures, "/healthz", 200, "HEAD") == 1 and requests(figures, "none", 404) == 1
    assert value(figures, "procscope_http_request_duration_seconds_count", route="/api/processes/{id}/dump", method="GET") == 3
    assert value(figures, "procscope_target_pause_seconds_count") == 3 and 0 < value(figures, "procscope_target_pause_seconds_sum") < 30
    assert value(figures, "procscope_answer_bytes_total") >= size
    assert value(figures, "procscope_worker_places", kind="dump") == 1
    after(service, lambda f: value(f, "procscope_worker_places_busy", kind="dump") == 0, "none is taken any more")
    assert value(figures, "procscope_http_answers_cut_total") == 0
    assert value(figures, "procscope_host_memory_bytes") > value(figures, "procscope_host_memory_available_bytes") > 0
    assert value(figures, "procscope_host_processors") == os.cpu_count()


def test_a_target_that_is_held_counts_for_as_long(serve, target):
    """In the mode stop the pause is known only when the memory was read."""
    service = serve()
    process = target("shapes", "threads", "1")
    answer = service.get(f"/api/processes/{process.pid}/dump?dumpType=2&mode=stop")
    assert answer.status == 200 and "X-Dump-Pause-Microseconds" not in answer.headers
    figures = after(service, lambda f: ended(f, "dump") == 1, "it is counted")
    assert value(figures, "procscope_target_pause_seconds_count") == 1 and value(figures, "procscope_target_pause_seconds_sum") > 0
    assert service.get(f"/api/processes/{process.pid}/stacks").status == 200
    after(service, lambda f: value(f, "procscope_target_pause_seconds_count") == 2, "stacks count, too")


def test_failures_are_counted(serve, target):
    service = serve()
    process = target("shapes", "threads", "1")
    kept = wait_until(lambda: len(workers(service)) == 2 and workers(service), "those that are kept")
    connection = service.connection()
    connection.request("GET", f"/livemetrics?pid={process.pid}&durationSeconds=600")
    assert connection.getresponse().read(1) == b"\x1e"
    after(service, lambda f: value(f, "procscope_worker_places_busy", kind="profile") == 1, "it is at work")
    worker, = set(workers(service)) - set(kept)
    os.kill(worker, signal.SIGKILL)
    figures = after(service, lambda f: ended(f, "livemetrics", "error") == 1 and value(f, "procscope_http_answers_cut_total") == 1, "it is counted")
    assert value(figures, "procscope_workers_lost_total") == 1
    after(service, lambda f: value(f, "procscope_worker_places_busy", kind="profile") == 0, "its place is free")
    assert value(figures, "procscope_workers_started_total") == 3
    connection.close()

    connection = service.connection()
    connection.request("GET", f"/livemetrics?pid={process.pid}&durationSeconds=600")
    assert connection.getresponse().read(1) == b"\x1e"
    connection.close()
    figures = after(service, lambda f: ended(f, "livemetrics", "client_gone") == 1, "a client that goes away is none of ours that failed")
    assert ended(figures, "livemetrics", "error") == 1


def test_who_may_see_them(serve, tmp_path):
    file = tmp_path / "tokens"
    reader = bearer(token(file, "reader"))
    service = serve("--tokens", file)
    assert service.get("/metrics").status == 401
    assert ended(read(service, reader), "metrics", "unauthorized") == 1


def test_the_front_cannot_write_them(service):
    """What workers read is not in its memory: of what it shares with others, files aside, there is nothing."""
    assert service.get("/healthz").status == 200  # it is there
    front, = [pid for pid in open(f"/proc/{service.pid}/task/{service.pid}/children").read().split()
              if open(f"/proc/{pid}/comm").read() == "procscope-http\n"]
    shared = [line for line in open(f"/proc/{front}/maps").read().splitlines() if line.split()[1][3] == "s"]
    assert not shared
