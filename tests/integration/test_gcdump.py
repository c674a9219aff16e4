"""The heap of a real program of .NET, told by its runtime and read with Microsoft's own library: counts and bytes are
exact, and the runtime goes on as if nothing had been, whatever becomes of us."""
import contextlib
import gzip
import io
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ElementTree
import zipfile

import jsonschema
import pytest

from conftest import ROOT, wait_until
from dotnet import ENVIRONMENT, build_reader, compile_alone, install_runtime, install_tool, publish
from test_dump_readers import needs, run
from victims import kill_command

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = ROOT / "tests" / "targets" / "languages" / "Heap.cs"
KNOWN = 1_234_567
OTHER = 65534  # a user that is no one's here
KILLS = 12
BUSY, TOOK_TOO_LONG = 5, 8  # exit codes
LISTED = ("Known", "Link", "Key", "Attached", "Held", "OfThread", "Gone")

pytestmark = needs("dotnet")


@pytest.fixture(scope="module")
def program():
    folder = pathlib.Path(tempfile.mkdtemp(dir="/var/tmp", prefix="heap-"))
    yield compile_alone(SOURCE, folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return build_reader(HERE / "gcdump_reader", tmp_path_factory.mktemp("reader"))


@pytest.fixture(scope="module")
def tool(tmp_path_factory):
    return install_tool("dotnet-gcdump", "10.0.750501", tmp_path_factory.mktemp("tools"))


@pytest.fixture
def heap(sleeper, program):
    """heap(count) starts it. Its socket, which a runtime that is killed leaves behind, is in a place of its own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chmod(folder, 0o1777)
        program.parent.chmod(0o755)

        def start(count=1000, before=(), own=None, stdin=subprocess.DEVNULL, **variables):
            environment = {**os.environ, "TMPDIR": folder, "HOME": folder, **variables}
            process = sleeper(*before, *(own or ("dotnet", program)), str(count), stdin=stdin, stdout=subprocess.PIPE, env=environment)
            assert process.first_line == "ready"
            process.folder = pathlib.Path(folder)
            return process

        yield start


def sockets(pid):
    found = 0
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += os.readlink(entry).startswith("socket:")
    return found


def pipe_threads(pid):
    """Threads that serve sessions, and the one that is always there; of the one that takes samples, too."""
    found = []
    for entry in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            name = (entry / "comm").read_text().strip()
            found += [name] if re.search("EventPipe|SampleProf", name) else []
    return sorted(found)


def traces(pid):
    return sockets(pid), pipe_threads(pid)


def patiently(question, late):
    """What the runtime did not get done in time on a busy machine is asked again."""
    return wait_until(lambda: (answer := question()) and not late(answer) and answer, "a dump in time", within=300)


def take(procscope, pid, path, *arguments):
    done = patiently(lambda: run(procscope, "gcdump", pid, "-f", "-o", path, *arguments, check=False, timeout=600),
                     lambda done: done.returncode == TOOK_TOO_LONG)
    assert done.returncode == 0, done.stderr
    return done.stderr.decode()


def fetch(service, pid, query=""):
    answer = patiently(lambda: service.get(f"/api/processes/{pid}/gcdump{query}"), lambda answer: answer.status in (429, 503, 504))
    assert answer.status == 200, (answer.status, answer.body[:300])
    return answer


def counts(read):
    return {name: read["types"].get(name, [0, 0])[0] for name in LISTED}


def test_objects_are_exact(procscope, heap, reader, program, tmp_path):
    process = heap(KNOWN)
    before = traces(process.pid)
    said = take(procscope, process.pid, tmp_path / "one.gcdump")
    read = reader(tmp_path / "one.gcdump", "Link")
    assert counts(read) == {"Known": KNOWN + 100, "Link": 1000, "Key": 10, "Attached": 10, "Held": 10, "OfThread": 1, "Gone": 0}
    assert read["types"]["Known"][1] == 24 * (KNOWN + 100)
    assert read["types"]["Known[] (Bytes > 1M)"] == [1, 8 * KNOWN + 24]
    assert read["types"]["System.Byte[] (Bytes > 1M)"] == [1, 5_000_024]
    assert read["chains"] == {"Link": 1000}
    assert read["modules"]["Known"] == str(program)
    assert read["modules"]["System.String"].endswith("/System.Private.CoreLib.dll")
    assert sum(size for _, size in read["types"].values()) == read["total"]
    assert (read["factors"], read["countFactor"], read["sizeFactor"]) == (None, 1, 1)
    assert read["is64"] and read["ascending"] and (read["pid"], read["tool"]) == (process.pid, "procscope")
    assert not set(LISTED) & set(read["unreached"])  # dependent handles, too
    objects = int(re.search(r" (\d+) objects of ", said).group(1))
    groups = sum(count for name, (count, size) in read["types"].items() if size == 0)
    assert read["nodes"] == objects + groups and f"{objects} objects, {read['total']} bytes, 0 references that led nowhere" in read["log"]
    wait_until(lambda: traces(process.pid) == before, "no trace of the session")


def reported(tool, path):
    """What dotnet-gcdump says of a dump: bytes and objects of all, and by type how many there are and how large the first is."""
    lines = [line.replace(",", "").split(maxsplit=2) for line in run(tool, "report", path, env=ENVIRONMENT).stdout.decode().splitlines()
             if re.match(r" +[\d,]+ ", line)]
    total, objects, *types = lines
    assert (total[1:], objects[1:]) == (["GC", "Heap bytes"], ["GC", "Heap objects"])
    return int(total[0]), int(objects[0]), {re.sub(r"  \[.*\]$", "", name): (int(count), int(size)) for size, count, name in types}


def test_microsofts_own_tool(procscope, heap, tool, tmp_path):
    """It reads ours, and what it collects itself of the same process is the same but for what it has that do in addition."""
    process = heap(KNOWN)
    ours, theirs = tmp_path / "ours.gcdump", tmp_path / "theirs.gcdump"
    take(procscope, process.pid, ours)
    done = patiently(lambda: run(tool, "collect", "-p", process.pid, "-o", theirs, "--timeout", "200", check=False,
                                 env={**ENVIRONMENT, "TMPDIR": str(process.folder)}), lambda done: not theirs.exists())
    assert done.returncode == 0, done.stdout
    (bytes_, objects, types), (their_bytes, their_objects, their_types) = reported(tool, ours), reported(tool, theirs)
    known = {"Known": (KNOWN + 100, 24), "Link": (1000, 24), "Attached": (10, 24), "Held": (10, 24), "Known[] (Bytes > 1M)": (1, 8 * KNOWN + 24),
             "System.Byte[] (Bytes > 1M)": (1, 5_000_024)}
    for found in (types, their_types):
        assert {name: found.get(name) for name in known} == known
    assert bytes_ == pytest.approx(their_bytes, rel=0.01) and objects == pytest.approx(their_objects, rel=0.01)


def test_sample(service, procscope, heap, reader, tool, tmp_path):
    """At most so many objects, what leads to each of them, and factors by which there are as many as there were."""
    process = heap(KNOWN)
    raw = fetch(service, process.pid, "?format=raw&maxDumpCountK=50")
    (tmp_path / "sample.gcdump").write_bytes(raw.body)
    read = reader(tmp_path / "sample.gcdump")
    kept, whole = int(raw.headers["X-Gcdump-Sampled-Objects"]), int(raw.headers["X-Gcdump-Objects"])
    assert 40_000 < kept <= read["nodes"] <= 50_000 and whole > KNOWN and raw.headers["Content-Length"] == str(len(raw.body))
    assert read["reached"] == read["nodes"] and read["factors"] and read["is64"] and read["ascending"]
    scaled = read["scaled"]
    assert scaled["Known"] == pytest.approx([KNOWN + 100, 24 * (KNOWN + 100)], rel=1e-4)
    assert scaled["Link"] == pytest.approx([1000, 24 * 1000], rel=1e-4)
    assert scaled["Known[] (Bytes > 1M)"] == [1, 8 * KNOWN + 24] and scaled["System.Byte[] (Bytes > 1M)"] == [1, 5_000_024]
    assert sum(count for name, (count, _) in scaled.items()) == pytest.approx(whole, rel=0.01)
    assert sum(size for _, size in scaled.values()) == pytest.approx(int(raw.headers["X-Gcdump-Bytes"]), rel=0.01)
    assert read["nodes"] * read["countFactor"] == pytest.approx(whole, rel=0.01)
    assert read["total"] * read["sizeFactor"] == pytest.approx(int(raw.headers["X-Gcdump-Bytes"]), rel=1e-4)
    assert f"{kept} of the objects are here" in read["log"]
    assert reported(tool, tmp_path / "sample.gcdump")[1] == read["nodes"]
    # so few that the links of the chain alone are more; and more than there are
    said = take(procscope, process.pid, tmp_path / "few.gcdump", "--max-count-k", "1")
    few = reader(tmp_path / "few.gcdump")
    assert few["reached"] == few["nodes"] <= 1000 and few["scaled"]["Known"][0] == pytest.approx(KNOWN + 100, rel=1e-4)
    assert re.search(r"; \d{3} of them are in the file", said)
    assert "of them are in the file" not in take(procscope, process.pid, tmp_path / "all.gcdump", "--max-count-k", "10000")


def test_what_keeps_objects_alive(procscope, heap, reader, tmp_path):
    process = heap()
    take(procscope, process.pid, tmp_path / "one.gcdump")
    roots = reader(tmp_path / "one.gcdump")["roots"]
    assert {"[static vars]", "[local vars]", "[other roots]", "[thread static vars]"} <= set(roots["[.NET Roots]"])
    assert {"[strong Handles]", "[finalizer Handles]", "[pinning Handles]"} <= set(roots["[other roots]"])
    assert roots["[static var Known[].known]"] == ["Known[] (Bytes > 1K)"]
    assert roots["[static var Link.chain]"] == ["Link"]
    assert {"[static var Known[].known]", "[static var Link.chain]"} <= set(roots["[static vars]"])


def test_again_and_again(procscope, heap, reader, tmp_path):
    """Types are told once by a runtime; ours is made to forget that."""
    process = heap()
    before = traces(process.pid)
    for _ in range(3):
        take(procscope, process.pid, tmp_path / "one.gcdump")
        read = reader(tmp_path / "one.gcdump")
        assert counts(read)["Known"] == 1100 and not [name for name in read["types"] if name.startswith("UNKNOWN")]
    wait_until(lambda: traces(process.pid) == before, "no trace of the sessions")


def histogram(service, pid):
    answer = patiently(lambda: service.get(f"/api/processes/{pid}/heap"), lambda answer: answer.status in (429, 503, 504))
    assert answer.status == 200, (answer.status, answer.body[:300])
    return answer.json()


def test_histogram(serve, procscope, heap, program):
    """With next to no memory, since no object is kept."""
    one = serve("--heap-memory", "8M")
    process = heap(KNOWN)
    before = traces(process.pid)
    found = histogram(one, process.pid)
    jsonschema.Draft202012Validator({"$ref": "#/components/schemas/Heap", "components": one.json("/openapi.json")["components"]}).validate(found)
    types = {line["type"]: line for line in found["types"]}
    assert len({(line["type"], line.get("module")) for line in found["types"]}) == len(found["types"])
    assert {name: types[name]["count"] for name in LISTED if name in types} == {
        "Known": KNOWN + 100, "Link": 1000, "Key": 10, "Attached": 10, "Held": 10, "OfThread": 1}
    assert types["Known"] == {"type": "Known", "module": str(program), "count": KNOWN + 100, "bytes": 24 * (KNOWN + 100)} == found["types"][0]
    assert (types["Known[]"]["count"], types["Known[]"]["bytes"]) == (1, 8 * KNOWN + 24)
    assert types["System.String"]["module"].endswith("/System.Private.CoreLib.dll")
    assert [line["bytes"] for line in found["types"]] == sorted((line["bytes"] for line in found["types"]), reverse=True)
    assert found["count"] == sum(line["count"] for line in found["types"]) and found["bytes"] == sum(line["bytes"] for line in found["types"])
    assert found["runtime"] == ".NET" and found["live"] is True and found["pause_microseconds"] > 0
    for what in ("heap", "heapdump"):
        answer = one.get(f"/api/processes/{process.pid}/{what}?live=false")
        assert answer.status == 400 and "live=false is for Java" in answer.message
        head = one.request("HEAD", f"/api/processes/{process.pid}/{what}")
        assert head.status == 200 and not head.body
    text = patiently(lambda: run(procscope, "heap", process.pid, check=False), lambda done: done.returncode == TOOK_TOO_LONG).stdout.decode()
    assert re.search(rf"^ *{KNOWN + 100} +{24 * (KNOWN + 100)}  Known$", text, re.M)
    wait_until(lambda: traces(process.pid) == before, "no trace of the sessions")


def test_heapdump_is_the_same_file(service, procscope, heap, reader, tmp_path):
    process = heap()
    answer = patiently(lambda: service.get(f"/api/processes/{process.pid}/heapdump?compress=gzip"), lambda answer: answer.status in (429, 503, 504))
    assert answer.status == 200 and ".gcdump.gz" in answer.headers["Content-Disposition"]
    assert answer.headers["X-Heap-Runtime"].startswith(".NET ") and int(answer.headers["X-Gcdump-Pause-Microseconds"]) > 0
    (tmp_path / "one.gcdump").write_bytes(gzip.decompress(answer.body))
    assert counts(reader(tmp_path / "one.gcdump"))["Known"] == 1100


@pytest.mark.parametrize("version, single_file", [("8.0.34", True), ("9.0.23", False)])
def test_other_versions(service, procscope, heap, reader, tmp_path, version, single_file):
    """Runtimes that know fewer commands; one of them linked into its program."""
    if single_file:
        process = heap(own=(publish(SOURCE, tmp_path, version),))
    else:
        dotnet, library = install_runtime(tmp_path, version)
        process = heap(own=(dotnet, compile_alone(SOURCE, tmp_path, library)))
    before = traces(process.pid)
    shown = service.json(f"/api/processes/{process.pid}")
    assert (shown["runtime"], shown["runtime_version"]) == (".NET", version)
    for _ in range(2):
        said = take(procscope, process.pid, tmp_path / "one.gcdump")
    assert f".NET {version}; paused for" in said
    read = reader(tmp_path / "one.gcdump", "Link")
    assert counts(read) == {"Known": 1100, "Link": 1000, "Key": 10, "Attached": 10, "Held": 10, "OfThread": 1, "Gone": 0}
    assert read["types"]["Known"][1] == 24 * 1100 and read["chains"] == {"Link": 1000} and read["types"]["System.Byte[] (Bytes > 1M)"] == [1, 5_000_024]
    assert read["modules"]["Known"].endswith("Heap.dll") and read["modules"]["System.String"].endswith("System.Private.CoreLib.dll")
    assert not set(LISTED) & set(read["unreached"]) and not [name for name in read["types"] if name.startswith("UNKNOWN")]
    assert read["roots"]["[static var Known[].known]"] == ["Known[] (Bytes > 1K)"]
    found = histogram(service, process.pid)
    assert {line["type"]: line["count"] for line in found["types"] if line["type"] in LISTED} == {
        name: count for name, count in counts(read).items() if count} and found["pause_microseconds"] > 0
    wait_until(lambda: traces(process.pid) == before, "no trace of the sessions")


def test_one_collection(procscope, heap, tmp_path):
    """More is not asked of it, by whatever sessions begin and end for it."""
    process = heap(stdin=subprocess.PIPE)

    def collections():
        process.stdin.write(b"\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    def once(*arguments):
        before = collections()
        done = run(procscope, *arguments, check=False)
        return done.returncode == 0 and [collections() - before]

    for verb in ("gcdump", "heap"):
        options = ("-f", "-o", tmp_path / "one") if verb == "gcdump" else ()
        assert wait_until(lambda: once(verb, process.pid, *options), "an answer in time", within=300) == [1]


def test_forms_of_the_service(service, heap, reader, tmp_path):
    process = heap()
    raw = fetch(service, process.pid, "?format=raw")
    assert raw.headers["Content-Length"] == str(len(raw.body)) and ".gcdump" in raw.headers["Content-Disposition"]
    (tmp_path / "raw.gcdump").write_bytes(raw.body)
    read = reader(tmp_path / "raw.gcdump")
    assert counts(read)["Known"] == 1100 and str(read["total"]) == raw.headers["X-Gcdump-Bytes"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", raw.headers["X-Gcdump-Runtime"])
    assert int(raw.headers["X-Gcdump-Pause-Microseconds"]) > 0 and int(raw.headers["X-Gcdump-Objects"]) > 1100

    zipped = fetch(service, process.pid, "?format=zip")
    assert zipped.headers["Content-Type"] == "application/zip" and ".gcdump.zip" in zipped.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(zipped.body)) as archive:
        name, = archive.namelist()
        assert archive.testzip() is None and name.endswith(".gcdump")
        assert archive.read(name).startswith(b"\x14\0\0\0!FastSerialization.1")

    session = fetch(service, process.pid)  # as in Kudu: who names no form gets this one
    assert ".diagsession" in session.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(session.body)) as archive:
        resource = ElementTree.fromstring(archive.read("metadata.xml")).find(".//{*}Resource")
        assert resource.get("Type") == "Microsoft.Diagnostics.GcDump"
        part = f"{resource.get('ResourcePackageUriPrefix')}/{resource.get('Name')}"
        (tmp_path / "part.gcdump").write_bytes(archive.read(part))
    assert counts(reader(tmp_path / "part.gcdump"))["Known"] == 1100

    head = service.request("HEAD", f"/api/processes/{process.pid}/gcdump?format=raw")
    assert head.status == 200 and head.headers["X-Gcdump-Runtime"] == raw.headers["X-Gcdump-Runtime"] and not head.body
    for query, status in [("format=core", 400), ("maxDumpCountK=x", 400), ("maxDumpCountK=-1", 400), ("maxDumpCountK=250&format=raw", 200), ("maxDumpCountK=0&format=raw", 200)]:
        assert patiently(lambda: service.get(f"/api/processes/{process.pid}/gcdump?{query}"),
                         lambda answer: answer.status in (429, 503, 504)).status == status


@pytest.mark.skipif(os.geteuid() != 0, reason="not root")
def test_other_user_place_and_namespace(service, heap):
    """The service has no right to write to others' files, which a socket is."""
    process = heap(before=("setpriv", "--reuid", str(OTHER), "--regid", str(OTHER), "--clear-groups"))
    assert b"FastSerialization" in fetch(service, process.pid, "?format=raw").body
    inside = heap(before=("unshare", "--pid", "--fork", "--mount-proc", "--kill-child"))
    child, = pathlib.Path(f"/proc/{inside.pid}/task/{inside.pid}/children").read_text().split()
    assert b"FastSerialization" in fetch(service, child, "?format=raw").body


def test_refusals(service, procscope, heap, tmp_path):
    off = heap(DOTNET_EnableDiagnostics="0")
    answer = service.get(f"/api/processes/{off.pid}/gcdump")
    assert answer.status == 409 and "diagnostics switched off" in answer.message
    stopped = heap()
    os.kill(stopped.pid, signal.SIGSTOP)
    wait_until(lambda: "State:\tT" in pathlib.Path(f"/proc/{stopped.pid}/status").read_text(), "it stops")
    answer = service.get(f"/api/processes/{stopped.pid}/gcdump")
    assert answer.status == 409 and answer.message == f"Process {stopped.pid} is stopped."
    os.kill(stopped.pid, signal.SIGCONT)
    removed = heap()
    path, = removed.folder.glob(f"dotnet-diagnostic-{removed.pid}-*-socket")
    path.unlink()
    done = run(procscope, "gcdump", removed.pid, "-o", tmp_path / "none", check=False)
    assert done.returncode == BUSY and b"no diagnostics socket" in done.stderr and not (tmp_path / "none").exists()


@pytest.mark.parametrize("manner, code, words", [
    ("silent", TOOK_TOO_LONG, "did not answer in time"),
    ("rubbish", 1, "can't be asked"),
    ("closes", 1, "closed the connection"),
])
def test_a_runtime_that_says_nothing(procscope, sleeper, manner, code, words):
    """Something listens there, and is silent or says rubbish: that ends in a bounded time, and in words."""
    script = """
import os, socket, sys
with open("/proc/self/stat") as file:
    began = file.read().rsplit(")", 1)[1].split()[19]
port = socket.socket(socket.AF_UNIX)
port.bind(f"{sys.argv[1]}/dotnet-diagnostic-{os.getpid()}-{began}-socket")
port.listen()
print("ready", flush=True)
kept = []
while True:
    kept.append(port.accept()[0])
    if sys.argv[2] == "rubbish":
        kept[-1].sendall(os.urandom(1000))
    if sys.argv[2] == "closes":
        kept.pop().close()
"""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # names of sockets are short
        process = sleeper("python3", "-c", script, folder, manner, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": folder})
        done = run(procscope, "gcdump", process.pid, "-o", folder + "/none", check=False)
        assert (done.returncode, words in done.stderr.decode()) == (code, True), done.stderr


def test_killed_worker(procscope, heap, reader, tmp_path):
    """Whenever we are killed, the runtime goes on, and no session of ours stays in it."""
    process = heap(300_000)
    before = traces(process.pid)
    chance = random.Random(7)
    asked = [("gcdump", "-q", "-f", "-o", tmp_path / "killed"), ("heap",)]
    for attempt in range(KILLS):
        verb, *more = asked[attempt % 2]
        ours = subprocess.Popen([procscope, verb, str(process.pid), *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.random() * 0.4)
        ours.kill()
        ours.wait()
        wait_until(lambda: traces(process.pid) == before, "no trace of the session", within=120)
    take(procscope, process.pid, tmp_path / "after.gcdump")
    assert counts(reader(tmp_path / "after.gcdump"))["Known"] == 300_100
    assert process.poll() is None


def test_interrupted(procscope, heap, reader, tmp_path):
    """Ctrl-C, which all processes of a terminal get: likewise, and no part of a file is left."""
    process = heap(300_000)
    take(procscope, process.pid, tmp_path / "first.gcdump")  # what a runtime makes for its first session alone is there
    before = traces(process.pid)
    chance = random.Random(11)
    (tmp_path / "files").mkdir()
    asked = [("gcdump", "-q", "-f", "-o", tmp_path / "files" / "dump"), ("heap",), ("gcdump", "-q", "-o", "-")]
    for attempt in range(KILLS):
        verb, *more = asked[attempt % 3]
        kill_command([procscope, verb, process.pid, *more], "terminal", None, chance.random() * 0.4)
        assert set(os.listdir(tmp_path / "files")) <= {"dump"}
        wait_until(lambda: traces(process.pid) == before, "no trace of the session", within=120)
    take(procscope, process.pid, tmp_path / "after.gcdump")
    assert counts(reader(tmp_path / "after.gcdump"))["Known"] == 300_100
    assert process.poll() is None


def test_client_that_goes_away(serve, heap):
    """The worker ends with it."""
    one = serve()
    process = heap(300_000)
    before = traces(process.pid)
    for _ in range(3):
        with contextlib.closing(one.connection()) as connection:
            connection.request("GET", f"/api/processes/{process.pid}/gcdump?format=raw")
    wait_until(lambda: traces(process.pid) == before, "no trace of the session", within=120)
    assert b"FastSerialization" in fetch(one, process.pid, "?format=raw").body


def test_memory_is_bounded(serve, heap):
    """A worker that has too little for the heap says so, and the runtime goes on."""
    one = serve("--heap-memory", "8M")
    process = heap(1_000_000)
    before = traces(process.pid)
    answer = patiently(lambda: one.get(f"/api/processes/{process.pid}/gcdump?format=raw"), lambda answer: answer.status in (429, 503, 504))
    assert answer.status == 413 and "more objects than the memory for its dump holds" in answer.message
    wait_until(lambda: traces(process.pid) == before, "no trace of the session", within=120)
