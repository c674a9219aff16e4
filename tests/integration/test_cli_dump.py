"""`procscope dump`, here and against a service: what is written, and what is left where it is cut, interrupted or nobody reads."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading

import pytest

from cli import ENVIRONMENT, on_a_terminal, run, where  # noqa: F401  (fixtures)
from conftest import PROCSCOPE, wait_until

BIG = "import sys; held = bytearray(b'x') * (256 << 20); print('ready', flush=True); import time; time.sleep(3600)"


def test_dump(where, target, tmp_path):
    process = target("shapes", "threads", "3")
    path = tmp_path / "a.dmp"
    run(*where, "dump", process.pid, "-o", path)
    assert re.match(rf"procscope: wrote {path}: [0-9.]+ KiB, 4 threads, mode \w+, held for [0-9.]+ \w+", run.stderr)
    assert path.read_bytes()[:4] == b"MDMP" and path.stat().st_mode & 0o777 == 0o600
    before = path.stat().st_mtime_ns
    run(*where, "dump", process.pid, "-o", path, code=1)
    assert "--force" in run.stderr and path.stat().st_mtime_ns == before
    report = json.loads(run(*where, "dump", process.pid, "-o", path, "--force", "--json", "--quiet"))
    assert report["file"] == str(path) and report["size"] == path.stat().st_size
    assert report["X-Dump-Threads"] == "4" and run.stderr == ""
    whole = run(*where, "dump", process.pid, "-o", "-", "--type", "full", text=False)
    assert whole[:4] == b"MDMP" and len(whole) > path.stat().st_size
    run(*where, "dump", process.pid, cwd=tmp_path)
    comm = pathlib.Path(f"/proc/{process.pid}/comm").read_text().strip()
    named = [name for name in os.listdir(tmp_path) if name.startswith(comm + "-")]
    assert len(named) == 1 and named[0].endswith(".dmp")
    run(*where, "dump", process.pid, "-o", tmp_path, "--format", "zip")
    assert [name for name in os.listdir(tmp_path) if name.endswith(".zip")]
    run(*where, "dump", process.pid, "-o", tmp_path / "no" / "such", code=3)
    run(*where, "dump", process.pid, "--type", "99999999999", code=2)
    run(*where, "dump", process.pid, "--type", "heap", code=2)
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]


def test_lldb_opens_the_dump(where, target, tmp_path):
    lldb = shutil.which("lldb-19")
    if not lldb:
        pytest.skip("lldb-19 is not installed")
    process = target("shapes", "threads", "3")
    path = tmp_path / "a.dmp"
    run(*where, "dump", process.pid, "--type", "2", "-o", path)
    out = subprocess.run([lldb, "--batch", "--no-lldbinit", "-o", f"target create --core {path}", "-o", "thread list",
                          "-o", "bt"], capture_output=True, text=True, timeout=120, check=False).stdout
    threads = {int(tid, 0) for tid in re.findall(r"thread #\d+: tid = (\w+)", out)}
    assert threads == set(map(int, os.listdir(f"/proc/{process.pid}/task"))), out
    assert "frame #0" in out


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_dump_leaves_nothing(where, sleeper, tmp_path, sent):
    process = sleeper(sys.executable, "-c", BIG, stdout=subprocess.PIPE)
    path = tmp_path / "big.dmp"
    dump = subprocess.Popen([PROCSCOPE, *where, "dump", str(process.pid), "-t", "2", "-o", path],
                            stderr=subprocess.PIPE, env=ENVIRONMENT)

    def writing():
        """Some of it is in the file, which has no name yet; or it is done already."""
        for fd in pathlib.Path(f"/proc/{dump.pid}/fd").iterdir():
            try:
                if str(tmp_path) in os.readlink(fd) and os.stat(fd).st_size > 1 << 20:
                    return True
            except OSError:
                continue
        return dump.poll() is not None
    wait_until(writing, "the first bytes")
    dump.send_signal(sent)
    dump.communicate(timeout=60)
    if dump.returncode == 0:
        pytest.skip("was faster than the signal")
    assert dump.returncode == -sent
    assert os.listdir(tmp_path) == []
    wait_until(lambda: "TracerPid:\t0" in pathlib.Path(f"/proc/{process.pid}/status").read_text(), "it is let go")
    assert pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "SR"


def test_a_reader_that_goes_away(where, sleeper):
    process = sleeper(sys.executable, "-c", BIG, stdout=subprocess.PIPE)
    dump = subprocess.Popen([PROCSCOPE, *where, "dump", str(process.pid), "-t", "2", "-o", "-"], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    assert dump.stdout.read(4) == b"MDMP"
    dump.stdout.close()
    assert dump.wait(60) != 0
    wait_until(lambda: "TracerPid:\t0" in pathlib.Path(f"/proc/{process.pid}/status").read_text(), "it is let go")


class Cut(threading.Thread):
    """A server that answers one request with given bytes and closes."""

    def __init__(self, answer):
        super().__init__(daemon=True)
        self.answer = answer
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.start()

    def run(self):
        client, _ = self.socket.accept()
        with client, self.socket:
            while b"\r\n\r\n" not in client.recv(65536):
                pass
            client.sendall(self.answer)
            client.shutdown(socket.SHUT_WR)
            client.recv(1)


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nMDMP",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nMDMP\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nMDMP",
    b"",
])
def test_a_cut_answer_is_no_dump(answer, tmp_path):
    run("--url", Cut(answer).url, "dump", 42, "-o", tmp_path / "x", code=7)
    assert run.stderr.startswith("procscope: ") and os.listdir(tmp_path) == []


@pytest.mark.parametrize("answer, code, words", [
    (b"HTTP/1.1 409 Conflict\r\nContent-Length: 25\r\n\r\n{\"Message\":\"It is traced\"}", 5, "It is traced"),
    (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 4, "is it one?"),
    (b"HTTP/1.1 503 Busy\r\nContent-Length: 32\r\n\r\n{\"error\":{\"message\":\"\\u001b[31m\"}}", 8, "\\e[31m"),
    (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 1, "is it one?"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<html", 1, "no JSON"),
])
def test_refusals_are_told(answer, code, words):
    answer = answer.replace(b"Content-Length: 25", b"Content-Length: %d" % len(b'{"Message":"It is traced"}'))
    answer = answer.replace(b"Content-Length: 32", b"Content-Length: %d" % len(answer.split(b"\r\n\r\n")[1]))
    run("--url", Cut(answer).url, "show", 42, code=code)
    assert words in run.stderr and run.stderr.count("\n") == 1


def test_a_hostile_file_name_stays_here(tmp_path):
    answer = (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n"
              b"Content-Disposition: attachment; filename=\"../../\x1b/evil\"\r\n\r\nMDMP")
    run("--url", Cut(answer).url, "dump", 42, cwd=tmp_path)
    assert len(os.listdir(tmp_path)) == 1 and "\033" not in run.stderr


def test_progress_on_a_terminal(where, sleeper, tmp_path):
    process = sleeper(sys.executable, "-c", BIG, stdout=subprocess.PIPE)
    code, seen = on_a_terminal(*where, "dump", process.pid, "-t", "2", "-o", tmp_path / "x", stdout_too=False)
    assert code == 0
    bars = re.findall(rb"\r *(\d+)% \[[#-]{24}\] [0-9.]+ [KMG]?i?B of [0-9.]+ MiB  [0-9.]+ [KMG]?i?B/s  \S+( \w+)? left", seen)
    assert bars and all(0 <= int(bar[0]) <= 100 for bar in bars)
    assert b"wrote " in seen.split(b"\r")[-2] + seen.split(b"\r")[-1]
    code, seen = on_a_terminal(*where, "dump", process.pid, "-o", tmp_path / "y", "--quiet", stdout_too=False)
    assert (code, seen) == (0, b"")
    code, seen = on_a_terminal("dump", process.pid, "-o", "-")
    assert code == 2 and b"terminal" in seen and b"MDMP" not in seen
