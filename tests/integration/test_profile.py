"""Profiles of programs whose split of time is known, in one call, and between start and stop as Kudu has them."""
import gzip
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import zipfile

import pytest

from conftest import wait_until
from test_dump_readers import run

SPLIT = 70  # per cent of spins' time in burn_seventy


def may_sample():
    """Software events of one's own are refused in some containers: then there is only holding."""
    return os.geteuid() == 0 or int(open("/proc/sys/kernel/perf_event_paranoid", encoding="ascii").read()) < 2


def shares(folded):
    """Function -> samples in which it is the innermost of the program's own."""
    found = {}
    for line in folded.decode().splitlines():
        stack, _, count = line.rpartition(" ")
        own = [frame for frame in stack.split(";") if not frame.endswith("_[k]")]
        found[own[-1]] = found.get(own[-1], 0) + int(count)
    return found


@pytest.fixture
def spins(target):
    def start(threads=2):
        process = target("spins", threads)
        wait_until(lambda: len(os.listdir(f"/proc/{process.pid}/task")) > threads, "threads")
        return process

    return start


@pytest.mark.skipif(not may_sample(), reason="no perf events for this user")
@pytest.mark.parametrize("unwind", ["cfi", "fp"])
def test_the_split_is_seen(procscope, spins, tmp_path, unwind):
    process, path, found = spins(), tmp_path / "out.folded", {}
    for _ in range(20):  # a machine that is busy gives the target little
        said = run(procscope, "profile", process.pid, "-s", "2", "-F", "999", "--unwind", unwind, "-f", "-o", path).stderr.decode()
        assert "Perf events" in said and str(path) in said
        for name, count in shares(path.read_bytes()).items():
            found[name] = found.get(name, 0) + count
        if sum(found.values()) > 3000:
            break
    whole = found["burn_seventy"] + found["burn_thirty"]
    assert whole > 0.9 * sum(found.values()), found
    assert abs(100 * found["burn_seventy"] / whole - SPLIT) < 3, found
    assert re.search(r"^spins;.*start_thread;spin;burn_seventy \d+$", path.read_text(), re.M), path.read_text()


@pytest.mark.skipif(not may_sample(), reason="no perf events for this user")
def test_code_that_is_mapped_all_the_time(procscope, target, tmp_path):
    """Reading 20,000 mappings takes longer than making another one."""
    process, path, found = target("shapes", "code", 20000), tmp_path / "out.folded", ""
    for _ in range(20):  # a machine that is busy gives the target little
        run(procscope, "profile", process.pid, "-s", "1", "-f", "-o", path)
        found = path.read_text()
        if re.search(r"^shapes;.*start_thread;shapes_work \d+$", found, re.M) and re.search(r"^shapes;.*main;code;", found, re.M):
            break
    else:
        raise AssertionError(found)


def test_what_waits_is_seen_by_holding(procscope, target, tmp_path):
    process = target("known", 3)
    path = tmp_path / "wall.folded"
    said = run(procscope, "profile", process.pid, "-s", "1", "--mode", "wall", "-o", path).stderr.decode()
    assert "Held" in said
    found = path.read_text()
    assert re.search(r"^known;.*known_outer;known_inner;wait_in_here;.*poll \d+$", found, re.M), found
    assert run(procscope, "threads", process.pid).returncode == 0


@pytest.mark.parametrize("mode", ["cpu", "wall"])
def test_the_end_of_the_process_ends_it(procscope, sleeper, tmp_path, mode):
    """Also where nobody has waited for it yet; the time that was asked for would be too long for this test."""
    process, path = sleeper(), tmp_path / "out.folded"
    profile = sleeper(str(procscope), "profile", str(process.pid), "-s", "15m", "--mode", mode, "-o", str(path), stderr=subprocess.PIPE)
    wait_until(lambda: catches(profile.pid, signal.SIGINT), "being ready")
    process.kill()
    _, said = profile.communicate(timeout=120)
    assert path.exists() == (profile.returncode == 0), said  # it may have ended before it was looked at


def catches(pid, number):
    mask = re.search(r"^SigCgt:\s+(\w+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M).group(1)
    return int(mask, 16) >> (number - 1) & 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_sampling(procscope, sleeper, tmp_path, number):
    process, path = sleeper(), tmp_path / "out.folded"
    profile = sleeper(str(procscope), "profile", str(process.pid), "-s", "15m", "--mode", "wall", "-o", str(path), stderr=subprocess.PIPE)
    wait_until(lambda: catches(profile.pid, number), "being ready")
    profile.send_signal(number)
    _, said = profile.communicate(timeout=120)
    assert profile.returncode == 0 and b"wrote" in said, (profile.returncode, said)
    assert path.read_text().startswith("python")  # the first sample is the one that tells how long a hold takes
    assert process.poll() is None


FORMATS = {
    "pprof": lambda body: gzip.decompress(body)[:1] == b"\x0a",
    "speedscope": lambda body: json.loads(body)["$schema"].endswith("file-format-schema.json"),
    "folded": lambda body: body == b"" or body.rsplit(b" ", 1)[1].strip().isdigit(),
    "svg": lambda body: b"<svg" in body[:400],
    "nettrace": lambda body: body.startswith(b"Nettrace"),
    "diagsession": lambda body: any(name.endswith(".nettrace") for name in zipfile.ZipFile(io.BytesIO(body)).namelist()),
}


@pytest.mark.parametrize("form", FORMATS)
def test_in_one_call_over_http(service, spins, form):
    process = spins(1)
    answer = service.get(f"/api/processes/{process.pid}/profile?seconds=1&format={form}")
    assert answer.status == 200, answer.body
    assert FORMATS[form](answer.body), answer.body[:200]
    assert answer.headers["X-Profile-How"] and int(answer.headers["X-Profile-Samples"]) >= 0


@pytest.fixture
def begun(service):
    """begun(process, query) starts a profile, which is fetched at the end at the latest."""
    processes = []

    def start(process, query="?duration=60"):
        answer = service.request("POST", f"/api/processes/{process.pid}/profile/start{query}")
        assert answer.status == 200, answer.body
        processes.append(process)
        return answer.json()

    yield start
    for process in processes:
        service.get(f"/api/processes/{process.pid}/profile/stop")


def test_start_and_stop_as_in_kudu(service, spins, begun):
    process = spins(1)
    url = f"/api/processes/{process.pid}"
    assert service.get(f"{url}/profile/stop").status == 404
    assert "is_profile_running" not in service.json(url)
    told = begun(process)
    assert told["id"] == process.pid and told["name"] == "spins" and told["is_profile_running"] and told["how"]
    assert begun(process) == told  # again is well
    assert service.json(url)["is_profile_running"] is True
    assert service.get("/api/processes").status == 200
    time.sleep(0.5)
    answer = service.get(f"{url}/profile/stop")
    assert answer.status == 200
    assert FORMATS["diagsession"](answer.body)
    assert re.search(rf'filename="profile_\w+_spins_{process.pid}.diagsession"', answer.headers["Content-Disposition"])
    assert service.get(f"{url}/profile/stop").status == 404
    wait_until(lambda: "is_profile_running" not in service.json(url), "no profile shown")


def test_stop_in_other_formats(service, spins, begun):
    process = spins(1)
    for form in FORMATS:
        begun(process)
        assert service.get(f"/api/processes/{process.pid}/profile/stop?format=rar").status == 400
        answer = service.get(f"/api/processes/{process.pid}/profile/stop?format={form}")
        assert answer.status == 200 and FORMATS[form](answer.body), form


def test_one_recording_in_every_format(service, spins, begun):
    process, counts = spins(1), set()
    url = f"/api/processes/{process.pid}/profile/stop"
    begun(process)
    for form in FORMATS:
        answer = service.get(f"{url}?format={form}&keep=true")
        assert answer.status == 200 and FORMATS[form](answer.body), form
        counts.add(answer.headers["X-Profile-Samples"])
        assert "is_profile_running" not in service.json(f"/api/processes/{process.pid}")
    assert len(counts) == 1, counts  # of one and the same
    assert service.get(f"{url}?keep=perhaps").status == 400
    begun(process)
    assert service.get(url).status == 200
    assert service.get(url).status == 404


def test_a_target_that_ends_leaves_its_profile(service, spins, begun):
    process = spins(1)
    begun(process)
    time.sleep(0.5)
    process.kill()
    process.wait()
    wait_until(lambda: service.get(f"/api/processes/{process.pid}").status == 404, "process gone")
    answer = service.get(f"/api/processes/{process.pid}/profile/stop?format=folded")
    assert answer.status == 200, answer.body


def test_one_that_is_over_waits_and_is_no_longer_running(service, spins, begun):
    process = spins(1)
    begun(process, "?duration=500ms")
    wait_until(lambda: "is_profile_running" not in service.json(f"/api/processes/{process.pid}"), "over")
    # a wrong word doesn't cost it
    assert service.request("POST", f"/api/processes/{process.pid}/profile/start?mode=both").status == 400
    answer = service.get(f"/api/processes/{process.pid}/profile/stop?format=folded")
    assert answer.status == 200, answer.body
    assert begun(process)["is_profile_running"]


def test_there_are_only_so_many(serve, spins):
    """And the rest goes on: ending a process is still possible."""
    one, processes = serve(), [spins(1) for _ in range(9)]
    got = [one.request("POST", f"/api/processes/{process.pid}/profile/start").status for process in processes]
    assert got == [200] * 8 + [429]
    for refused in (one.request("POST", f"/api/processes/{processes[8].pid}/profile/start"),
                    one.get(f"/api/processes/{processes[8].pid}/profile?seconds=1")):
        assert refused.status == 429 and "(profiles)" in refused.message
    assert one.request("DELETE", f"/api/processes/{processes[8].pid}").status == 200
    for process in processes[:8]:
        assert one.get(f"/api/processes/{process.pid}/profile/stop").status == 200
    assert one.request("POST", f"/api/processes/{processes[0].pid}/profile/start").status == 200


def test_wrong_arguments(service, spins, procscope):
    process = spins(1)
    for query in ("seconds=0", "seconds=16m", "seconds=x", "frequency=0x", "frequency=1001", "mode=both", "unwind=no", "format=rar"):
        answer = service.get(f"/api/processes/{process.pid}/profile?{query}")
        assert answer.status == 400, (query, answer.body)
    for query in ("duration=16m", "frequncy=99", "mode=both"):
        assert service.request("POST", f"/api/processes/{process.pid}/profile/start?{query}").status == 400, query
    assert service.request("POST", "/api/processes/99999999/profile/start").status == 404
    assert service.get("/api/processes/99999999/profile?seconds=1").status == 404
    assert run(procscope, "profile", "99999999", "-o", "-", check=False).returncode == 3


def test_a_client_that_goes_away_ends_it(serve, spins):
    one, process = serve(), spins(1)
    client = subprocess.Popen(["curl", "-s", "-o", "/dev/null", f"{one.url}/api/processes/{process.pid}/profile?seconds=300"])

    def sampling():
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
                    if int(stat.read().rpartition(")")[2].split()[1]) != one.process.pid:
                        continue
                if any("perf_event" in os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")):
                    return True
            except OSError:
                continue
        return False

    if may_sample():
        wait_until(sampling, "it samples")
    client.kill()
    client.wait()
    wait_until(lambda: not sampling(), "it doesn't any more")


def test_the_process_feels_nothing(procscope, target, tmp_path):
    process = target("witness")
    for mode in ("cpu", "wall"):
        run(procscope, "profile", process.pid, "-s", "3", "--mode", mode, "-F", "50", "-f", "-o", tmp_path / "out.pb.gz")
    process.send_signal(signal.SIGTERM)
    told = json.loads(process.communicate(timeout=60)[0])
    assert told["checksum_errors"] == told["signals_out_of_order"] == told["children_noticed"] == 0
    assert told["signals_sent"] == told["signals_handled"] > 0
    assert sum(told["interrupted"].values()) == 0, told
