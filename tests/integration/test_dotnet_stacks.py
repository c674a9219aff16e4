"""Methods of .NET in stacks, as the threads tell them themselves and as dotnet-dump finds them in a core of the same
process; and nothing of our question stays in the runtime, whoever is killed when."""
import contextlib
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import time
import zipfile

import pytest

from conftest import wait_until
from dotnet import ENVIRONMENT, STANDS, dotnet_dump, install_tool, names_of, plain, publish, sos_stacks, start_stands
from test_dump_readers import needs, run
from test_gcdump import TOOK_TOO_LONG, patiently, traces

KILLS = 20
SLEEPS = "System.Threading.Thread.Sleep"

pytestmark = needs("dotnet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("stands")


@pytest.fixture
def program(sleeper, folder):
    with start_stands(sleeper, folder) as process:
        yield process


def managed(thread):
    return [frame["function"] for frame in thread["frames"] if frame.get("kind") == "dotnet"]


def by_id(answer):
    return {thread["id"]: thread for thread in answer["threads"]}


def ask(procscope, pid, *arguments):
    """On a busy machine threads may not come to a halt in time."""
    done = patiently(lambda: run(procscope, "stack", pid, *arguments, check=False), lambda done: done.returncode == TOOK_TOO_LONG)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def fetch(service, path):
    answer = patiently(lambda: service.get(path), lambda answer: answer.status in (429, 503, 504))
    assert answer.status == 200, (answer.status, answer.body[:300])
    return answer if "format=text" in path else json.loads(answer.body)


def ask_json(procscope, pid):
    return json.loads(ask(procscope, pid, "--json"))


def check_methods(process, answer):
    threads, names = by_id(answer), names_of(process.pid, process.told)
    for thread, name in names.items():
        inner, outer = managed(threads[thread])[:2], managed(threads[thread])[2:]
        assert inner[0].startswith("System.Threading.WaitHandle.WaitOne") and inner[1] == "Known.Places.Stands.TellAndWait()"
        assert [plain(method) for method in outer] == [plain(method) for method in process.told[name]]
        assert threads[thread]["end"] == "outermost"
    assert [plain(method)[0] for method in managed(threads[process.pid])] == [SLEEPS, "Known.Places.Stands.Main"]
    assert not [frame for thread in threads.values() for frame in thread["frames"] if not {"module", "function"} & set(frame)]


def test_as_its_threads_and_dotnet_dump_say(procscope, program, tmp_path):
    analyze = dotnet_dump(tmp_path)
    answer = ask_json(procscope, program.pid)
    check_methods(program, answer)
    assert answer["runtime"]["kind"] == "dotnet" and "error" not in answer["runtime"]

    run(procscope, "dump", program.pid, "--format", "core", "--type", "0x200", "--quiet", "--output", tmp_path / "core")
    found = sos_stacks(analyze(tmp_path / "core", "clrstack -all"))
    threads = by_id(answer)
    assert {thread: [plain(method) for method in frames] for thread, frames in found.items() if frames} == {
        number: [plain(method) for method in managed(thread)] for number, thread in threads.items() if managed(thread)}


def test_as_dotnet_stack_says(procscope, program, tmp_path):
    """Names to the letter, but for what a type is said to be."""
    tool = install_tool("dotnet-stack", "10.0.750501", tmp_path)
    said = run(tool, "report", "-p", program.pid, env={**ENVIRONMENT, "TMPDIR": str(program.folder)}).stdout.decode()
    found, frames = {}, None
    for line in said.splitlines():
        if match := re.match(r"Thread \(0x([0-9A-F]+)\)", line):
            frames = found.setdefault(int(match[1], 16), [])
        elif frames is not None and (match := re.match(r"  [\w.]+!(.*)", line)):
            frames.append(re.sub(r"\b(value )?class ", "", match[1]))
    threads = by_id(ask_json(procscope, program.pid))
    assert len(found) == 4 and all(managed(threads[thread]) == frames for thread, frames in found.items()), said


def test_forms(procscope, service, program):
    thread, = [number for number, name in names_of(program.pid, program.told).items() if name == "in-recursion"]
    generic, = [number for number, name in names_of(program.pid, program.told).items() if name == "in-generics"]
    one = fetch(service, f"/api/processes/{program.pid}/threads/{thread}/stack")
    recursion = [frame for frame in one["frames"] if frame.get("function") == "Known.Places.Stands.InRecursion(int32)"]
    assert len(recursion) == 6 and recursion[0]["kind"] == "dotnet" and recursion[0]["found_by"] == "frame_pointer"
    assert len({frame["offset"] for frame in recursion[1:]}) == 1 and one["runtime"]["kind"] == "dotnet"
    assert ("Known.Places.Box`1[System.__Canon].Keep(!0,System.Collections.Generic.List`1<!!0>,Known.Places.Pair&)"
            in managed(fetch(service, f"/api/processes/{program.pid}/threads/{generic}/stack")))

    def everything():
        return fetch(service, f"/api/processes/{program.pid}/stacks")

    check_methods(program, everything())
    # what is remembered says of when it is; another worker may have been the next that was free
    wait_until(lambda: everything()["runtime"] == everything()["runtime"], "what one worker remembers")
    check_methods(program, everything())

    without = fetch(service, f"/api/processes/{program.pid}/stacks?runtime=false")
    assert "runtime" not in without and not any(managed(thread) for thread in without["threads"])
    groups = fetch(service, f"/api/processes/{program.pid}/stacks?group=true")["groups"]
    assert any("Known.Places.Stands.Main()" in managed(group) for group in groups)
    speedscope = fetch(service, f"/api/processes/{program.pid}/stacks?format=speedscope")
    assert "Known.Places.Stands.InRecursion(int32)" in {frame["name"] for frame in speedscope["shared"]["frames"]}
    monitor = {stack["threadId"]: stack["frames"] for stack in fetch(service, f"/stacks?pid={program.pid}")["stacks"]}
    assert [f["methodName"] for f in monitor[thread] if f["typeName"] == "Known.Places.Stands"].count("InRecursion") == 6
    text = fetch(service, f"/api/processes/{program.pid}/stacks?format=text").body.decode()
    assert text.count(" Known.Places.Stands.InRecursion(int32)+0x") == 6 and "[.net]" in text
    assert "\n.NET " in text and "which told the names of its methods\n" in text


def test_a_runtime_that_says_nothing(procscope, sleeper, folder):
    """The stacks come all the same, and why there are no names."""
    with start_stands(sleeper, folder, DOTNET_EnableDiagnostics_IPC="0") as process:
        answer = ask_json(procscope, process.pid)
        assert "diagnostics switched off" in answer["runtime"]["error"] and not any(managed(thread) for thread in answer["threads"])
        assert "no names of .NET methods: " in ask(procscope, process.pid)
    with start_stands(sleeper, folder) as process:
        path, = process.folder.glob("dotnet-diagnostic-*-socket")
        path.unlink()
        path.with_name("between").rename(path)  # where nobody says anything
        answer = ask_json(procscope, process.pid)
        assert "did not answer in time" in answer["runtime"]["error"] and max(len(one["frames"]) for one in answer["threads"]) > 10
        os.kill(process.pid, signal.SIGSTOP)
        wait_until(lambda: "State:\tT" in (open(f"/proc/{process.pid}/status", encoding="utf-8").read()), "it stops")
        answer = ask_json(procscope, process.pid)
        assert answer["runtime"]["error"] == f"Process {process.pid} is stopped." and "time_stamp" not in answer["runtime"]


def test_a_runtime_of_net_8_in_its_program(procscope, sleeper, tmp_path):
    with start_stands(sleeper, tmp_path, own=(publish(STANDS, tmp_path, "8.0.34"),)) as process:
        before = traces(process.pid)
        answer = ask_json(procscope, process.pid)
        check_methods(process, answer)
        assert answer["runtime"]["version"] == "8.0.34"
        run(procscope, "dump", process.pid, "--format", "zip", "--quiet", "--output", tmp_path / "all.zip")
        with zipfile.ZipFile(tmp_path / "all.zip") as archive:
            left, = json.loads(archive.read("manifest.json"))["leftOut"]
        assert left["path"] == "libmscordaccore.so" and "has its .NET runtime in itself" in left["reason"]
        wait_until(lambda: traces(process.pid) == before, "no trace of the session")


@pytest.mark.parametrize("who, is_told", [("command", False), ("command", True), ("worker", False), ("worker", True)])
def test_killed_between_the_beginning_of_a_session_and_its_end(procscope, serve, program, who, is_told):
    """The worst moment: nobody else knows of it. What stands between us and the runtime knows when it is."""
    before = traces(program.pid)
    path, = program.folder.glob("dotnet-diagnostic-*-socket")
    real = path.with_name("real")
    path.rename(real)
    path.with_name("between").rename(path)
    with contextlib.ExitStack() as stack:
        if who == "command":
            ours = subprocess.Popen([procscope, "stack", str(program.pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stack.callback(ours.wait)
        else:
            stack.enter_context(contextlib.closing(serve().connection())).request("GET", f"/api/processes/{program.pid}/stacks")
        asking, _ = program.between.accept()
        killed, = struct.unpack("i8x", asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        with asking, socket.socket(socket.AF_UNIX) as runtime:
            runtime.connect(str(real))
            runtime.sendall(asking.recv(4096))
            reply = runtime.recv(28, socket.MSG_WAITALL)
            assert reply[16:18] == b"\xff\0"  # it has begun
            if is_told:
                asking.sendall(reply)
            os.kill(killed, signal.SIGKILL)
            with contextlib.suppress(ConnectionResetError):
                while asking.recv(4096):
                    pass
            assert traces(program.pid) != before
    path.unlink()
    real.rename(path)
    wait_until(lambda: traces(program.pid) == before, "no trace of the session", within=120)
    check_methods(program, ask_json(procscope, program.pid))


def test_killed(procscope, program):
    """Whenever we are killed, the runtime goes on, and no session of ours stays in it."""
    before = traces(program.pid)
    chance = random.Random(11)
    for _ in range(KILLS):
        ours = subprocess.Popen([procscope, "stack", str(program.pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.random() * 0.12)
        ours.kill()
        ours.wait()
    wait_until(lambda: traces(program.pid) == before, "no trace of a session", within=120)
    check_methods(program, ask_json(procscope, program.pid))
    wait_until(lambda: traces(program.pid) == before, "no trace of the session", within=120)
