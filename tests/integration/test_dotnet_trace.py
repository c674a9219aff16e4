"""Traces of a .NET runtime as dotnet-monitor takes them: Microsoft's own reader finds the events of the profiles and providers
that were asked for, and no others."""
import contextlib
import json
import os
import random
import signal
import subprocess
import time

import pytest

from conftest import ROOT, read_line, wait_until
from dotnet import ENVIRONMENT, build_reader, compile_alone, install_tool
from test_dotnet_counters import collect, figures, program  # pylint: disable=unused-import
from test_dotnet_profile import is_whole
from test_dump_readers import needs, run
from test_gcdump import traces
from test_monitor import detail, workers
from test_profile_formats import HERE

KILLS = 20
SAMPLES, RUNTIME, RUNDOWN = "Microsoft-DotNETCore-SampleProfiler", "Microsoft-Windows-DotNETRuntime", "Microsoft-Windows-DotNETRuntimeRundown"

pytestmark = needs("dotnet")


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return build_reader(HERE / "nettrace_reader", tmp_path_factory.mktemp("reader"))


@pytest.fixture(scope="module")
def kinds_in(reader, tmp_path_factory):
    """The providers of a trace, with how often which of their events is in it; what all traces have is left out."""
    def read(trace):
        assert is_whole(trace)
        folder = tmp_path_factory.mktemp("trace")
        (folder / "trace.nettrace").write_bytes(trace)
        found = {}
        for kind, count in reader(folder / "trace.nettrace", folder)["kinds"].items():
            provider, _, event = kind.partition("/")
            if provider not in ("Microsoft-DotNETCore-EventPipe", "Microsoft-Windows-DotNETRuntimeRundown"):
                found.setdefault(provider, {})[event] = count
            elif provider == RUNDOWN:
                found[RUNDOWN] = True
        return found

    return read


def traced(service, process, query, seconds=2, act=lambda: None, body=None):
    """act: what is done once the session has begun."""
    with contextlib.closing(service.connection()) as connection:
        connection.request("POST" if body else "GET", f"/trace?pid={process.pid}&durationSeconds={seconds}{query}", body and json.dumps(body))
        response = connection.getresponse()
        if response.status == 200:
            act()
        trace = response.read()
        assert response.status == 200, trace
    return trace


def test_profiles(service, figures, kinds_in):
    process = figures()
    cpu = kinds_in(traced(service, process, "&profile=cpu"))
    assert set(cpu) >= {SAMPLES, RUNDOWN} and set(cpu) <= {SAMPLES, RUNTIME, RUNDOWN} and cpu[SAMPLES]["Thread/Sample"] > 100
    metrics = kinds_in(traced(service, process, "&profile=Metrics", 3))
    assert set(metrics) == {"System.Runtime"} and metrics["System.Runtime"]["EventCounters"] > 20
    collections = kinds_in(traced(service, process, "&profile=GcCollect", 3, lambda: collect(process, 6)))
    assert collections[RUNTIME]["GC/Start"] == 6 and SAMPLES not in collections and "System.Runtime" not in collections
    usual = kinds_in(traced(service, process, "", 3, lambda: collect(process, 2)))
    assert usual[RUNTIME]["GC/Start"] == 2 and {SAMPLES, "System.Runtime", RUNDOWN} <= set(usual)
    logs = kinds_in(traced(service, process, "&profile=Logs"))
    assert not set(logs) & {SAMPLES, "System.Runtime", RUNDOWN}


def test_http(service, sleeper, kinds_in, tmp_path):
    """What the program asks of others: us, as it happens."""
    program = compile_alone(ROOT / "tests" / "targets" / "languages" / "Asks.cs", tmp_path, also=("Net.Http", "Net.Primitives", "Private.Uri"))
    process = sleeper("dotnet", program, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask():
        for path in ("healthz", "openapi.json", "nothing"):
            process.stdin.write(f"{service.url}/{path}\n".encode())
            process.stdin.flush()
            assert read_line(process) == ("404" if path == "nothing" else "200")

    trace = traced(service, process, "&profile=Http", 4, ask)
    found = kinds_in(trace)["Microsoft-Diagnostics-DiagnosticSource"]
    assert found["Activity2/Start"] == found["Activity2/Stop"] == 3, found
    for text in ("Request.RequestUri", f"{service.url}/healthz", "Response.StatusCode", "ActivityDuration"):
        assert text.encode("utf-16le") in trace, text
    process.stdin.close()


def post(service, process, seconds=2, **wish):
    return service.request("POST", f"/trace?pid={process.pid}&durationSeconds={seconds}", {"Content-Type": "application/json"}, json.dumps(wish))


def test_what_a_client_names(service, figures, kinds_in, tmp_path):
    process = figures()
    before = traces(process.pid)
    answer = post(service, process, 3, providers=[
        {"name": "System.Runtime", "keywords": "0", "eventLevel": "Informational", "arguments": {"EventCounterIntervalSec": "1"}},
        {"name": "Known-Figures", "eventLevel": 1}], requestRundown=False, bufferSizeInMB=8)
    assert answer.status == 200, answer.body
    found = kinds_in(answer.body)
    assert set(found) == {"System.Runtime"} and found["System.Runtime"]["EventCounters"] > 20
    assert answer.headers["Content-Disposition"].endswith(f'_{process.pid}.nettrace"')

    answer = post(service, process, 1, Providers=[{"Name": SAMPLES, "EventLevel": "Informational"}, {"Name": RUNTIME, "Keywords": "0x14C14FCCBD"}])
    assert set(kinds_in(answer.body)) >= {SAMPLES, RUNDOWN}
    tool = install_tool("dotnet-trace", "10.0.750501", tmp_path / "tools")
    (tmp_path / "out.nettrace").write_bytes(answer.body)
    run(tool, "convert", tmp_path / "out.nettrace", "--format", "Speedscope", "-o", tmp_path / "out", env=ENVIRONMENT)
    assert "Program.Main" in (tmp_path / "out.speedscope.json").read_text()
    wait_until(lambda: traces(process.pid) == before, "no trace of a session")


def test_events_of_the_program(service, figures, kinds_in):
    """Arguments and names reach it as they were said."""
    process = figures()
    found = kinds_in(traced(service, process, "", 3, lambda: [collect(process, 1) for _ in range(3)], {"providers": [{"name": "Known-Figures"}], "requestRundown": False}))
    assert found["Known-Figures"]["Said"] == 3


def test_samples_in_a_diagsession(service, figures, reader, tmp_path):
    """profile?source=eventpipe: what the runtime sends, in the package that Kudu's clients know."""
    process = figures()
    before = traces(process.pid)
    answer = service.get(f"/api/processes/{process.pid}/profile?seconds=1&source=eventpipe&format=diagsession")
    assert answer.status == 200 and '.diagsession"' in answer.headers["Content-Disposition"]
    (tmp_path / "out.diagsession").write_bytes(answer.body)
    read = reader(tmp_path / "out.diagsession", tmp_path)
    assert read["type"] == "DiagnosticsHub.Resource.File" and len(read["tools"]) == 1
    assert read["kinds"][f"{SAMPLES}/Thread/Sample"] > 100 and is_whole((tmp_path / "unpacked.nettrace").read_bytes())
    wait_until(lambda: traces(process.pid) == before, "no trace of the session")


@pytest.mark.parametrize("body, words", [
    ("", "JSON body"), ("{}", "name providers"), ('{"providers": []}', "name providers"), ('{"providers": [{"name": ""}]}', "a name"),
    ('{"providers": [{"name": "a", "keywords": "0xg"}]}', "0xg"), ('{"providers": [{"name": "a", "keywords": 1}]}', "keywords"),
    ('{"providers": [{"name": "a", "eventLevel": "Loud"}]}', "eventLevel"), ('{"providers": [{"name": "a", "arguments": {"b": 1}}]}', "strings"),
    ('{"providers": [{"name": "a"}, {"name": "a"}]}', "twice"), ('{"providers": [{"name": "a"}], "bufferSizeInMB": 1025}', "1024"),
    ('{"providers": [{"name": "a"}], "stoppingEvent": {"providerName": "a"}}', "durationSeconds")])
def test_bodies_that_say_nothing(service, body, words):
    answer = service.request("POST", "/trace?pid=1", body=body)
    assert answer.status == 400 and words in detail(answer)


def test_what_can_not_be_traced(service, figures, sleeper):
    other = sleeper()
    for profile in ("Http", "Logs,Metrics", "GcCollect"):
        answer = service.get(f"/trace?pid={other.pid}&profile={profile}")
        assert answer.status == 400 and "no .NET runtime" in detail(answer)
    assert post(service, other, providers=[{"name": "a"}]).status == 501
    assert service.request("POST", f"/trace?pid={other.pid}&profile=Cpu", body='{"providers": [{"name": "a"}]}').status == 400
    process = figures(DOTNET_EnableDiagnostics_IPC="0")
    answer = service.get(f"/trace?pid={process.pid}&durationSeconds=1")
    assert answer.status == 409 and "switched off" in detail(answer)
    answer = service.get(f"/trace?pid={process.pid}&durationSeconds=1&profile=Cpu")  # we need no runtime for that
    assert answer.status == 200 and answer.body.startswith(b"Nettrace")


def test_whoever_goes_away_takes_the_session_along(serve, figures):
    process, chance, service = figures(), random.Random(13), serve()
    before = traces(process.pid)
    kept = set(workers(service))
    for turn in range(KILLS):
        with contextlib.closing(service.connection()) as connection:
            connection.request("GET", f"/trace?pid={process.pid}&durationSeconds=600")
            found = wait_until(lambda: set(workers(service)) - kept, "its worker")
            time.sleep(chance.random() * 0.3)
            for worker in found if turn % 2 else ():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: traces(process.pid) == before, "no trace of a session", within=120)
    collect(process, 1)
