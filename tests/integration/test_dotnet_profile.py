"""Profiles of a program of .NET have its methods, of which is known where it spends its time."""
import contextlib
import os
import subprocess
import tempfile

import pytest

from conftest import ROOT, wait_until
from dotnet import compile_alone
from test_dump_readers import needs, run

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
