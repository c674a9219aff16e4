"""Heap dumps and histograms of Java virtual machines: others' readers find the objects that are known to be there; and whoever
goes away or is killed in between, the virtual machine runs on and nothing is left behind."""
import contextlib
import gzip
import json
import io
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import xml.etree.ElementTree as ElementTree
import zipfile

import jsonschema
import pytest

from conftest import ROOT, wait_until
from test_dump_readers import needs, run
from victims import children, comm, kill_command, kill_worker

LIBRARY = pathlib.Path("/usr/share/visualvm/visualvm/modules/org-graalvm-visualvm-lib-jfluid-heap.jar")
KNOWN, MEBIBYTES = 123456, 24
KILLS = 40
OTHER = 65534  # a user that is no one's here

pytestmark = needs("javac")


@pytest.fixture(scope="module")
def classes():
    """The folder with the compiled class; not in /tmp, which some virtual machines here have of their own."""
    if not shutil.which("javac"):
        pytest.skip("no javac")
    folder = tempfile.mkdtemp(dir="/var/tmp", prefix="heap-")
    run("javac", "-d", folder, ROOT / "tests" / "targets" / "languages" / "Heap.java")
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def jvm(sleeper, classes):
    """jvm(options) starts it. What it says goes into beats."""
    made = []

    def start(*options, before=(), mebibytes=MEBIBYTES, **more):
        process = sleeper(*before, "java", "-Xmx256m", "-XX:+UseSerialGC", *options, "-cp", classes, "Heap", str(KNOWN), str(mebibytes),
                          stdout=subprocess.PIPE, **more)
        assert process.first_line == "ready"
        process.beats = []

        def listen():
            for line in process.stdout:
                process.beats.append(int(line))

        process.listener = threading.Thread(target=listen)
        process.listener.start()
        made.append(process)
        return process

    yield start
    for process in made:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.listener.join()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"/tmp/.java_pid{process.pid}")


def left_behind(process):
    return [name for name in os.listdir("/tmp") if name.startswith((f".procscope_heap_pid{process.pid}_", f".attach_pid{process.pid}"))]


def check_runs_on(process):
    """It beats, and has room for a collection."""
    before = len(process.beats)
    wait_until(lambda: process.poll() is not None or len(process.beats) > before + 3, "beats", within=120)
    assert process.poll() is None
    wait_until(lambda: not left_behind(process), "nothing left behind", within=120)


def patiently(question):
    """The same again where a busy machine took too long."""
    return wait_until(lambda: (answer := question()).status not in (503, 504) and answer, "an answer in time", within=240)


def dump(service, process, query=""):
    answer = patiently(lambda: service.get(f"/api/processes/{process.pid}/heapdump{query}"))
    assert answer.status == 200, (answer.status, answer.body[:1000])
    return answer


def types(service, process, query=""):
    answer = patiently(lambda: service.get(f"/api/processes/{process.pid}/heap{query}"))
    assert answer.status == 200, (answer.status, answer.body)
    return answer.json()


def read(path):
    """What VisualVM's library finds in it."""
    if not LIBRARY.exists():
        pytest.skip("no VisualVM")
    done = run("java", "-Djava.io.tmpdir=" + str(path.parent), "-cp", LIBRARY, ROOT / "tests" / "integration" / "HprofReader.java", path,
               "Heap", "Heap$Known", "Heap$Link", "Heap$Garbage", "java.util.HashMap$Node", "byte[]")
    return {name: int(count) for name, count in (line.split() for line in done.stdout.decode().splitlines())}


def test_others_find_what_is_there(service, procscope, jvm, tmp_path):
    process = jvm()
    answer = dump(service, process)
    assert answer.headers["X-Heap-Runtime"].startswith("Java ") and answer.headers["X-Heap-Objects"] == "live"
    assert re.search(r'filename="?java-\S*\.hprof"?', answer.headers["Content-Disposition"])
    (tmp_path / "a.hprof").write_bytes(answer.body)
    histogram = types(service, process)
    by_type = {}
    for one in histogram["types"]:
        by_type[one["type"]] = by_type.get(one["type"], 0) + one["count"]
    found = read(tmp_path / "a.hprof")
    assert found["Heap$Known"] == by_type["Heap$Known"] == KNOWN
    assert found["Heap$Link"] == by_type["Heap$Link"] == found["chain"] == 4321
    assert found["java.util.HashMap$Node"] >= 4321
    assert found["Heap$Garbage"] in (0, -1) and "Heap$Garbage" not in by_type
    filling = next(one for one in histogram["types"] if one["type"] == "byte[]")
    assert filling["bytes"] >= MEBIBYTES << 20 and filling == histogram["types"][0] and filling["module"].startswith("java.base")
    assert not left_behind(process)
    check_runs_on(process)


def test_all_objects_and_gzip_on_the_command_line(procscope, jvm, tmp_path):
    process = jvm()

    def take(*options):
        return run(procscope, "heapdump", process.pid, *options, check=False)

    path = tmp_path / "a.hprof.gz"
    done = wait_until(lambda: (one := take("-o", path, "--all", "--compress", "gzip", "-f")).returncode != 8 and one, "a dump", within=240)
    assert done.returncode == 0, done.stderr
    assert b"all objects of Java" in done.stderr
    (tmp_path / "a.hprof").write_bytes(gzip.decompress(path.read_bytes()))
    found = read(tmp_path / "a.hprof")
    assert found["Heap$Known"] == KNOWN and found["Heap$Garbage"] == 777
    text = run(procscope, "heap", process.pid).stdout.decode()
    assert re.search(rf"^ *{KNOWN} +\d+  Heap\$Known$", text, re.M) and "--types shows them" in text
    check_runs_on(process)


def test_compared_on_the_command_line(service, procscope, jvm, tmp_path):
    """With what nothing reaches, then without it: what changed is known. Here and by way of a service."""
    process, before = jvm(mebibytes=1), tmp_path / "before.json"

    def count(*options):
        done = wait_until(lambda: (one := run(procscope, "heap", process.pid, *options, check=False)).returncode != 8 and one, "a count", within=240)
        assert done.returncode == 0, done.stderr
        return done

    before.write_bytes(count("--all", "--json").stdout)
    done = count("--compare", before, "--types")
    assert re.search(r"^ *-\d+ +-777 +0 +0 +gone +Heap\$Garbage$", done.stdout.decode(), re.M) and "Heap$Known" not in done.stdout.decode()
    assert b"The older count is of all objects" in done.stderr
    changed = json.loads(count("-c", before, "--json", "--url", service.url).stdout)
    by_type = {one["type"]: (one["count_before"], one["count"]) for one in changed["types"]}
    assert by_type["Heap$Garbage"] == (777, 0) and by_type["Heap$Known"] == (KNOWN, KNOWN)
    assert changed["count"] - changed["count_before"] == sum(one["count"] - one["count_before"] for one in changed["types"])
    for text, words in (("", "no JSON"), ('{"types": [{"type": "a", "count": -1, "bytes": 0}]}', "entry 1")):
        before.write_text(text)
        done = run(procscope, "heap", process.pid, "--compare", before, check=False)
        assert done.returncode == 2 and words in done.stderr.decode()
    check_runs_on(process)


def test_the_answer_is_as_described(service, jvm):
    process = jvm(mebibytes=1)
    schemas = service.json("/openapi.json")["components"]
    histogram = types(service, process, "?live=false")
    jsonschema.Draft202012Validator({"$ref": "#/components/schemas/Heap", "components": schemas}).validate(histogram)
    assert histogram["live"] is False and histogram["runtime"] == "Java"
    assert histogram["count"] == sum(one["count"] for one in histogram["types"])
    assert next(one["count"] for one in histogram["types"] if one["type"] == "Heap$Garbage") == 777
    head = service.request("HEAD", f"/api/processes/{process.pid}/heapdump")
    assert head.status == 200 and head.body == b"" and not left_behind(process)


def test_gcdump_answers_with_it(service, procscope, jvm, tmp_path):
    """In the forms that Kudu has for .NET."""
    process = jvm(mebibytes=1)
    address = f"/api/processes/{process.pid}/gcdump"
    raw, zipped, session = (patiently(lambda: service.get(address + query)) for query in ("?format=raw", "?format=zip", ""))
    assert [answer.status for answer in (raw, zipped, session)] == [200] * 3
    assert raw.body.startswith(b"JAVA PROFILE 1.0.2\0") and ".hprof" in raw.headers["Content-Disposition"]
    assert zipped.headers["Content-Type"] == "application/zip" and ".hprof.zip" in zipped.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(zipped.body)) as archive:
        name, = archive.namelist()
        assert archive.testzip() is None and name.endswith(".hprof") and archive.read(name).startswith(b"JAVA PROFILE 1.0.2\0")
    assert ".diagsession" in session.headers["Content-Disposition"] and session.headers["X-Heap-Runtime"].startswith("Java ")
    with zipfile.ZipFile(io.BytesIO(session.body)) as archive:
        resource = ElementTree.fromstring(archive.read("metadata.xml")).find(".//{*}Resource")
        assert resource.get("Type") == "DiagnosticsHub.Resource.File" and resource.get("Name").endswith(".hprof")
        (tmp_path / "part.hprof").write_bytes(archive.read(f"{resource.get('ResourcePackageUriPrefix')}/{resource.get('Name')}"))
    assert read(tmp_path / "part.hprof")["Heap$Known"] == KNOWN
    answer = service.get(address + "?maxDumpCountK=5")
    assert answer.status == 501 and "maxDumpCountK" in answer.message
    assert service.request("HEAD", address).headers["X-Heap-Runtime"].startswith("Java ")
    done = wait_until(lambda: (one := run(procscope, "gcdump", process.pid, "-f", "-o", tmp_path / "own", check=False)).returncode != 8 and one, "a dump", within=240)
    assert done.returncode == 0 and b"live objects of Java" in done.stderr
    check_runs_on(process)


def test_refused(service, jvm, sleeper):
    other = sleeper()
    for what in ("heap", "heapdump"):
        answer = service.get(f"/api/processes/{other.pid}/{what}")
        assert answer.status == 501 and "Python" in answer.message, (answer.status, answer.message)
    process = jvm("-XX:+DisableAttachMechanism", mebibytes=1)
    answer = patiently(lambda: service.get(f"/api/processes/{process.pid}/heapdump"))
    assert "DisableAttachMechanism" in answer.message
    answer = service.get(f"/api/processes/{process.pid}/heapdump?compress=zstd")
    assert answer.status == 400 and "zstd" in answer.message
    check_runs_on(process)


def test_a_client_that_goes_away(service, jvm):
    process = jvm(mebibytes=64)
    for taken in (0, 1, 1 << 20, 20 << 20):
        connection = service.connection()
        connection.request("GET", f"/api/processes/{process.pid}/heapdump")
        if taken:
            answer = connection.getresponse()
            answer.read(taken)
        connection.sock.shutdown(2)
        connection.close()
        check_runs_on(process)
    assert dump(service, process).body.startswith(b"JAVA PROFILE 1.0.2\0")


def test_a_client_that_takes_nothing(serve, jvm):
    """The program stands still for as long as is waited for it, and not longer."""
    service = serve("--stall-timeout", "1s")
    process = jvm(mebibytes=64)
    connection = service.connection()
    connection.request("GET", f"/api/processes/{process.pid}/heapdump")
    answer = connection.getresponse()
    assert answer.status == 200
    check_runs_on(process)
    connection.close()


def test_stopped(service, jvm):
    process = jvm(mebibytes=1)
    types(service, process)  # listens from now on
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: "\nState:\tT" in pathlib.Path(f"/proc/{process.pid}/status").read_text(), "being stopped")
    answer = service.get(f"/api/processes/{process.pid}/heapdump")
    assert answer.status == 409 and "stopped" in answer.message
    assert not left_behind(process)
    process.send_signal(signal.SIGCONT)
    check_runs_on(process)


@pytest.mark.parametrize("victim", ["command", "guard", "both", "terminal"])
def test_killed_at_any_moment(procscope, jvm, tmp_path, victim):
    process = jvm()
    wait_until(lambda: run(procscope, "heapdump", process.pid, "-o", "/dev/null", check=False).returncode == 0, "a dump", within=240)
    random.seed(23)
    span, killed = 0.1, 0
    file = tmp_path / "dump"
    for turn in range(KILLS):
        to_file = victim == "terminal" and turn % 2
        in_time = kill_command([procscope, "heapdump", process.pid, "-q", "-f", "-o", file if to_file else "-"], victim, "procscope-java",
                               random.uniform(0, span))
        killed += in_time
        span *= 1.05 if in_time else 0.85
        assert process.poll() is None
        assert set(os.listdir(tmp_path)) <= {"dump"}
    assert killed > KILLS / 4
    # whoever waits for a reader is freed by the next one
    path = wait_until(lambda: run(procscope, "heapdump", process.pid, "-o", "-", check=False).stdout, "a dump", within=240)
    assert path.startswith(b"JAVA PROFILE 1.0.2\0")
    check_runs_on(process)


def test_worker_killed(service, jvm):
    process = jvm(mebibytes=64)
    dump(service, process)
    random.seed(29)
    hits = 0
    for _ in range(KILLS // 2):
        hits += kill_worker(service, lambda: service.get(f"/api/processes/{process.pid}/heapdump"), lambda: left_behind(process), random.uniform(0, 0.1))
        assert process.poll() is None
    assert hits > 0
    check_runs_on(process)
    assert dump(service, process).body.startswith(b"JAVA PROFILE 1.0.2\0")
    assert not any(comm(child) == "procscope-java" for child in children(service.pid))


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="not root, or no setpriv")
def test_of_another_user_and_with_a_tmp_of_its_own(service, jvm):
    user = ["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups"]
    process = jvm(before=user, mebibytes=1)
    assert dump(service, process).body.startswith(b"JAVA PROFILE 1.0.2\0")
    check_runs_on(process)
    inside = jvm(before=["unshare", "--mount", "--pid", "--fork", "sh", "-c", 'mount -t tmpfs none /tmp && exec "$@"', "sh", *user], mebibytes=1)
    java = wait_until(lambda: next((child for child in children(inside.pid) if comm(child) == "java"), 0), "java")
    answer = patiently(lambda: service.get(f"/api/processes/{java}/heapdump"))
    assert answer.status == 200 and answer.body.startswith(b"JAVA PROFILE 1.0.2\0")
    names = os.listdir(f"/proc/{java}/root/tmp")
    assert [name for name in names if name.startswith(".procscope")] == []
    os.kill(java, signal.SIGKILL)


def test_memory_is_flat(procscope, jvm):
    """Whatever the heap: looked at when most of it went through."""
    process = jvm(mebibytes=128)
    peak_line = re.compile(r"VmHWM:\s+(\d+) kB")

    def peak():
        with subprocess.Popen([procscope, "heapdump", str(process.pid), "-q", "-o", "-"], stdout=subprocess.PIPE) as command:
            taken = len(command.stdout.read(100 << 20))
            used = int(peak_line.search(pathlib.Path(f"/proc/{command.pid}/status").read_text())[1]) if taken == 100 << 20 else 0
            command.stdout.read()
        return used

    assert wait_until(peak, "most of a dump", within=240) < 16 * 1024
