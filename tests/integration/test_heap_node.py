"""Heap dumps and histograms of Node.js: others' readers find the objects that are known to be there; and whoever goes away or is
killed in between, the program runs on, its inspector is closed, and nothing is left behind."""
import contextlib
import gzip
import io
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import zipfile

import jsonschema
import pytest

from conftest import ROOT, wait_until
from test_dump_readers import needs, run
from victims import children, comm, kill_command, kill_worker

TARGET = ROOT / "tests" / "targets" / "languages" / "heap.cjs"
PACKAGES = ROOT / "tests" / "node_modules"
READERS = ("heapsnapshot-parser", "@memlab/heap-analysis")
KNOWN, FEW = 123456, 2000
CLASSES = {"Link": 4321, "Entry": 4321, "Garbage": 0, "OfWorker": 0}
KILLS = 12
OTHER = 65534  # a user that is no one's here

pytestmark = needs("node")
ports = iter(range(18229, 18329))


@pytest.fixture
def node(sleeper):
    """node(mode, known) starts it. What it says goes into beats."""
    made = []

    def start(mode="", known=FEW, options=(), before=(), target=TARGET, **more):
        port = next(ports)
        process = sleeper(*before, "node", *(options or [f"--inspect-port={port}"]), target, str(known), mode, stdout=subprocess.PIPE, **more)
        assert process.first_line == "ready"
        process.beats = []
        process.listener = threading.Thread(target=lambda: process.beats.extend(line.decode() for line in process.stdout))
        process.listener.start()
        process.port = port
        made.append(process)
        return process

    yield start
    for process in made:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.listener.join()


def listeners(pid):
    """Where it listens, by its own descriptors."""
    inodes = set()
    for path in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(os.readlink(path))
    found = []
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                found.append(fields[1])
    return found


def left_behind(process):
    return [name for name in os.listdir("/tmp") if name.startswith(f".procscope_heap_pid{process.pid}_")] + listeners(process.pid)


def state(process):
    """Its threads and descriptors, when it has come to rest."""
    return len(os.listdir(f"/proc/{process.pid}/task")), len(os.listdir(f"/proc/{process.pid}/fd"))


def at_rest(process):
    seen = []

    def is_still():
        seen.append(state(process))
        return len(seen) > 20 and len(set(seen[-20:])) == 1 and seen[-1]

    return wait_until(is_still, "being at rest", within=60)


def check_runs_on(process, before=None):
    count = len(process.beats)
    wait_until(lambda: process.poll() is not None or len(process.beats) > count + 3, "beats", within=120)
    assert process.poll() is None
    wait_until(lambda: not left_behind(process), "nothing left behind", within=120)
    assert all(re.fullmatch(r"\d+\n", beat) for beat in process.beats), process.beats[-5:]
    if before:
        wait_until(lambda: state(process) == before, f"{before}, not {state(process)}", within=60)


def patiently(question):
    """The same again where a busy machine took too long."""
    return wait_until(lambda: (answer := question()).status not in (503, 504) and answer, "an answer in time", within=240)


def dump(service, process, query=""):
    answer = patiently(lambda: service.get(f"/api/processes/{process.pid}/heapdump{query}"))
    assert answer.status == 200, (answer.status, answer.body[:1000])
    return answer


def types(service, process):
    answer = patiently(lambda: service.get(f"/api/processes/{process.pid}/heap"))
    assert answer.status == 200, (answer.status, answer.body)
    return answer.json()


def read(reader, path):
    if not (PACKAGES / reader).exists():
        pytest.skip(f"no npm package {reader}: npm ci --prefix tests")
    done = run("node", ROOT / "tests" / "integration" / "heapsnapshot_reader.js", reader, path, "Known", *CLASSES)
    return json.loads(next(line for line in done.stdout.decode().splitlines() if line.startswith("{")))


@pytest.mark.parametrize("form", ["cjs", "mjs"])
def test_others_find_what_is_there(service, node, tmp_path, form):
    process = node(known=KNOWN, target=TARGET.with_suffix(f".{form}"))
    before = at_rest(process)
    answer = dump(service, process)
    assert answer.headers["X-Heap-Runtime"].startswith("Node ") and answer.headers["X-Heap-Objects"] == "live"
    assert re.search(r'filename="?node-\S*\.heapsnapshot"?', answer.headers["Content-Disposition"])
    path = tmp_path / "a.heapsnapshot"
    path.write_bytes(answer.body)
    document = json.loads(answer.body)
    assert document["snapshot"]["node_count"] * len(document["snapshot"]["meta"]["node_fields"]) == len(document["nodes"])
    histogram = types(service, process)
    counts = {one["type"]: one["count"] for one in histogram["types"]}
    assert len(counts) == len(histogram["types"])
    wanted = {"Known": KNOWN, **CLASSES}
    assert {name: counts.get(name, 0) for name in wanted} == wanted
    for name in ("(array)", "(string)", "(closure)", "(system)", "(compiled code)"):
        assert counts[name] > 0
    assert histogram["count"] == sum(counts.values()) and histogram["runtime"] == "Node" and histogram["live"] is True
    check_runs_on(process, before)
    for reader in READERS:
        found = read(reader, path)
        assert {name: found[name] for name in wanted} == wanted, reader
        assert abs(found["count"] - histogram["count"]) < histogram["count"] / 100
        assert abs(found["bytes"] - histogram["bytes"]) < histogram["bytes"] / 50


def test_the_answer_is_as_described(service, node):
    process = node()
    schemas = service.json("/openapi.json")["components"]
    jsonschema.Draft202012Validator({"$ref": "#/components/schemas/Heap", "components": schemas}).validate(types(service, process))
    head = service.request("HEAD", f"/api/processes/{process.pid}/heapdump")
    assert head.status == 200 and head.body == b"" and not left_behind(process)
    check_runs_on(process)


def test_gcdump_answers_with_it(service, node):
    """In the forms that Kudu has for .NET."""
    process = node()
    answers = [patiently(lambda: service.get(f"/api/processes/{process.pid}/gcdump?format={form}")) for form in ("raw", "zip", "diagsession")]
    assert [answer.status for answer in answers] == [200] * 3
    assert ".heapsnapshot" in answers[0].headers["Content-Disposition"] and json.loads(answers[0].body)["snapshot"]
    for answer, most in zip(answers[1:], (1, 3)):
        with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
            name, = (name for name in archive.namelist() if name.endswith(".heapsnapshot"))
            assert json.loads(archive.read(name))["snapshot"] and len(archive.namelist()) == most
    answer = service.get(f"/api/processes/{process.pid}/gcdump?maxDumpCountK=5")
    assert answer.status == 501 and "Node dumps all" in answer.message
    check_runs_on(process)


def test_gzip_and_the_command_line(procscope, node, tmp_path):
    process = node(known=KNOWN)

    def take(*options):
        return run(procscope, "heapdump", process.pid, *options, check=False)

    path = tmp_path / "a.heapsnapshot.gz"
    done = wait_until(lambda: (one := take("-o", path, "--compress", "gzip", "-f")).returncode != 8 and one, "a dump", within=240)
    assert done.returncode == 0, done.stderr
    assert b"live objects of Node " in done.stderr
    assert json.loads(gzip.decompress(path.read_bytes()))["strings"][0] == "<dummy>"
    text = run(procscope, "heap", process.pid).stdout.decode()
    assert re.search(rf"^ *{KNOWN} +\d+  Known$", text, re.M)
    check_runs_on(process)


def test_a_worker_and_a_busy_loop(service, node):
    """Threads of the program go on; their heaps are their own."""
    for mode in ("worker", "busy"):
        process = node(mode)
        before = at_rest(process)
        counts = {one["type"]: one["count"] for one in types(service, process)["types"]}
        assert counts["Known"] == FEW and "OfWorker" not in counts
        check_runs_on(process, before)


def refused(service, process, words, status=409):
    answer = service.get(f"/api/processes/{process.pid}/heapdump")
    assert answer.status == status and re.search(words, answer.message), (answer.status, answer.message)


def test_an_inspector_that_is_another_s(service, node):
    port = next(ports)
    process = node(options=[f"--inspect=127.0.0.1:{port}"])
    refused(service, process, f"open already, at port {port}")
    assert len(listeners(process.pid)) == 1
    # one whose port this one would need
    refused(service, node(options=[f"--inspect-port={port}"]), f"port {port}, where another process listens")
    # at a port that nobody can know of
    process = node(options=["--inspect=127.0.0.1:0"])
    before = listeners(process.pid)
    refused(service, process, "has not opened its inspector")
    assert listeners(process.pid) == before and len(before) == 1


def test_refused(service, node):
    process = node()
    answer = service.get(f"/api/processes/{process.pid}/heapdump?live=false")
    assert answer.status == 400 and "live=false" in answer.message
    # nor is an inspector closed that is another's, of one that can't be asked
    secret = node(options=["--inspect-publish-uid=stderr", f"--inspect={next(ports)}"])
    before = listeners(secret.pid)
    refused(service, secret, "--inspect-publish-uid")
    time.sleep(1)
    assert listeners(secret.pid) == before and len(before) == 1
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: "\nState:\tT" in pathlib.Path(f"/proc/{process.pid}/status").read_text(), "being stopped")
    refused(service, process, "stopped")
    process.send_signal(signal.SIGCONT)
    check_runs_on(process)


def test_a_program_with_a_handler_of_its_own(service, node):
    process = node("handler")
    refused(service, process, "handles that signal itself")
    wait_until(lambda: "SIGUSR1\n" in process.beats, "its signal")
    process.beats.remove("SIGUSR1\n")
    check_runs_on(process)


def test_a_signal_that_is_caught_no_more(service, node):
    """Removed while nothing was sent because the main thread waited for something else: SIGUSR1 would end the program."""
    process = node("fickle")
    wait_until(lambda: "waits\n" in process.beats, "its word")
    time.sleep(1)  # of its six seconds: it has come from that word to the wait
    wait_until(lambda: "futex" in pathlib.Path(f"/proc/{process.pid}/wchan").read_text(), "its wait")
    process.beats.remove("waits\n")
    refused(service, process, "does not catch SIGUSR1")
    check_runs_on(process)


def test_a_server_that_says_nothing(service, node):
    """One that the program begins meanwhile is not taken for its inspector for ever."""
    process = node("mute")
    refused(service, process, "handles that signal itself")
    wait_until(lambda: not is_guarded(process), "no guard")
    assert len(listeners(process.pid)) == 1 and process.poll() is None


def test_a_program_that_is_only_called_node(service, sleeper, tmp_path):
    """It waits as Node does and catches SIGUSR1, but isn't asked, since nobody knows what it does then."""
    shutil.copy("/usr/bin/python3", tmp_path / "node")
    program = "import os, select, signal; signal.signal(signal.SIGUSR1, lambda *_: os._exit(3)); print('ready', flush=True); select.epoll().poll()"
    process = sleeper(tmp_path / "node", "-c", program, stdout=subprocess.PIPE, env={**os.environ, "PYTHONHOME": "/usr"})
    assert process.first_line == "ready"
    for ask in ("heap", "heapdump", "gcdump"):
        answer = service.get(f"/api/processes/{process.pid}/{ask}")
        assert answer.status == 501 and "SIGUSR1" in answer.message, (answer.status, answer.message)
    assert process.poll() is None and not left_behind(process)


@pytest.mark.parametrize("mode", ["sleeps", "spins"])
def test_a_program_that_does_not_get_round_to_it(serve, node, mode):
    """It is given up, and nothing comes of it when the program gets round to it after all."""
    service = serve("--dump-timeout", "4s")
    process = node(mode)
    before = state(process)
    wait_until(lambda: len(process.beats) > 5, "beats")
    time.sleep(1)  # it has begun
    refused(service, process, "did not get round to it", status=504)
    count = len(process.beats)
    wait_until(lambda: len(process.beats) > count + 50, "beats", within=120)
    check_runs_on(process, before)


def test_a_client_that_goes_away(service, node):
    process = node(known=KNOWN)
    before = at_rest(process)
    for taken in (0, 1, 1 << 20, 10 << 20):
        connection = service.connection()
        connection.request("GET", f"/api/processes/{process.pid}/heapdump")
        if taken:
            answer = connection.getresponse()
            answer.read(taken)
        connection.sock.shutdown(2)
        connection.close()
        check_runs_on(process, before)
    assert dump(service, process).body.startswith(b'{"snapshot":')


def test_a_client_that_takes_nothing(serve, node):
    """The program stands still for as long as is waited for it, and not longer."""
    service = serve("--stall-timeout", "1s")
    process = node(known=4 * KNOWN)
    connection = service.connection()
    connection.request("GET", f"/api/processes/{process.pid}/heapdump")
    answer = connection.getresponse()
    assert answer.status == 200
    check_runs_on(process)
    connection.close()


def guards(process):
    """Those of ours that are still at work there."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if path.read_bytes().strip() == b"procscope-node" and any(
                    os.path.islink(fd) and os.readlink(fd) == f"/proc/{process.pid}" for fd in path.parent.glob("fd/*")):
                found.append(int(path.parent.name))
    return found


def is_guarded(process):
    return bool(guards(process))


def test_a_hostile_program_has_one_guard(serve, procscope, node):
    """However often it is asked, by whomever, and whatever it does to the files by which guards could find each other."""
    process = node("hostile")
    services = [serve("--dump-timeout", "2s") for _ in range(2)]

    def ask(service):
        for _ in range(4):
            answer = service.get(f"/api/processes/{process.pid}/heapdump")
            assert answer.status in (409, 504), answer.message

    time.sleep(1)  # it has begun
    asking = [threading.Thread(target=ask, args=(service,)) for service in services]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    wait_until(lambda: len(guards(process)) == 1, "one guard", within=120)
    assert b"already" in run(procscope, "heapdump", process.pid, "-o", "-", check=False).stderr
    answer = services[0].get(f"/api/processes/{process.pid}/heapdump")
    assert answer.status == 409 and "already" in answer.message and len(guards(process)) == 1
    process.kill()
    wait_until(lambda: not guards(process), "no guard", within=120)
    for path in pathlib.Path("/tmp").glob(f"moved_{process.pid}_*"):
        path.unlink()


def again(procscope, process):
    """A whole dump, after which nothing is left, whatever there was before."""
    whole = wait_until(lambda: run(procscope, "heapdump", process.pid, "-q", "-o", "-", check=False).stdout, "a dump", within=240)
    assert whole.startswith(b'{"snapshot":')


@pytest.mark.parametrize("victim", ["command", "guard", "both", "terminal"])
def test_killed_at_any_moment(procscope, node, tmp_path, victim):
    process = node(known=20000)
    before = at_rest(process)
    random.seed(31)
    span, killed = 0.2, 0
    file = tmp_path / "dump"
    for turn in range(KILLS):
        to_file = victim == "terminal" and turn % 4 > 1
        moment = random.uniform(0, 0.03 if turn % 2 else span)  # most happens in the first moments
        in_time = kill_command([procscope, "heapdump", process.pid, "-q", "-f", "-o", file if to_file else "-"], victim, "procscope-node", moment)
        killed += in_time
        span *= 1.05 if in_time else 0.85
        wait_until(lambda: not is_guarded(process), "no guard", within=120)
        assert process.poll() is None
        assert set(os.listdir(tmp_path)) <= {"dump"}
        if victim == "both" and left_behind(process):
            again(procscope, process)
        check_runs_on(process)
    assert killed > KILLS / 4
    again(procscope, process)
    check_runs_on(process, before)


def test_worker_killed(service, node):
    process = node(known=20000)
    before = at_rest(process)
    random.seed(37)
    hits = 0
    for _ in range(KILLS // 2):
        hits += kill_worker(service, lambda: service.get(f"/api/processes/{process.pid}/heapdump"), lambda: left_behind(process), random.uniform(0, 0.1))
        check_runs_on(process)
    assert hits > 0
    assert dump(service, process).body.startswith(b'{"snapshot":')
    check_runs_on(process, before)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="not root, or no setpriv")
def test_of_another_user(service, node):
    process = node(before=["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups"])
    assert dump(service, process).body.startswith(b'{"snapshot":')
    check_runs_on(process)


@pytest.fixture
def outside_tmp():
    """The program in a folder that is still there under another /tmp."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield shutil.copy(TARGET, folder)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("ip"), reason="not root, or no ip")
def test_in_namespaces_of_its_own(service, procscope, node, outside_tmp):
    """Its inspector listens in its own network, which takes CAP_SYS_ADMIN to enter: the command has it, workers do not."""
    inside = node(before=["unshare", "--net", "--mount", "--pid", "--fork", "sh", "-c", 'ip link set lo up && mount -t tmpfs none /tmp && exec "$@"', "sh"],
                  options=["--no-warnings"], target=outside_tmp)
    target = wait_until(lambda: next((child for child in children(inside.pid) if comm(child) == "node"), 0), "node")
    done = wait_until(lambda: (one := run(procscope, "heapdump", target, "-q", "-o", "-", check=False)).returncode != 8 and one, "a dump", within=240)
    assert done.stdout.startswith(b'{"snapshot":'), done.stderr
    assert [name for name in os.listdir(f"/proc/{target}/root/tmp") if name.startswith(".procscope")] == []
    answer = service.get(f"/api/processes/{target}/heapdump")
    assert answer.status == 403 and "CAP_SYS_ADMIN" in answer.message, (answer.status, answer.message)
    assert listeners(target) == []
    os.kill(target, signal.SIGKILL)


def test_memory_is_flat(procscope, node):
    """Whatever the heap: looked at when most of it went through."""
    process = node(known=5 * KNOWN)
    peak_line = re.compile(r"VmHWM:\s+(\d+) kB")
    most = 40 << 20

    def peak():
        with subprocess.Popen([procscope, "heapdump", str(process.pid), "-q", "-o", "-"], stdout=subprocess.PIPE) as command:
            taken = len(command.stdout.read(most))
            used = int(peak_line.search(pathlib.Path(f"/proc/{command.pid}/status").read_text())[1]) if taken == most else 0
            command.stdout.read()
        return used

    assert wait_until(peak, "most of a dump", within=240) < 16 * 1024
