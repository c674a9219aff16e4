"""What is in deploy/: the systemd unit, as systemd's own tool judges it, and the system calls that it allows."""
import re
import shutil
import subprocess

import pytest

from conftest import ROOT

UNIT = ROOT / "deploy" / "procscope.service"
pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True)


def test_the_unit_exposes_little():
    done = analyze("security", "--offline=true", UNIT)
    exposure = re.search(r"Overall exposure level for procscope.service: ([\d.]+)", done.stdout)
    if not exposure:
        pytest.skip("this systemd-analyze can't judge files")
    assert float(exposure[1]) < 2.5, done.stdout


def calls_of(filter_set):
    for line in analyze("syscall-filter", filter_set).stdout.splitlines()[1:]:
        name = line.strip()
        if name.startswith("@"):
            yield from calls_of(name)
        elif name and not name.startswith("#"):
            yield name


def test_the_unit_allows_the_calls_that_it_needs(serve, sleeper, tmp_path):
    if not shutil.which("strace"):
        pytest.skip("no strace")
    lines = [line.split("=", 1)[1].split() for line in UNIT.read_text().splitlines() if line.startswith("SystemCallFilter=")]
    allowed, denied = set(), set()
    for words in lines:
        target = denied if words[0].startswith("~") else allowed
        for word in words:
            word = word.lstrip("~")
            target.update(calls_of(word) if word.startswith("@") else [word])
    trace = tmp_path / "trace"
    service = serve("--audit", tmp_path / "audit", wrapper=("strace", "-f", "-qq", "-o", trace))
    process = sleeper("/usr/bin/sleep", "3600")
    for rest in ("", "/threads", "/memory", "/stacks", "/dump?dumpType=2", "/dump?dumpType=2&mode=stop&format=core", "/profile?seconds=0.2"):
        assert service.get(f"/api/processes/{process.pid}{rest}").status == 200, rest
    assert service.request("DELETE", f"/api/processes/{process.pid}").status == 200
    assert service.request("DELETE", "/api/processes/0").status == 200
    service.process.wait(60)
    used = set(re.findall(r"^\d+\s+(\w+)\(", trace.read_text(errors="replace"), re.M))
    assert len(used) > 50
    assert used - allowed == set()
    assert used & denied <= {"setpriority"}  # which helps where it may, and needs a capability that the unit has not
