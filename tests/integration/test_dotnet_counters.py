"""What a .NET runtime publishes of itself and of its program, as dotnet-monitor streams it: the figures are exact, and
those that dotnet-counters reads at the same time; whoever goes away, no session is left."""
import contextlib
import csv
import json
import os
import pathlib
import random
import signal
import subprocess
import tempfile
import threading
import time

import jsonschema
import pytest

from conftest import ROOT, read_line, wait_until
from dotnet import ENVIRONMENT, compile_alone, install_runtime, install_tool
from test_dump_readers import needs
from test_gcdump import traces
from test_monitor import METRIC, detail, records, workers

SOURCE = ROOT / "tests" / "targets" / "languages" / "Figures.cs"
KILLS = 30
# what all runtimes since .NET 8 have; display names, units and kinds are their own
USUAL = {"cpu-usage", "working-set", "gc-heap-size", "gen-0-gc-count", "gen-1-gc-count", "gen-2-gc-count", "time-in-gc", "gc-fragmentation", "gc-committed",
         "threadpool-thread-count", "threadpool-queue-length", "threadpool-completed-items-count", "monitor-lock-contention-count", "alloc-rate",
         "exception-count", "gen-0-size", "gen-1-size", "gen-2-size", "loh-size", "poh-size", "assembly-count", "active-timer-count", "time-in-jit"}

pytestmark = needs("dotnet")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return compile_alone(SOURCE, tmp_path_factory.mktemp("figures"))


@pytest.fixture
def figures(sleeper, program):
    with contextlib.ExitStack() as stack:
        def start(own=(), **variables):
            place = stack.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp"))
            process = sleeper(*(own or ("dotnet", program)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": place, **variables})
            process.place = place
            stack.callback(process.stdin.close)
            return process

        yield start


def collect(process, count):
    process.stdin.write(b"%d\n" % count)
    process.stdin.flush()
    assert read_line(process) == "done"


def post(service, query, **wish):
    return service.request("POST", f"/livemetrics?{query}", {"Content-Type": "application/json"}, json.dumps(wish))


@contextlib.contextmanager
def streamed(service, path):
    """Its records, as a list that grows until the end of the block, and then is whole."""
    found = []
    with contextlib.closing(service.connection()) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.status == 200

        def follow():
            while line := response.readline():
                found.extend(records(line))

        reading = threading.Thread(target=follow)
        reading.start()
        yield found
        reading.join()


def values(metrics, name, provider="System.Runtime"):
    return [m["value"] for m in metrics if m["name"] == name and m["provider"] == provider]


def test_the_runtimes_own_figures(service, figures):
    process = figures()
    before = traces(process.pid)
    with streamed(service, f"/livemetrics?pid={process.pid}&durationSeconds=6") as metrics:
        wait_until(lambda: values(metrics, "gen-2-gc-count"), "the first figures")
        collect(process, 17)
        collect(process, 4)
    for metric in metrics:
        jsonschema.validate(metric, METRIC)
    assert {m["name"] for m in metrics if m["provider"] == "System.Runtime"} >= USUAL
    for generation in range(3):  # of all generations up to the one that is collected
        assert sum(values(metrics, f"gen-{generation}-gc-count")) == 21
    assert {m["counterType"] for m in metrics if m["name"] == "gen-0-gc-count"} == {"Rate"}
    heap = [m for m in metrics if m["name"] == "gc-heap-size"]
    assert {(m["displayName"], m["unit"], m["counterType"]) for m in heap} == {("GC Heap Size", "MB", "Metric")}
    # ours are there beside them, but nothing is told twice
    assert len(values(metrics, "thread-count", "procscope")) == 6 and len(values(metrics, "cpu-usage")) == len(heap)
    wait_until(lambda: traces(process.pid) == before, "no trace of the session")


@pytest.mark.parametrize("version", ["8.0.34", "9.0.23"])
def test_other_versions(service, figures, tmp_path, version):
    """Runtimes that know fewer commands, and have other figures beside the usual ones."""
    dotnet, library = install_runtime(tmp_path, version)
    process = figures(own=(dotnet, compile_alone(SOURCE, tmp_path, library)))
    before = traces(process.pid)
    with streamed(service, f"/livemetrics?pid={process.pid}&durationSeconds=5") as metrics:
        wait_until(lambda: values(metrics, "gen-2-gc-count"), "the first figures")
        collect(process, 5)
    assert {m["name"] for m in metrics if m["provider"] == "System.Runtime"} >= USUAL
    assert [sum(values(metrics, f"gen-{generation}-gc-count")) for generation in range(3)] == [5, 5, 5]
    trace = service.get(f"/trace?pid={process.pid}&durationSeconds=2&profile=Metrics")
    assert trace.status == 200 and trace.body.startswith(b"Nettrace") and "gc-heap-size".encode("utf-16le") in trace.body
    wait_until(lambda: traces(process.pid) == before, "no trace of the sessions")


def test_dotnet_counters_reads_the_same(service, figures, tmp_path):
    process, path = figures(), tmp_path / "counters.csv"
    tool = install_tool("dotnet-counters", "10.0.750501", tmp_path / "tools")
    with subprocess.Popen([tool, "collect", "-p", str(process.pid), "--counters", "EventCounters\\System.Runtime", "--format", "csv", "-o", path,
                           "--refresh-interval", "1", "--duration", "00:00:00:15"], env={**ENVIRONMENT, "TMPDIR": process.place},
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as theirs:
        before = traces(process.pid)
        wait_until(lambda: traces(process.pid) != before, "its session")
        with streamed(service, f"/livemetrics?pid={process.pid}&durationSeconds=5") as metrics:
            wait_until(lambda: values(metrics, "gen-2-gc-count"), "the first figures")
            collect(process, 9)
        assert theirs.wait(120) == 0, theirs.stderr.read()
    seen = {}
    for row in csv.DictReader(path.read_text().splitlines()):
        seen.setdefault(row["Counter Name"].split(" (")[0], []).append(float(row["Mean/Increment"]))
    for name, theirs_name in (("gc-heap-size", "GC Heap Size"), ("gen-2-size", "Gen 2 Size"), ("alloc-rate", "Allocation Rate"),
                              ("working-set", "Working Set"), ("time-in-jit", "Time spent in JIT"), ("cpu-usage", "CPU Usage")):
        ours = values(metrics, name)
        # the runtime tells both the same; we write 15 digits
        assert ours and {f"{one:.12g}" for one in ours} <= {f"{one:.12g}" for one in seen[theirs_name]}, (name, ours, seen[theirs_name])
    for generation in range(3):
        assert sum(values(metrics, f"gen-{generation}-gc-count")) == sum(seen[f"Gen {generation} GC Count"]) == 9


def test_what_a_client_names(service, figures, sleeper):
    process = figures()
    query = f"pid={process.pid}&durationSeconds=2"
    answer = post(service, query, includeDefaultProviders=False, providers=[{"providerName": "Known-Figures", "counterNames": ["answer", "steps"]}])
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/json-seq"
    metrics = records(answer.body)
    plain = {**METRIC, "properties": {**METRIC["properties"], "provider": {"const": "Known-Figures"}}}
    for metric in metrics:
        jsonschema.validate(metric, plain)
    answers, steps = ([m for m in metrics if m["name"] == name] for name in ("answer", "steps"))
    assert len(answers) + len(steps) == len(metrics)
    assert {(m["displayName"], m["unit"], m["counterType"], m["tags"], m["value"]) for m in answers} == {("The Answer", "things", "Metric", "key:välue", 42)}
    assert {(m["displayName"], m["unit"], m["counterType"], m["tags"], m["value"]) for m in steps} == {("Steps", "count", "Rate", "", 7)}

    with_defaults = records(post(service, query, Providers=[{"ProviderName": "Known-Figures"}, {"providerName": "system.runtime", "counterNames": ["gc-heap-size"]},
                                                             {"providerName": "procscope", "counterNames": ["thread-count"]}]).body)
    assert {(m["provider"], m["name"]) for m in with_defaults} >= {("Known-Figures", "answer"), ("Known-Figures", "never"), ("procscope", "thread-count")}
    assert {m["name"] for m in with_defaults} <= {"answer", "steps", "never", "thread-count", "gc-heap-size"}

    other = sleeper().pid  # no .NET: what we know ourselves
    alone = records(post(service, f"pid={other}&durationSeconds=1", includeDefaultProviders=False,
                         providers=[{"providerName": "System.Runtime", "counterNames": ["cpu-usage"]}]).body)
    assert [m["name"] for m in alone] == ["cpu-usage"]
    assert post(service, f"pid={other}&durationSeconds=1", providers=[{"providerName": "Known-Figures"}]).status == 501


@pytest.mark.parametrize("body, words", [
    ("", "JSON body"), ("[]", "no object"), ("{", "no JSON"), ('{"providers": [{}]}', "providerName"), ('{"providers": {}}', "a list"),
    ('{"providers": [{"providerName": "a"}, {"providerName": "A"}]}', "twice"), ('{"providers": [{"providerName": "a", "counterNames": [1]}]}', "strings"),
    ('{"includeDefaultProviders": 1}', "true or false"), ('{"includeDefaultProviders": false}', "No metrics"),
    ('{"providers": [{"providerName": "microsoft-DotNETCore-SampleProfiler"}]}', "no counters"),
    ('{"meters": [{"meterName": "m"}]}', "Meters"), ("{\0}", "no text")])
def test_bodies_that_say_nothing(service, body, words):
    answer = service.request("POST", "/livemetrics?pid=1", body=body)
    assert answer.status == 400 and words in detail(answer)


def test_bodies_that_are_too_large(service):
    answer = service.request("POST", "/livemetrics?pid=1", body="{" + " " * 20000 + "}")
    assert answer.status == 413 and "16384" in detail(answer)
    assert service.request("POST", "/livemetrics?pid=1", body=" " * 70000).status == 413
    assert service.get("/healthz").status == 200


def test_a_runtime_that_tells_nothing(service, figures):
    """What is known without it is told all the same, and why there is no more."""
    process = figures(DOTNET_EnableDiagnostics_IPC="0")
    answer = service.get(f"/livemetrics?pid={process.pid}&durationSeconds=1")
    assert answer.status == 200 and "switched off" in answer.headers["X-Metrics-Runtime"]
    assert {m["name"] for m in records(answer.body)} == {"cpu-usage", "working-set", "private-memory", "swapped-memory", "thread-count"}
    assert post(service, f"pid={process.pid}", providers=[{"providerName": "Known-Figures"}]).status == 409
    process = figures()
    os.kill(process.pid, signal.SIGSTOP)
    wait_until(lambda: "State:\tT" in pathlib.Path(f"/proc/{process.pid}/status").read_text(), "it stops")
    answer = service.get(f"/livemetrics?pid={process.pid}&durationSeconds=1")
    assert answer.status == 200 and "stopped" in answer.headers["X-Metrics-Runtime"]


def test_whoever_goes_away_takes_the_session_along(serve, figures):
    """The client, at any moment; a worker that is killed; and the program."""
    process, chance, service = figures(), random.Random(11), serve()
    before = traces(process.pid)
    for _ in range(KILLS):
        with contextlib.closing(service.connection()) as connection:
            connection.request("GET", f"/livemetrics?pid={process.pid}&durationSeconds=600")
            time.sleep(chance.random() * 0.3)
    wait_until(lambda: traces(process.pid) == before, "no trace of a session", within=120)

    kept = set(workers(service))
    for _ in range(KILLS):
        with contextlib.closing(service.connection()) as connection:
            connection.request("GET", f"/livemetrics?pid={process.pid}&durationSeconds=600")
            found = wait_until(lambda: set(workers(service)) - kept, "its worker")
            time.sleep(chance.random() * 0.3)
            for worker in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: traces(process.pid) == before, "no trace of a session", within=120)
    collect(process, 1)

    with streamed(service, f"/livemetrics?pid={process.pid}&durationSeconds=600") as metrics:
        wait_until(lambda: values(metrics, "gc-heap-size"), "the first figures")
        process.kill()
        process.wait()
