"""What a HotSpot virtual machine says of its collections, in /livemetrics: the counts are exact, and jstat's."""
import os
import shutil
import subprocess
import tempfile

import jsonschema
import pytest

from conftest import ROOT, read_line, wait_until
from test_dotnet_counters import post, streamed
from test_dump_readers import needs, run
from test_monitor import METRIC, records

OTHER = 65534  # a user that is no one's here

pytestmark = needs("javac")


@pytest.fixture(scope="module")
def classes():
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # where other users get, too
        os.chmod(folder, 0o755)
        run("javac", "-d", folder, ROOT / "tests" / "targets" / "languages" / "Collects.java")
        yield folder


@pytest.fixture
def collects(sleeper, classes):
    started = []

    def start(*options, before=()):
        process = sleeper(*before, "java", *options, "-cp", classes, "Collects", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.first_line == "ready"
        started.append(process)
        return process

    yield start
    for process in started:
        process.stdin.close()


def collect(process, count):
    process.stdin.write(b"%d\n" % count)
    process.stdin.flush()
    assert read_line(process) == "done"


def values(metrics, name, tags=None):
    return [m["value"] for m in metrics if m["provider"] == "java" and m["name"] == name and tags in (None, m["tags"])]


def jstat(process):
    """Its figures by their headings: sizes in KiB, times in seconds."""
    heads, row = (line.split() for line in run("jstat", "-gc", process.pid).stdout.decode().splitlines())
    return {head: float(value) if value != "-" else 0 for head, value in zip(heads, row)}


@pytest.mark.parametrize("kind", ["SerialGC", "ParallelGC", "G1GC"])
def test_counts_are_exact(service, collects, kind):
    process = collects(f"-XX:+Use{kind}", "-Xmx256m")
    collect(process, 2)
    before = jstat(process)
    with streamed(service, f"/livemetrics?pid={process.pid}&durationSeconds=4") as metrics:
        wait_until(lambda: values(metrics, "gc-heap-size"), "the first figures")
        collect(process, 7)
    for metric in metrics:
        jsonschema.validate(metric, METRIC)
    after = jstat(process)
    by_collector = {tags: sum(values(metrics, "gc-count", tags)) for tags in {m["tags"] for m in metrics if m["name"] == "gc-count"}}
    assert all(tags.startswith("collector=") for tags in by_collector) and 7 in by_collector.values(), by_collector
    assert sum(by_collector.values()) == sum(after[n] - before[n] for n in ("YGC", "FGC", "CGC") if n in after)
    used = sum(after[n] for n in ("S0U", "S1U", "EU", "OU")) * 1024
    assert used > 10_000_000 and abs(values(metrics, "gc-heap-size")[-1] * 1e6 - used) < 4 * 1024 * 0.06  # jstat has tenths of KiB
    assert abs(values(metrics, "metaspace-size")[-1] * 1e6 - after["MU"] * 1024) < 100
    assert all(0 <= share for share in values(metrics, "time-in-gc")) and max(values(metrics, "time-in-gc")) > 0
    assert values(metrics, "live-thread-count")[-1] >= 1 and values(metrics, "loaded-class-count")[-1] > 100
    assert process.poll() is None


def test_what_a_client_names(service, collects):
    process = collects()
    answer = post(service, f"pid={process.pid}&durationSeconds=1", includeDefaultProviders=False, providers=[{"providerName": "Java", "counterNames": ["gc-heap-size"]}])
    assert [m["name"] for m in records(answer.body)] == ["gc-heap-size"]


def test_without_the_file(service, collects):
    process = collects("-XX:-UsePerfData")
    metrics = records(service.get(f"/livemetrics?pid={process.pid}&durationSeconds=1").body)
    assert not values(metrics, "gc-heap-size") and len(metrics) == 5


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="not root, or no setpriv")
def test_of_another_user(service, collects):
    process = collects(before=["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups"])
    metrics = records(service.get(f"/livemetrics?pid={process.pid}&durationSeconds=1").body)
    assert values(metrics, "gc-heap-size")
