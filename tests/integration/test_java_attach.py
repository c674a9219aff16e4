"""How a Java virtual machine is spoken to: only where that is no harm to it, with no more rights than it has, and whoever is killed meanwhile."""
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from conftest import wait_until
from java import BUSY, OTHER, TOOK_TOO_LONG, ask, ask_until_told, attach_file, by_name, fetch, jvm, output, patiently, places, until_it_says, until_told  # noqa: F401  (fixtures)
from test_dump_readers import needs, run
from victims import children, comm

KILLS = 200

pytestmark = needs("java")


CATCHES = """
import ctypes, mmap, signal, sys, time
with open(sys.argv[1], "r+b") as file:
    mapped = mmap.mmap(file.fileno(), 0)
signal.signal(signal.SIGQUIT, lambda *unused: print("SIGQUIT", flush=True))
ctypes.CDLL(None).prctl(15, sys.argv[2].encode(), 0, 0, 0)  # PR_SET_NAME
print("ready", flush=True)
while True:
    time.sleep(100)
"""
CAPABILITIES = "+sys_ptrace,+dac_read_search,+setuid,+setgid"


def test_signal_that_is_the_programs_own(procscope, sleeper, tmp_path):
    """A program that has loaded a virtual machine and handles SIGQUIT itself."""
    library = tmp_path / "libjvm.so"
    library.write_bytes(bytes(4096))
    process = sleeper(sys.executable, "-c", CATCHES, str(library), "server", stdout=subprocess.PIPE)
    document = until_it_says("would be the program's own", lambda: ask(procscope, process.pid))
    assert document["threads"][0]["frames"]
    process.terminate()
    assert b"SIGQUIT" not in process.stdout.read()


def rights_of_who_asks():
    """The effective user and the permitted capabilities of processes that are just attaching."""
    for path in pathlib.Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            status = path.read_text(errors="replace")
            if status.startswith("Name:\tprocscope-java\n"):
                yield re.search(r"Uid:\t\d+\t(\d+)", status)[1], re.search(r"CapPrm:\t(\w+)", status)[1]


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="not root, or no setpriv")
def test_capabilities_do_not_go_along(procscope, sleeper, places):
    """Of somebody who isn't root and has some: it becomes the target's user, and has no right that the target hasn't."""
    library = pathlib.Path(places) / "libjvm.so"
    library.write_bytes(bytes(4096))
    library.chmod(0o666)
    target, other = OTHER - 2, OTHER - 3  # nobody else here asks as that user
    process = sleeper("setpriv", f"--reuid={target}", f"--regid={target}", "--clear-groups", sys.executable, "-c", CATCHES,
                      str(library), "Signal Dispatch", stdout=subprocess.PIPE)
    for _ in range(10):  # on a busy machine it may have given up before we look
        command = subprocess.Popen(["setpriv", f"--reuid={other}", f"--regid={other}", "--clear-groups", "--inh-caps", CAPABILITIES,
                                    "--ambient-caps", CAPABILITIES, str(procscope), "stack", str(process.pid)], stdout=subprocess.DEVNULL)
        wait_until(lambda: (str(target), "0" * 16) in rights_of_who_asks() or command.poll() is not None, "somebody without rights", 120)
        if command.poll() is None:
            break
    else:
        raise AssertionError("who asks has rights")
    assert command.wait() in (0, TOOK_TOO_LONG)
    assert process.poll() is None and not attach_file(process.pid).exists()


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="not root, or no setpriv")
def test_as_an_ordinary_user(procscope, jvm, places):
    """One's own is asked, another's is not."""
    user = ["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups"]
    process = jvm(before=user)
    mine = shutil.copy(procscope, places)  # where that user can reach it

    def look(*privilege):
        return patiently(lambda: run(*privilege, mine, "stack", process.pid, "--json", check=False),
                         lambda done: done.returncode == TOOK_TOO_LONG)

    assert "p-park" in by_name(until_told(lambda: json.loads(look(*user).stdout)))
    assert look("setpriv", f"--reuid={OTHER - 1}", f"--regid={OTHER - 1}", "--clear-groups").returncode != 0
    assert output(process) == ""


def test_many_at_once(procscope, jvm):
    """It is signalled once, and not again when it listens: it would print a dump."""
    process = jvm()
    for _ in range(5):
        forget(process)
        asking = [subprocess.Popen([procscope, "stack", str(process.pid), "--no-lines"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL) for _ in range(6)]
        assert {one.wait() for one in asking} <= {0, TOOK_TOO_LONG, BUSY}
    check_unharmed(procscope, process, None)
    assert output(process) == ""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="not root, or no unshare")
def test_in_namespaces_of_its_own(procscope, jvm):
    """With its own /tmp, and as number 1."""
    own = ["unshare", "--pid", "--fork", "--mount", "--kill-child"]
    if run(*own, "mount", "-t", "tmpfs", "none", "/mnt", check=False).returncode != 0:
        pytest.skip("no namespaces, or no mounts")
    process = jvm(before=[*own, "sh", "-c", 'mount -t tmpfs none /tmp && mount -t proc none /proc && exec "$@"', "sh"])
    pid = int(pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())
    threads = by_name(ask_until_told(procscope, pid))
    assert threads["p-park"]["name"] == "p-park"
    assert all(str(thread["id"]) in os.listdir(f"/proc/{pid}/task") for thread in threads.values())
    files = os.listdir(f"/proc/{pid}/root/tmp")
    assert ".java_pid1" in files and ".attach_pid1" not in files
    assert not os.path.exists(f"/tmp/.java_pid{pid}")


# What stands at its names and is not its own.


@contextlib.contextmanager
def removed(path):
    try:
        yield path
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def test_files_that_are_not_its_own(procscope, jvm, tmp_path):
    process = jvm()
    name = f"/tmp/.java_pid{process.pid}"

    def question():
        return ask(procscope, process.pid)

    with removed(name):
        pathlib.Path(name).write_text("no socket")
        until_it_says("not the Java virtual machine's own socket", question)
        assert pathlib.Path(name).read_text() == "no socket"
    with removed(name), socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "socket"))
        other.listen(1)
        os.symlink(tmp_path / "socket", name)
        until_it_says("not the Java virtual machine's own socket", question)
    with removed(name), socket.socket(socket.AF_UNIX) as other:
        other.bind(name)
        other.listen(1)
        until_it_says(rf"another process listens \({os.getpid()}\)", question)
    kept = tmp_path / "kept"
    kept.write_text("kept")
    with removed(attach_file(process.pid)) as link:
        os.symlink(kept, link)
        until_it_says("somebody else's", question)
        assert os.path.islink(link)
    # a socket that one with the same number has left behind, and a file
    with removed(name), socket.socket(socket.AF_UNIX) as other:
        other.bind(name)
        other.close()
        attach_file(process.pid).write_text("")
        assert "p-park" in by_name(ask_until_told(procscope, process.pid))
    assert not attach_file(process.pid).exists() and kept.read_text() == "kept"


PRETENDS = """
import mmap, os, signal, socket, sys, time
library, answer = sys.argv[1:]
with open(library, "r+b") as file:
    mapped = mmap.mmap(file.fileno(), 0)
listener = socket.socket(socket.AF_UNIX)
listener.bind(f"/tmp/.java_pid{os.getpid()}")
listener.listen(5)
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    try:
        asked = b""
        while asked.count(b"\\0") < 5:  # what is unread at the end would be lost with the answer
            piece = connection.recv(1000)
            if not piece:
                break
            asked += piece
        if answer == "silent":
            connection.recv(1000)
        elif answer == "refuse":
            connection.sendall(b"100\\njava.lang.No: sorry\\nmore\\n")
        elif answer == "broken":
            connection.sendall(b'0\\nFull thread dump\\n\\n"a" #1 nid=1 runnable\\n\\tat x.y(Z.java:')
        elif answer == "flood":
            while True:
                connection.sendall(b'0\\n"a" #1 nid=1\\n\\tat x.y(Z.java:1)\\n' * 1000 + b"x" * 100000)
        elif answer == "noise":
            connection.sendall(b"0\\n" + os.urandom(1000000))
    except OSError:
        pass
    connection.close()
"""


@pytest.fixture
def pretender(sleeper, tmp_path):
    started = []

    def start(library, answer):
        path = tmp_path / library
        path.write_bytes(bytes(4096))
        started.append(sleeper(sys.executable, "-c", PRETENDS, str(path), answer, stdout=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"/tmp/.java_pid{process.pid}")


@pytest.mark.parametrize("answer, says", [
    ("close", "without an answer"), ("silent", "did not answer in time"), ("refuse", "refuses: java.lang.No: sorry."),
    ("broken", "broke off"), ("flood", "did not answer in time|more threads"), ("noise", "broke off")])
def test_what_only_pretends(service, pretender, answer, says):
    process = pretender("libjvm.so", answer)
    document = until_it_says(says, lambda: fetch(service, f"{process.pid}/stacks"))
    assert document["threads"][0]["id"] == process.pid and document["threads"][0]["frames"]
    assert process.poll() is None


def test_openj9_is_named(procscope, pretender):
    process = pretender("libj9vm29.so", "close")
    document = ask(procscope, process.pid)
    assert document["runtime"]["name"] == "OpenJ9" and "OpenJ9" in document["runtime"]["error"]


# Killed in between.


def forget(process):
    """Has it start listening anew, by a way that cleaners of /tmp have used."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"/tmp/.java_pid{process.pid}")


def sockets(process):
    found = 0
    for name in os.listdir(f"/proc/{process.pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found += os.readlink(f"/proc/{process.pid}/fd/{name}").startswith("socket:")
    return found


def check_unharmed(procscope, process, sockets_before):
    """After one more call: nothing in its /tmp, none of its descriptors and none of our processes more."""
    assert process.poll() is None
    assert "p-park" in by_name(ask_until_told(procscope, process.pid))
    wait_until(lambda: not attach_file(process.pid).exists(), "no file")
    wait_until(lambda: sockets_before in (None, sockets(process)), "no connection")


def test_command_killed_while_it_attaches(procscope, jvm):
    process = jvm()
    ask_until_told(procscope, process.pid)
    before = sockets(process)
    random.seed(17)
    span, killed = 0.05, 0
    for number in range(KILLS):
        forget(process)
        asking = subprocess.Popen([procscope, "stack", str(process.pid), "--no-lines"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0, span))
        in_time = asking.poll() is None
        killed += in_time
        span *= 1.05 if in_time else 0.85
        asking.kill()
        asking.wait()
        assert process.poll() is None
    assert killed > KILLS / 2
    check_unharmed(procscope, process, before)
    assert output(process) == ""


@pytest.mark.parametrize("victim", ["worker", "helper", "both"])
def test_worker_of_the_service_killed_while_it_attaches(procscope, service, jvm, victim):
    process = jvm()
    ask_until_told(procscope, process.pid)
    before = sockets(process)
    random.seed(19)
    statuses, hits = set(), 0

    def attaching():
        return [(worker, helper) for worker in children(service.pid) for helper in children(worker)
                if comm(helper) in ("procscope-java", "procscope-work")]

    for number in range(KILLS // 5):
        forget(process)
        answers = []
        asking = threading.Thread(target=lambda: answers.append(service.get(f"/api/processes/{process.pid}/stacks?lines=false")))
        asking.start()
        while asking.is_alive():
            if found := attaching():
                time.sleep(random.uniform(0, 0.01))
                for worker, helper in found:
                    for pid in {"worker": [worker], "helper": [helper], "both": [helper, worker]}[victim]:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                hits += 1
                break
        asking.join()
        statuses.add(answers[0].status)
        assert process.poll() is None
    assert hits > 0 and statuses <= {200, 500, 504}
    until_told(lambda: fetch(service, f"{process.pid}/stacks"))
    check_unharmed(procscope, process, before)
    wait_until(lambda: not any(comm(child) == "procscope-java" for child in children(service.pid)), "nobody left to be collected")
