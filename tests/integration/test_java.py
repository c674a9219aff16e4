"""Java's frames beside the native ones: the same that the JDK's own tools tell, asked of virtual machines of all kinds,
and of what only looks like one; and nothing is left behind, whoever is killed when."""
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
import tempfile
import threading
import time

import jsonschema
import pytest

from conftest import ROOT, wait_until
from test_dump_readers import needs, run

SOURCES = ROOT / "tests" / "targets" / "languages"
KILLS = 200
OTHER = 65534  # a user that is no one's here

pytestmark = needs("java")


@pytest.fixture(scope="module")
def places():
    """The folder with the compiled class; not in /tmp, which some virtual machines here have of their own."""
    if not shutil.which("javac"):
        pytest.skip("no javac")
    folder = tempfile.mkdtemp(dir="/var/tmp", prefix="places-")
    run("javac", "-d", folder, SOURCES / "Places.java")
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def jvm(sleeper, places, tmp_path):
    """jvm(options) starts it; output(process) is what it has said since."""
    made = []

    def start(*options, before=(), arguments=()):
        process = sleeper(*before, "java", "-Xmx64m", "-XX:+UseSerialGC", *options, "-cp", places, "Places", *arguments,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert process.first_line == "ready"
        made.append(process)
        return process

    yield start
    for process in made:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"/tmp/.java_pid{process.pid}")


def output(process):
    """What it has written since it was ready."""
    os.set_blocking(process.stdout.fileno(), False)
    return (process.stdout.read() or b"").decode()


BUSY = 5  # exit code: another holds it
TOOK_TOO_LONG = 8  # exit code, where 504 is the status: on a busy machine a thread may not come to a stop in time


def patiently(question, late):
    return wait_until(lambda: (answer := question()) and not late(answer) and answer, "an answer in time", within=120)


def show(procscope, *arguments):
    done = patiently(lambda: run(procscope, "stack", *arguments, check=False), lambda done: done.returncode == TOOK_TOO_LONG)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def ask(procscope, pid, *arguments):
    return json.loads(show(procscope, pid, "--json", *arguments))


def fetch(service, path):
    answer = patiently(lambda: service.get(f"/api/processes/{path}"), lambda answer: answer.status == 504)
    assert answer.status == 200, (answer.status, answer.body)
    return answer.json()


def until_told(question):
    """The answer to a question (a function) once it has Java's frames: on a busy machine it may give up first."""
    def answer():
        document = question()
        return "error" not in document["runtime"] and document

    return wait_until(answer, "Java's frames", within=120)


def ask_until_told(procscope, pid, *arguments):
    return until_told(lambda: ask(procscope, pid, *arguments))


def until_it_says(words, question):
    """The same for an error. One that time ran out may come before it."""
    def answer():
        document = question()
        return re.search(words, document["runtime"]["error"]) and document

    return wait_until(answer, words, within=120)


def by_name(document):
    return {thread["java"]["name"]: thread for thread in document["threads"] if "java" in thread}


def attach_file(pid):
    return pathlib.Path(f"/tmp/.attach_pid{pid}")


def written(thread):
    """The frames as HotSpot writes them; addresses are left out, since objects move."""
    lines = []
    for frame in thread["java"]["frames"]:
        place = "Native Method" if frame.get("native") else frame.get("file", "Unknown Source")
        place += f":{frame['line']}" if "line" in frame else ""
        module = frame["module"] + "/" if "module" in frame else ""
        lines.append(f"at {frame['class']}.{frame['method']}({module}{place})")
        lines += [f"- {lock['kind']} (a {lock['class']})" for lock in frame.get("locks", [])]
    return lines


def told_by_jcmd(pid):
    """name -> (nid, state, lines)"""
    text = run("jcmd", pid, "Thread.print").stdout.decode()
    threads = {}
    for block in re.split(r"\n\n", text.split("JNI global ref")[0]):
        found = re.match(r'"(.*)" (?:#\d+ )?.*nid=(\w+) ', block)
        if found:
            state = re.search(r"java.lang.Thread.State: (.*)", block)
            lines = [re.sub(r" +<0x\w+>", "", line.strip()) for line in block.splitlines() if re.match(r"\t(at|-) ", line)]
            threads[found.group(1)] = int(found.group(2), 0), state and state.group(1), lines
    return threads


def test_frames_are_those_that_the_jdk_tells(procscope, jvm):
    process = jvm(arguments=["more"])
    document = ask_until_told(procscope, process.pid)
    told = told_by_jcmd(process.pid)
    threads = by_name(document)
    ours = {name for name in told if name.startswith("p")}
    assert len(ours) == 17 and ours <= set(threads)
    for name in ours | {"main", "Finalizer", "Signal Dispatcher"}:
        thread, (nid, state, lines) = threads[name], told[name]
        java = thread["java"]
        assert thread["id"] == nid
        assert state == java["state"] + (f" ({java['state_reason']})" if "state_reason" in java else "")
        assert written(thread) == lines
        assert thread["frames"] and (not name.startswith("p-") or thread["name"] == name)
        assert java.get("daemon", False) == (name != "main")
    assert threads["VM Thread"]["java"].keys() <= {"name", "frames"}
    assert len(threads["p-sleep"]["java"]["frames"]) > 40
    runtime = document["runtime"]
    assert runtime["kind"] == "java" and "VM" in runtime["name"] and runtime["deadlocks"] == 1
    assert runtime["version"].split("+")[0] in run("java", "-version").stderr.decode()
    # who blocks whom
    wanted = [lock for frame in threads["p-blocked"]["java"]["frames"] for lock in frame.get("locks", [])]
    held = [lock for frame in threads["p-own"]["java"]["frames"] for lock in frame.get("locks", [])]
    assert [lock["kind"] for lock in wanted] == ["waiting to lock"] and held == [{**wanted[0], "kind": "locked"}]
    assert not attach_file(process.pid).exists() and output(process) == ""


def test_text_and_groups(procscope, service, jvm):
    process = jvm()
    ask_until_told(procscope, process.pid)
    text = wait_until(lambda: (text := show(procscope, process.pid)).count("p-own") > 1 and text, "text")
    assert re.search(r'^  Java "p-own" #\d+ daemon TIMED_WAITING \(sleeping\)\n    at java\.lang\.Thread\.sleep', text, re.M)
    assert re.search(r"^    at Places\.own\(Places\.java:\d+\)\n    - locked <0x[0-9a-f]+> \(a java\.lang\.Object\)\n", text, re.M)
    assert "asked a moment later" in text.splitlines()[1]

    document = until_told(lambda: fetch(service, f"{process.pid}/stacks?group=true"))
    groups = {thread["java"]["name"]: group for group in document["groups"] for thread in group["threads"] if "java" in thread}
    pool = groups["p-pool-0"]
    parked = pool["java"]["frames"][0]["locks"]
    # each on an object of its own; where they are interpreted or compiled, native frames may differ
    assert all(groups[f"p-pool-{i}"]["java"] == pool["java"] for i in range(5))
    assert parked == [{"kind": "parking to wait for", "class": "java.lang.Object"}] or pool["count"] == 1
    assert groups["p-park"] is not groups["p-parkfor"] and groups["p-park"] is not pool
    assert "frames" not in pool["threads"][0]["java"]
    one = next(thread["id"] for thread in groups["p-wait"]["threads"])
    alone = until_told(lambda: fetch(service, f"{process.pid}/threads/{one}/stack"))
    assert alone["java"]["name"] == "p-wait" and alone["runtime"]["kind"] == "java" and "other_threads" not in alone["runtime"]


def test_answers_are_as_described(service, jvm):
    schemas = service.json("/openapi.json")["components"]

    def check(schema, document):
        jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": schemas}).validate(document)

    process = jvm(arguments=["more"])
    for query in ("", "?group=true"):
        document = until_told(lambda query=query: fetch(service, f"{process.pid}/stacks{query}"))
        check("Stacks", document)
        assert document["runtime"]["deadlocks"] == 1
    blocked = next(thread for group in document["groups"] for thread in group["threads"]
                   if thread.get("java", {}).get("name") == "p-blocked")
    check("Stack", until_told(lambda: fetch(service, f"{process.pid}/threads/{blocked['id']}/stack")))


def test_not_asked(procscope, service, jvm):
    process = jvm()
    for document in (ask(procscope, process.pid, "--no-runtime"),
                     fetch(service, f"{process.pid}/stacks?runtime=false")):
        assert "runtime" not in document and not any("java" in thread for thread in document["threads"])
        assert "Attach Listener" not in {thread["name"] for thread in document["threads"]}
    assert not os.path.exists(f"/tmp/.java_pid{process.pid}")


def test_one_that_does_not_catch_the_signal_listens_by_itself(procscope, jvm):
    process = jvm("-Xrs")
    assert "p-park" in by_name(ask_until_told(procscope, process.pid))
    assert process.poll() is None


@pytest.mark.parametrize("more", [(), ("-XX:-UsePerfData",)])
def test_switched_off(procscope, jvm, more):
    process = jvm("-XX:+DisableAttachMechanism", *more)
    document = until_it_says("DisableAttachMechanism", lambda: ask(procscope, process.pid))
    assert document["thread_count"] > 10 and not attach_file(process.pid).exists()
    show(procscope, process.pid)
    assert output(process) == "" and process.poll() is None


def test_stopped(procscope, jvm):
    process = jvm()
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: "\nState:\tT" in pathlib.Path(f"/proc/{process.pid}/status").read_text(), "being stopped")
    document = until_it_says("is stopped", lambda: ask(procscope, process.pid))
    assert document["threads"][0]["frames"]
    process.send_signal(signal.SIGCONT)
    assert "p-park" in by_name(ask_until_told(procscope, process.pid))
    assert output(process) == ""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="not root, or no setpriv")
def test_of_another_user(procscope, service, jvm):
    """As root, on the command line and by a worker of the service; and not as yet another."""
    user = ["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups"]
    for by_service in (False, True):
        process = jvm(before=user)
        if by_service:
            until_told(lambda: fetch(service, f"{process.pid}/stacks"))
        else:
            ask_until_told(procscope, process.pid)
        facts = os.stat(f"/tmp/.java_pid{process.pid}")
        assert facts.st_uid == facts.st_gid == OTHER and not attach_file(process.pid).exists()
        assert output(process) == ""


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


def comm(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def children(pid):
    with contextlib.suppress(OSError):
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


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
