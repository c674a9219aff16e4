"""Profiles of a program of .NET have its methods, of which is known where it spends its time: those that we take, and
those that its runtime takes itself."""
import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import tempfile
import time

import pytest

from conftest import ROOT, wait_until
from dotnet import ENVIRONMENT, compile_alone, install_tool
from test_dump_readers import needs, run
from test_gcdump import traces

KILLS = 12
GONE = 3  # an exit code

SOURCE = ROOT / "tests" / "targets" / "languages" / "Burns.cs"
HOT = "Known.Work.Burns.Hot(System.Diagnostics.Stopwatch,int32);Known.Work.Burns.Turn(int64)"
COOL = HOT.replace("Hot", "Cool")

pytestmark = needs("dotnet")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return compile_alone(SOURCE, tmp_path_factory.mktemp("burns"))


@pytest.fixture
def burns(sleeper, program):
    with contextlib.ExitStack() as stack:
        def start(**variables):
            place = stack.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp"))
            return sleeper("dotnet", program, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": place, **variables})

        yield start


def check(folded):
    """Turn is where the time goes, most of it called by Hot. Nearly no code has no name: jumps that the runtime has made."""
    counts, unnamed = {}, 0
    for line in folded.splitlines():
        stack, _, count = line.rpartition(" ")
        unnamed += int(count) if ";0x" in stack else 0
        for way in (HOT, COOL):
            if way in stack:
                assert ";System.Threading.Thread.StartCallback();Known.Work.Burns+<>c__" in stack
                counts[way] = counts.get(way, 0) + int(count)
    assert counts.get(HOT, 0) > counts.get(COOL, 0), folded
    assert unnamed < sum(counts.values()) / 20, folded


def test_methods_have_names(procscope, burns, tmp_path):
    process, path = burns(), tmp_path / "out.folded"
    said = run(procscope, "profile", process.pid, "-s", "2", "-o", path).stderr.decode()
    assert "no names" not in said
    check(path.read_text())


def test_of_a_session(service, burns):
    """Named when its time is over, or it is stopped."""
    process = burns()
    assert service.request("POST", f"/api/processes/{process.pid}/profile/start?duration=2s").status == 200
    wait_until(lambda: not service.json(f"/api/processes/{process.pid}").get("is_profile_running"), "its end")
    answer = service.get(f"/api/processes/{process.pid}/profile/stop?format=folded")
    assert answer.status == 200 and "X-Profile-Unnamed" not in answer.headers
    check(answer.body.decode())


def test_a_runtime_that_tells_no_names(procscope, burns, tmp_path):
    process, path = burns(DOTNET_EnableDiagnostics_IPC="0"), tmp_path / "out.folded"
    said = run(procscope, "profile", process.pid, "-s", "1", "-o", path).stderr.decode()
    assert "Methods have no names: Process" in said and "diagnostics switched off" in said
    assert path.read_text() and "Known" not in path.read_text()


# --- source=eventpipe ---


def is_whole(trace):
    return trace.startswith(b"Nettrace\x14\0\0\0!FastSerialization.1") and trace.endswith(b"\x06\x01")


def times_in(method, speedscope):
    """Time in it, by who called it."""
    names, found = [frame["name"].split("!", 1)[-1] for frame in speedscope["shared"]["frames"]], {}
    for thread in speedscope["profiles"]:
        stack, last = [], 0
        for event in thread["events"]:
            if method in stack:
                caller = stack[stack.index(method) - 1].split("(")[0]
                found[caller] = found.get(caller, 0) + event["at"] - last
            last = event["at"]
            if event["type"] == "O":
                stack.append(names[event["frame"]])
            else:
                stack.pop()
    return found


def test_the_runtimes_own_samples(procscope, burns, tmp_path):
    process, path = burns(), tmp_path / "out.nettrace"
    before = traces(process.pid)
    said = run(procscope, "profile", process.pid, "--source", "eventpipe", "-s", "3", "-o", path).stderr.decode()
    assert "The .NET runtime's own samples" in said and "samples," not in said and is_whole(path.read_bytes())
    wait_until(lambda: traces(process.pid) == before, "no trace of the session")

    tool = install_tool("dotnet-trace", "10.0.750501", tmp_path / "tools")
    run(tool, "convert", path, "--format", "Speedscope", "-o", tmp_path / "out", env=ENVIRONMENT)
    times = times_in("Known.Work.Burns.Turn(int64)", json.loads((tmp_path / "out.speedscope.json").read_text()))
    assert times["Known.Work.Burns.Hot"] > times["Known.Work.Burns.Cool"] > 0, times
    assert "Burns.Turn(int64)" in run(tool, "report", path, "topN", "-n", "10", env=ENVIRONMENT).stdout.decode()


def test_of_the_service(service, burns, sleeper):
    process = burns()
    answer = service.get(f"/api/processes/{process.pid}/profile?seconds=1&source=EventPipe")
    assert answer.status == 200 and is_whole(answer.body) and ".nettrace" in answer.headers["Content-Disposition"]
    assert answer.headers["X-Profile-How"] == "The .NET runtime's own samples of its managed threads, 1000 a second."
    anything = service.get(f"/api/processes/{process.pid}/profile?seconds=0.1&source=eventpipe", headers={"Accept": "*/*"})
    assert anything.status == 200 and is_whole(anything.body)
    for query, words in [("source=eventpipe&format=svg", "a profile is a nettrace"), ("source=eventpipe&mode=wall", "there is no mode"),
                         ("source=perf", "native or eventpipe")]:
        answer = service.get(f"/api/processes/{process.pid}/profile?seconds=1&{query}")
        assert answer.status == 400 and words in answer.message
    assert service.request("POST", f"/api/processes/{process.pid}/profile/start?source=eventpipe").status == 400
    assert service.get(f"/api/processes/{sleeper().pid}/profile?seconds=1&source=eventpipe").status == 501
    os.kill(process.pid, signal.SIGSTOP)
    wait_until(lambda: "State:\tT" in pathlib.Path(f"/proc/{process.pid}/status").read_text(), "it stops")
    assert service.get(f"/api/processes/{process.pid}/profile?seconds=1&source=eventpipe").status == 409


def test_an_interrupt_ends_it_early(procscope, burns, tmp_path):
    process, path = burns(), tmp_path / "out.nettrace"
    before = traces(process.pid)
    ours = subprocess.Popen([procscope, "profile", str(process.pid), "--source", "eventpipe", "-s", "600", "-q", "-o", path])
    wait_until(lambda: traces(process.pid) != before, "the session")
    ours.send_signal(signal.SIGINT)
    assert ours.wait(60) == 0 and is_whole(path.read_bytes())
    wait_until(lambda: traces(process.pid) == before, "no trace of the session")


def test_whoever_goes_away_takes_the_session_along(procscope, serve, burns):
    """We ourselves, at any moment; who reads from the service; and the program."""
    process, chance = burns(), random.Random(5)
    before = traces(process.pid)
    for _ in range(KILLS):
        ours = subprocess.Popen([procscope, "profile", str(process.pid), "--source", "eventpipe", "-s", "0.1", "-q", "-o", "-"], stdout=subprocess.DEVNULL)
        time.sleep(chance.random() * 0.3)
        ours.kill()
        ours.wait()
    wait_until(lambda: traces(process.pid) == before, "no trace of a session", within=120)

    one = serve()
    for _ in range(2):
        with contextlib.closing(one.connection()) as connection:
            connection.request("GET", f"/api/processes/{process.pid}/profile?source=eventpipe&seconds=300")
            wait_until(lambda: traces(process.pid) != before, "the session")
        wait_until(lambda: traces(process.pid) == before, "no trace of the session", within=120)

    ours = subprocess.Popen([procscope, "profile", str(process.pid), "--source", "eventpipe", "-s", "300", "-o", "-"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert ours.stdout.read(8) == b"Nettrace"
    process.kill()
    assert b"ended in the middle of the profile" in ours.communicate()[1] and ours.returncode == GONE
