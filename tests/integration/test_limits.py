"""What a dump would be, what it may not be, and readers and targets that don't last."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse

import pytest

from conftest import MODES, PROCSCOPE, is_held, read_line, tracer_of, wait_until

MEMORY = 200 << 20  # far more than all pipes and socket buffers on the way
TYPES = [0, 1, 2, 0x40, 0x200, 0x1000, 0x2006]


@pytest.fixture
def large(sleeper):
    """A process with much memory that says it is there."""
    code = f"import os; x = os.urandom(1 << 20) * {MEMORY >> 20}; print('ready', flush=True)\nimport time\nwhile True: time.sleep(0.01)"
    return sleeper(sys.executable, "-c", code, stdout=subprocess.PIPE)


def wait_asleep(pid):
    """Until all of its threads sleep: a running one shows no stack."""
    def asleep():
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/syscall", encoding="ascii") as file:
                if file.read().startswith("running"):
                    return False
        return True
    wait_until(asleep, "all threads sleep")


def estimate(service, pid, **arguments):
    return service.json(f"/api/processes/{pid}/dump?estimate=true&{urllib.parse.urlencode(arguments)}")


@pytest.mark.parametrize("inner", ["raw", "core"])
@pytest.mark.parametrize("kind", TYPES)
def test_an_estimate_is_the_size_of_the_dump(service, target, inner, kind):
    process = target("shapes", "threads", "20")
    wait_asleep(process.pid)
    told = estimate(service, process.pid, dumpType=kind, format=inner)
    dump = service.get(f"/api/processes/{process.pid}/dump?dumpType={kind}&format={inner}")
    assert dump.status == 200
    assert told["size"] == pytest.approx(len(dump.body), rel=0.03)
    assert told["sizes"][inner] == told["size"] and not told["size_is_upper_bound"]
    assert told["threads"] == int(dump.headers["X-Dump-Threads"]) == 21
    assert told["memory_bytes"] == pytest.approx(int(dump.headers["X-Dump-Memory-Bytes"]), rel=0.03)
    assert told["mode"] in ("stop", "snapshot") and told["expected_pause_microseconds"] > 0


@pytest.mark.parametrize("query", ["format=zip", "format=zip&modules=all", "format=zip&inner=core&modules=none", "compress=gzip", "compress=zstd",
                                   "format=core&compress=gzip&level=0"])
@pytest.mark.parametrize("kind", [0, 2])
def test_an_estimate_of_what_is_compressed_is_a_bound(service, sleeper, query, kind):
    """Also of bytes that don't compress, and with all that stands beside a dump in a zip."""
    code = "import os, time; x = os.urandom(8 << 20); print('ready', flush=True); time.sleep(3600)"
    process = sleeper(sys.executable, "-c", code, stdout=subprocess.PIPE)
    path = f"/api/processes/{process.pid}/dump?dumpType={kind}&{query}"
    told, head, dump = service.json(f"{path}&estimate=true"), service.request("HEAD", path), service.get(path)
    assert dump.status == 200
    assert told["size_is_upper_bound"] and len(dump.body) <= told["size"]
    assert kind == 0 or 8 << 20 < len(dump.body)
    assert head.headers["Content-Type"] == dump.headers["Content-Type"]
    ending = re.compile(r"\d\d(\.[^\"]+)\"$")
    assert ending.search(head.headers["Content-Disposition"])[1] == ending.search(dump.headers["Content-Disposition"])[1]


def switches_of(pid):
    """How often each thread has slept and woken."""
    return {task: open(f"/proc/{pid}/task/{task}/status", encoding="ascii").read().rpartition("voluntary_ctxt_switches")[0]
            .rpartition("voluntary_ctxt_switches:")[2] for task in os.listdir(f"/proc/{pid}/task")}


def memory_of(pid, name):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(next(line.split()[1] for line in file if line.startswith(name)))


def test_an_estimate_touches_nothing(service, target):
    """No thread wakes for it and no memory becomes the process's own. (A page or two of the ELF files that it has mapped may be
    looked up through it.)"""
    process = target("shapes", "threads", "3")
    wait_asleep(process.pid)
    switches, private, resident = switches_of(process.pid), memory_of(process.pid, "Private_Dirty"), memory_of(process.pid, "Rss")
    for kind in TYPES:
        estimate(service, process.pid, dumpType=kind)
        service.request("HEAD", f"/api/processes/{process.pid}/dump?dumpType={kind}&format=core")
    assert switches_of(process.pid) == switches
    assert memory_of(process.pid, "Private_Dirty") == private
    assert memory_of(process.pid, "Rss") - resident <= 64


def test_the_head_of_a_dump(service, target):
    process = target("shapes", "threads", "3")
    wait_asleep(process.pid)
    for form, kind, ending in [("raw", "application/octet-stream", ".dmp"), ("core", "application/octet-stream", ".core"),
                               ("zip", "application/zip", ".zip")]:
        path = f"/api/processes/{process.pid}/dump?dumpType=2&format={form}"
        head = service.request("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["Content-Type"] == kind
        assert ending + '"' in head.headers["Content-Disposition"]
        assert head.headers["Content-Length"] is None
        assert int(head.headers["X-Dump-Estimated-Bytes"]) == \
            pytest.approx(estimate(service, process.pid, dumpType=2, format=form)["size"], rel=0.03)
        assert head.headers["X-Dump-Mode"] in ("stop", "snapshot")
        assert int(head.headers["X-Dump-Expected-Pause-Microseconds"]) > 0
        assert head.headers["X-Dump-Threads"] == "4"


def test_looking_needs_no_place_among_the_dumps(service, large):
    """While one dump runs, of that very process, one may look; to take another one is refused."""
    path = f"/api/processes/{large.pid}/dump"
    with dump_begun(service, large.pid):
        refused = service.get(path)
        assert refused.status == 429 and int(refused.headers["Retry-After"]) > 0
        assert "(dumps-per-target)" in refused.message
        looked = service.get(f"{path}?estimate=true&dumpType=2")
        assert looked.status in (200, 409)  # 409: it is held just now
        assert service.request("HEAD", path).status in (200, 409)


def test_errors_of_an_estimate_are_those_of_the_dump(service):
    for pid, query in [(99999999, ""), (2, ""), (0, "dumpType=33554432"), (0, "format=elf")]:
        path = f"/api/processes/{pid}/dump?{query}"
        dump, look, head = service.get(path), service.get(f"{path}&estimate=true"), service.request("HEAD", path)
        assert dump.status == look.status == head.status >= 400
        assert dump.message == look.message


def test_head_never_ends_a_process(service, sleeper):
    process = sleeper()
    assert service.request("HEAD", f"/api/processes/{process.pid}/stop").status == 405
    assert service.request("HEAD", f"/api/processes/{process.pid}").status == 200
    assert process.poll() is None


def test_a_dump_that_would_be_too_large(service, serve, sleeper):
    process = sleeper()
    path = f"/api/processes/{process.pid}/dump?dumpType=2"
    size = len(service.get(path).body)
    for query in (f"{path}&maxBytes=64K", f"{path}&maxBytes=65536&format=core", f"{path}&maxBytes=64K&format=zip"):
        answer = service.get(query)
        assert answer.status == 413 and " 65536 " in answer.message
    told = int(service.get(f"{path}&maxBytes=64K").message.split()[4])
    assert told == pytest.approx(size, rel=0.03)
    assert tracer_of(process.pid) == 0
    assert service.get(f"{path}&maxBytes={size * 2}").status == 200
    assert service.get(f"{path}&maxBytes=lots").status == 400
    limited = serve("--max-dump-bytes", "64K")
    assert limited.get(path).status == limited.get(f"{path}&maxBytes=1G").status == 413
    assert "max-dump-bytes" in limited.get(path).message
    assert limited.get(f"/api/processes/{process.pid}/dump").status == 200


def test_the_command_line(sleeper, tmp_path):
    process = sleeper()
    out = tmp_path / "x.dmp"
    one = subprocess.run([PROCSCOPE, "dump", str(process.pid), "-t", "2", "--max-bytes", "64K", "-o", out],
                         capture_output=True, text=True)
    assert one.returncode == 9 and "more than the 65536 of maxBytes" in one.stderr and not list(tmp_path.iterdir())
    two = subprocess.run([PROCSCOPE, "dump", str(process.pid), "--estimate", "--json", "-t", "2"], capture_output=True, text=True, check=True)
    three = subprocess.run([PROCSCOPE, "dump", str(process.pid), "-t", "2", "-o", out], capture_output=True, check=True)
    assert json.loads(two.stdout)["size"] == pytest.approx(out.stat().st_size, rel=0.03) and three.returncode == 0
    shown = subprocess.run([PROCSCOPE, "dump", str(process.pid), "--estimate"], capture_output=True, text=True, check=True).stdout
    assert "size" in shown and "held for" in shown


@contextlib.contextmanager
def dump_begun(service, pid, query="dumpType=2"):
    """A connection on which a full dump has begun to arrive."""
    parts = urllib.parse.urlsplit(service.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
        connection.sendall(f"GET /api/processes/{pid}/dump?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        got = b""
        while b"\r\n\r\n" not in got:
            got += connection.recv(65536)
        assert got.startswith(b"HTTP/1.1 200"), got
        yield connection


def read_unevenly(connection, size):
    """At once, in crumbs and after pauses, so that the socket is full, then empty, again and again."""
    got, steps = bytearray(), [1 << 20, 1, 70000, 1 << 22, 3]
    while len(got) < size:
        step = steps[len(got) % 5]
        piece = connection.recv(min(step, size - len(got)))
        assert piece, f"cut after {len(got)} of {size}"
        got += piece
        if step == 3:
            time.sleep(0.002)
    return bytes(got)


@pytest.mark.parametrize("where", ["127.0.0.1:0", "unix"])
def test_no_byte_is_lost_on_the_short_way(serve, large, tmp_path, where):
    """Large bodies go past libmicrohttpd; what comes is what the command writes into a file."""
    large.send_signal(signal.SIGSTOP)
    path = tmp_path / "socket"
    one = serve(listen=(f"unix:{path}" if where == "unix" else where,))
    parts = urllib.parse.urlsplit(one.url)
    out = tmp_path / "x.core"
    subprocess.run([PROCSCOPE, "dump", str(large.pid), "-t", "2", "--format", "core", "-q", "-o", out], check=True)
    with contextlib.closing(socket.socket(socket.AF_UNIX if where == "unix" else socket.AF_INET)) as connection:
        connection.connect(str(path) if where == "unix" else (parts.hostname, parts.port))
        connection.sendall(f"GET /api/processes/{large.pid}/dump?dumpType=2&format=core HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        length = int(re.search(rb"Content-Length: (\d+)", head).group(1))
        assert head.startswith(b"HTTP/1.1 200") and b"\r\nConnection: close\r\n" in head
        body = read_unevenly(connection, length)
        assert connection.recv(1) == b""
    written = out.read_bytes()
    assert len(written) == length
    different = [at for at in range(0, length, 4096) if body[at:at + 4096] != written[at:at + 4096]]
    assert len(different) <= 8 and all(at < 1 << 20 for at in different)  # times of the dump, in the notes


@pytest.mark.parametrize("form", ["raw", "core", "zip"])
def test_a_target_that_dies_half_way(service, large, tmp_path, form):
    """The stream stops short: what was not read is not filled up with zeros."""
    out = tmp_path / "dump"
    url = f"{service.url}/api/processes/{large.pid}/dump?dumpType=2&mode=stop&format={form}"
    curl = subprocess.Popen(["curl", "-s", "--limit-rate", "20M", "-o", out, url])
    wait_until(lambda: out.exists() and out.stat().st_size > 4096 and tracer_of(large.pid), "the dump arrives")
    os.kill(large.pid, signal.SIGKILL)
    assert curl.wait(120) == 18
    assert out.stat().st_size < MEMORY
    assert service.get("/healthz").status == 200


def test_a_snapshot_outlives_its_target(service, large, tmp_path):
    """What has died meanwhile is dumped to the end."""
    out, heads = tmp_path / "dump", tmp_path / "heads"
    url = f"{service.url}/api/processes/{large.pid}/dump?dumpType=2&format=core&mode=snapshot"
    curl = subprocess.Popen(["curl", "-s", "--limit-rate", "50M", "-D", heads, "-o", out, url])
    wait_until(lambda: out.exists() and out.stat().st_size > 4096, "the dump arrives")
    os.kill(large.pid, signal.SIGKILL)
    large.wait()
    assert curl.wait(120) == 0
    assert "X-Dump-Mode: snapshot" in heads.read_text() and out.stat().st_size > MEMORY


def test_a_target_that_dies_under_the_command(large, tmp_path):
    """No file, not even a part of one."""
    fifo = tmp_path / "slow"
    os.mkfifo(fifo)
    command = subprocess.Popen([PROCSCOPE, "dump", str(large.pid), "--type", "full", "--mode", "stop", "-o", str(fifo)], stderr=subprocess.PIPE, text=True)
    with fifo.open("rb") as reader:
        assert reader.read(1 << 20)
        os.kill(large.pid, signal.SIGKILL)
        while reader.read(1 << 20):
            pass
    assert command.wait(60) == 3 and "ended while it was being dumped" in command.stderr.read()


def test_a_file_of_a_target_that_dies(large, tmp_path):
    command = subprocess.Popen([PROCSCOPE, "dump", str(large.pid), "--type", "full", "--mode", "stop", "-o", str(tmp_path / "x.dmp")], stderr=subprocess.PIPE)
    wait_until(lambda: tracer_of(large.pid) or command.poll() is not None, "it is held")
    os.kill(large.pid, signal.SIGKILL)
    if command.wait(60) == 0:
        pytest.skip("the whole dump was read before its process could be killed")
    assert not list(tmp_path.iterdir())


def trickle(connection, piece, pause, seconds):
    """Takes a little now and then; how many bytes came until it was cut, or None when the time was over."""
    got, end = 0, time.monotonic() + seconds
    with contextlib.suppress(ConnectionResetError):
        while time.monotonic() < end:
            bytes_ = connection.recv(piece)
            if not bytes_:
                return got
            got += len(bytes_)
            time.sleep(pause)
        return None
    return got


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", ["raw", "zip"])
def test_a_reader_that_hardly_reads(serve, large, form, mode):
    """Never silent, but too slow: the target or its clone is let go and the client sees the cut."""
    one = serve("--stall-timeout", "1s", "--min-rate", "1G")
    with dump_begun(one, large.pid, f"dumpType=2&format={form}&mode={mode}") as connection:
        assert is_held(large.pid)
        got = trickle(connection, 1 << 20, 0.01, 60)
        assert got is not None and got < MEMORY
        wait_until(lambda: not is_held(large.pid), "the target is let go")
    assert one.get("/healthz").status == 200


def test_a_reader_at_its_own_pace_where_any_rate_will_do(serve, large):
    one = serve("--stall-timeout", "1s", "--min-rate", "0")
    with dump_begun(one, large.pid) as connection:
        got = trickle(connection, 1 << 20, 0.01, 60)
        assert got >= MEMORY


def test_the_reader_of_the_commands_pipe(large):
    command = subprocess.Popen([PROCSCOPE, "dump", str(large.pid), "-t", "2", "-o", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert command.stdout.read(1 << 20)
    assert os.get_blocking(command.stdout.fileno())
    command.stdout.close()
    assert command.wait(60) != 0
    wait_until(lambda: not is_held(large.pid), "the target is let go")


def test_one_process_by_three_ids(serve, large):
    """0, -1 and the pid are the same process: while one dump of it runs, none of them gets another."""
    main = serve("--main-pid", str(large.pid), "--dumps", "4")
    for first, second in [(large.pid, -1), (-1, large.pid), (-1, -1), (large.pid, large.pid)]:
        with dump_begun(main, first):
            refused = main.get(f"/api/processes/{second}/dump")
            assert refused.status == 429 and "already being taken" in refused.message
            assert int(refused.headers["Retry-After"]) > 0
        wait_until(lambda: main.get(f"/api/processes/{second}/dump").status == 200, "it is free again")  # pylint: disable=cell-var-from-loop
    two = serve("--main-pid", str(large.pid), "--dumps-per-target", "2")
    with dump_begun(two, large.pid):
        assert two.get("/api/processes/-1/dump").status in (200, 409)  # 409: held by the first


def test_two_dumps_one_after_the_other_by_two_ids(serve, sleeper):
    """The place of a dump that is done is free at once."""
    process = sleeper()
    one = serve("--main-pid", str(process.pid))
    for identity in [process.pid, -1] * 10:
        assert one.get(f"/api/processes/{identity}/dump").status == 200


def test_no_more_dumps_than_are_allowed(serve, large, sleeper):
    one = serve("--dumps", "1")
    with dump_begun(one, large.pid):
        refused = one.get(f"/api/processes/{sleeper().pid}/dump")
        assert refused.status == 429 and int(refused.headers["Retry-After"]) > 0
        assert "(dumps)" in refused.message


STAYS = """
import signal
signal.signal(signal.SIGTERM, lambda *_: print('told', flush=True))
print('ready', flush=True)
while True: signal.pause()
"""


def test_what_is_being_ended_has_places_of_its_own(serve, sleeper):
    """Those that take their time to end leave none for others of their kind, and all for the rest."""
    one = serve("--stops", "1", "--profiles", "1")
    slow, other = (sleeper(sys.executable, "-c", STAYS, stdout=subprocess.PIPE) for _ in range(2))
    address = urllib.parse.urlsplit(one.url)
    with socket.create_connection((address.hostname, address.port)) as client:
        client.sendall(f"DELETE /api/processes/{slow.pid}?grace=5m HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert read_line(slow) == "told"
        refused = one.request("DELETE", f"/api/processes/{other.pid}?grace=5m")
        assert refused.status == 429 and "(stops)" in refused.message, refused.body
        assert one.get(f"/api/processes/{other.pid}/profile?seconds=1&mode=wall").status == 200
        assert one.get(f"/api/processes/{other.pid}/dump").status == 200
        slow.kill()
        slow.wait()
        assert client.recv(4096).startswith(b"HTTP/1.1 20")
        assert one.request("DELETE", f"/api/processes/{other.pid}").status == 200
