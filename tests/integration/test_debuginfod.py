"""Debug files that a server has, and no other place: Debian's own debuginfod, on this machine alone; and a server that
never answers."""
import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import urllib.request

import pytest

from conftest import PROCSCOPE, wait_until
from test_dump_readers import needs, run

SOURCE = """
#include <stdio.h>
#include <unistd.h>
__attribute__((noinline)) void fetched_inner(void) { pause(); __asm__ volatile(""); }
__attribute__((noinline)) void fetched_outer(void) { fetched_inner(); __asm__ volatile(""); }
int main(void) { puts("ready"); fflush(stdout); fetched_outer(); }
"""
LINE = 4  # of the call of pause


@pytest.fixture
def program(tmp_path, sleeper):
    """It runs, and nothing of its debug information is beside it; its build id, and the folder that has it."""
    folder, store = tmp_path / "program", tmp_path / "store"
    folder.mkdir()
    store.mkdir()
    (folder / "fetched.c").write_text(SOURCE)
    path = folder / "fetched"
    run("cc", "-g", "-O1", "-Wl,--build-id", "-o", path, folder / "fetched.c")
    run("objcopy", "--only-keep-debug", path, store / "fetched.debug")
    run("strip", path)
    notes = run("readelf", "-n", path).stdout.decode()
    process = sleeper(str(path), stdout=subprocess.PIPE)
    return process, re.search(r"Build ID: (\w+)", notes).group(1), store


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server(program, tmp_path, sleeper):
    _, build_id, store = program
    command = shutil.which("debuginfod") or "/usr/sbin/debuginfod"

    def has_it():
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"{url}/buildid/{build_id}/debuginfo", timeout=30).status == 200
        return process.poll() is not None

    for _ in range(10):  # its port may be somebody's by then
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        with (tmp_path / "debuginfod.log").open("wb") as log:
            process = sleeper(command, "-F", "-p", str(port), "-d", str(tmp_path / "index"), str(store), stdout=log, stderr=log,
                              env={**os.environ, "DEBUGINFOD_URLS": ""})
        wait_until(has_it, "the server's index", 60)
        if process.poll() is None:
            return url
    raise AssertionError((tmp_path / "debuginfod.log").read_text(errors="replace"))


def frames_of(answer):
    return {frame.get("function"): frame for frame in answer["threads"][0]["frames"]}


def on_the_command_line(pid, folder, *arguments):
    environment = {**os.environ, "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    return json.loads(run(PROCSCOPE, "stack", pid, "--json", *arguments, env=environment).stdout)


@needs("debuginfod")
def test_on_the_command_line(program, server, tmp_path):
    process, _, _ = program
    frames = frames_of(on_the_command_line(process.pid, tmp_path))
    assert "fetched_inner" not in frames
    for _ in range(2):  # the second time out of the cache
        frames = frames_of(on_the_command_line(process.pid, tmp_path, "--debuginfod-urls", server))
        assert (frames["fetched_inner"]["line"], frames["fetched_inner"]["file"].rsplit("/")[-1]) == (LINE, "fetched.c")
        assert frames["fetched_outer"]["line"] == LINE + 1
    assert list((tmp_path / "cache").rglob("debuginfo"))


@needs("debuginfod")
def test_by_the_service(program, server, serve):
    process, _, _ = program
    assert "fetched_inner" not in frames_of(serve().json(f"/api/processes/{process.pid}/stacks"))
    # a busy machine may take longer than five seconds
    asking = serve("--debuginfod-urls", server, "--debuginfod-timeout", "5m", "--operation-timeout", "10m")
    for _ in range(3):
        frames = frames_of(asking.json(f"/api/processes/{process.pid}/stacks"))
        assert frames["fetched_inner"]["line"] == LINE


@pytest.fixture
def silent():
    """Takes connections and says nothing."""
    taken = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def take():
            with contextlib.suppress(OSError):
                while True:
                    taken.append(listener.accept()[0])
        thread = threading.Thread(target=take)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in taken:
        connection.close()


def test_a_server_that_hangs(program, silent, serve):
    """The stacks come without what it would have had, and the answer says so."""
    process, _, _ = program
    asking = serve("--debuginfod-urls", silent, "--debuginfod-timeout", "1s", "--operation-timeout", "10m")
    for _ in range(2):
        answer = asking.json(f"/api/processes/{process.pid}/stacks")
        assert "fetched" in answer["given_up"] and answer["threads"][0]["end"] == "outermost"
        assert "main" not in frames_of(answer)


def children_of(pid):
    found = []
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += [int(child) for child in path.read_text().split()]
    return found


def asking_in(service):
    """The worker of the service that waits for a server, and the folder with what came so far."""
    for worker in children_of(service.pid):
        for asker in children_of(worker):
            with contextlib.suppress(OSError):
                for descriptor in pathlib.Path(f"/proc/{asker}/fd").iterdir():
                    found = re.match(r"/tmp/procscope-debuginfod-\w+", os.readlink(descriptor))
                    if found:
                        return worker, pathlib.Path(found[0])
    return None


@pytest.mark.skipif(os.geteuid() != 0, reason="who isn't root has a cache of his own")
@pytest.mark.parametrize("end", ["its time is over", "its worker is killed", "the service is killed"])
def test_nothing_is_left_of_what_did_not_come(program, silent, serve, end):
    process, _, _ = program
    asking = serve("--debuginfod-urls", silent, "--debuginfod-timeout", "2s" if end == "its time is over" else "5m",
                   "--operation-timeout", "10m")
    seen = None
    while not seen:  # on a busy machine its time may be over before we look
        with concurrent.futures.ThreadPoolExecutor() as other:
            answer = other.submit(asking.get, f"/api/processes/{process.pid}/stacks")
            seen = wait_until(lambda: asking_in(asking) or answer.done() and (None, None), "somebody who asks, or an answer", 120)
            seen = seen if seen[0] else None
            if seen and end == "its worker is killed":
                os.kill(seen[0], signal.SIGKILL)
            if seen and end == "the service is killed":
                asking.process.kill()
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer.result()
    wait_until(lambda: not seen[1].exists(), "nothing left", 120)


def test_a_server_that_is_not_there(program, tmp_path):
    process, _, _ = program
    answer = on_the_command_line(process.pid, tmp_path, "--debuginfod-urls", f"http://127.0.0.1:{free_port()}")
    assert "given_up" not in answer and answer["threads"][0]["frames"]


def test_directories(program):
    process, build_id, store = program
    place = store / ".build-id" / build_id[:2]
    place.mkdir(parents=True)
    (store / "fetched.debug").rename(place / f"{build_id[2:]}.debug")
    for given, found in (("/nowhere", False), (f"/nowhere:{store}", True)):
        answer = json.loads(run(PROCSCOPE, "stack", process.pid, "--json", "--debug-directories", given).stdout)
        assert ("fetched_inner" in frames_of(answer)) == found
    for verb in (["stack", str(process.pid)], ["serve"]):
        refused = run(PROCSCOPE, *verb, "--debug-directories", "relative", check=False)
        assert refused.returncode == 2 and b"absolute paths" in refused.stderr and b"Listening" not in refused.stderr
        refused = run(PROCSCOPE, *verb, "--debuginfod-urls", "http://127.0.0.1:1 ftp:/x", check=False)
        assert refused.returncode == 2 and b"https://" in refused.stderr and b"Listening" not in refused.stderr
