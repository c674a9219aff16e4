"""Rules that narrow roles, dumps without the environment's stream, and the audit: who has taken or changed what is on the disk
before the first byte of the answer leaves."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import time

import pytest

from conftest import PROCSCOPE, wait_until
from test_access import bearer, token


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def named(sleeper, tmp_path, name, *arguments):
    """A process whose program has that name."""
    copy = tmp_path / "bin" / name
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(pathlib.Path("/usr/bin/sleep").resolve().read_bytes())
    copy.chmod(0o755)
    return sleeper(copy, *(arguments or ("3600",)))


def test_rules_narrow_what_roles_allow(serve, sleeper, tmp_path):
    vault, other = named(sleeper, tmp_path, "vault"), named(sleeper, tmp_path, "other")
    service = serve("--rule", "deny dump,environment,stop name=vault", "--rule", "allow dump name=other",
                    "--rule", f"deny dump user={os.geteuid()}")
    path = "/api/processes/{}{}"
    for rest in ("/dump?dumpType=0", "/dump?estimate=true", "/environments/all"):
        answer = service.get(path.format(vault.pid, rest))
        assert answer.status == 403 and "A rule of this service denies" in answer.message, rest
        assert service.get(path.format(other.pid, rest)).status == 200
    assert service.get(path.format(vault.pid, "")).status == 200
    assert service.get(path.format(os.getpid(), "/dump?dumpType=0")).status == 403  # the last rule
    assert service.request("DELETE", path.format(vault.pid, "")).status == 403 and vault.poll() is None
    assert service.request("DELETE", path.format(other.pid, "")).status == 200


def test_a_rule_protects_what_would_be_ended_with_its_parent(serve, sleeper, tmp_path):
    named(sleeper, tmp_path, "vault")
    parent = sleeper("/bin/sh", "-c", f"{tmp_path}/bin/vault 3600 & wait")
    service = serve("--rule", "deny stop name=vault")
    child = wait_until(lambda: pathlib.Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split(), "the child")[0]
    wait_until(lambda: os.readlink(f"/proc/{child}/exe").endswith("vault"), "the program")
    answer = service.request("DELETE", f"/api/processes/{parent.pid}")
    assert answer.status == 403 and child in answer.message and parent.poll() is None
    os.kill(int(child), signal.SIGKILL)
    parent.wait()


def test_a_body_is_told_whole(serve, sleeper, tmp_path):
    """Also one that is padded, so that nobody hides in length what he had traced."""
    audit, process = tmp_path / "audit", sleeper()
    service = serve("--audit", audit)
    for padding in (" ", "\x01", "\\"):
        providers = [{"name": "Hidden", "arguments": {"a": padding * 1500}}]
        for body in (json.dumps({"providers": providers}) + " " * 4000, json.dumps({"providers": providers}).ljust(16000)):
            assert service.request("POST", f"/trace?pid={process.pid}", body=body).status == 501  # no .NET
            begun = [line for line in lines(audit) if line["event"] == "begin"][-1]
            assert begun["operation"] == "monitor-trace" and begun["arguments"]["configuration"] == body


def test_a_rule_of_someone(serve, tmp_path):
    file = tmp_path / "tokens"
    ci, ops = token(file, "dumper", "ci"), token(file, "dumper", "ops")
    service = serve("--tokens", file, "--rule", "deny handles,stack* who=ci")
    for path in ("/api/processes/handles?name=libc", "/api/processes/0/stacks"):
        assert service.get(path, bearer(ci)).status == 403 and service.get(path, bearer(ops)).status == 200


def test_no_route_passes_a_rule_by(serve, tmp_path):
    """Also those of all processes, of the service itself, and of what the front has in its memory."""
    file, audit = tmp_path / "tokens", tmp_path / "audit"
    ci, ops = token(file, "admin", "ci"), token(file, "admin", "ops")
    service = serve("--tokens", file, "--rule", "deny * who=ci", "--audit", audit)
    site = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/x"
    for path in ("/api/processes", "/api/processes/0", "/api/processes/0/doctor", "/api/processes/handles?name=libc", "/api/events",
                 "/processes", "/process?pid=1", "/operations", f"{site}/instances", f"{site}/processes"):
        assert service.get(path, bearer(ci)).status == 403, path
        if path != "/api/events":
            assert service.get(path, bearer(ops)).status == 200, path
    assert service.request("DELETE", "/operations/x", headers=bearer(ci)).status == 403
    assert service.request("DELETE", "/api/processes/0?dryRun=true", headers=bearer(ci)).status == 403
    assert service.request("DELETE", "/api/processes/0?dryRun=true", headers=bearer(ops)).status == 200
    begun = [line for line in lines(audit) if line["event"] == "begin" and line["operation"] == "stop"]
    assert [(line["who"], line["target"]["id"]) for line in begun] == [("ops", service.pid)]


def test_a_rule_knows_a_program_that_was_replaced(serve, sleeper, tmp_path):
    program = tmp_path / "vault"
    program.write_bytes(pathlib.Path("/bin/sh").resolve().read_bytes())
    program.chmod(0o755)
    vault = sleeper(program, "-c", "printf other > /proc/$$/comm; read line", stdin=subprocess.PIPE)
    wait_until(lambda: pathlib.Path(f"/proc/{vault.pid}/comm").read_text() == "other\n", "the other name")
    program.unlink()
    service = serve("--rule", "deny dump name=vault")
    assert service.get(f"/api/processes/{vault.pid}/dump?dumpType=0").status == 403


def test_what_is_sampled_already_is_asked_for_by_the_rules_too(serve, sleeper, tmp_path):
    file = tmp_path / "tokens"
    ci, ops = token(file, "operator", "ci"), token(file, "operator", "ops")
    pid = named(sleeper, tmp_path, "vault").pid
    service = serve("--tokens", file, "--rule", "deny profile* name=vault who=ci")
    path = f"/api/processes/{pid}/profile/"
    assert service.request("POST", path + "start", headers=bearer(ci)).status == 403
    assert service.request("POST", path + "start", headers=bearer(ops)).status == 200
    assert service.request("POST", path + "start", headers=bearer(ci)).status == 403
    assert service.get(path + "stop", bearer(ci)).status == 403
    assert service.get(path + "stop", bearer(ops)).status == 200


def test_the_memory_of_the_service_is_for_admins(serve, tmp_path):
    """It holds what others have shown."""
    file = tmp_path / "tokens"
    dumper, admin = token(file, "dumper", "dora"), token(file, "admin", "adam")
    service = serve("--tokens", file)
    assert service.get("/api/processes", bearer(admin)).status == 200  # now all of them run
    own = [0, service.pid] + [int(pid) for pid in pathlib.Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()]
    assert len(own) >= 5
    for pid in own:
        answer = service.get(f"/api/processes/{pid}/dump?dumpType=0", bearer(dumper))
        assert answer.status == 403 and "takes the role 'admin'" in answer.message, pid
    assert service.get(f"/api/processes/{own[1]}/dump?dumpType=0", bearer(admin)).status == 200


@pytest.mark.parametrize("rule", ["forbid dump", "deny", "deny dump user=nobody-of-that-name", "deny dump colour=red"])
def test_it_does_not_start_with_rules_that_it_does_not_understand(rule):
    done = subprocess.run([PROCSCOPE, "serve", "--listen", "127.0.0.1:0", "--rule", rule], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and done.stderr.count("\n") == 1


def test_rules_of_a_file(tmp_path):
    config = tmp_path / "ini"
    config.write_text("[access]\nrule = deny dump name=vault\nrule = allow dump\nredact = environ\naudit = off\n")
    shown = subprocess.run([PROCSCOPE, "serve", "--config", config, "--print-config"], check=True, capture_output=True, text=True).stdout
    assert "rule = deny dump name=vault\nrule = allow dump\n" in shown and "redact = environ\n" in shown


# --- Dumps without the environment ---

def streams(dump):
    """Type -> bytes, of a minidump."""
    signature, _, count, directory = struct.unpack_from("<4sIII", dump)
    assert signature == b"MDMP"
    found = {}
    for i in range(count):
        kind, size, at = struct.unpack_from("<III", dump, directory + 12 * i)
        found[kind] = dump[at:at + size]
    return found


LINUX_ENVIRON, LINUX_CMD_LINE = 0x47670007, 0x47670006


def test_redaction(serve, sleeper, tmp_path):
    process = sleeper("/usr/bin/sleep", "3600", env={"PASSPHRASE": "gehe1m"})
    path = f"/api/processes/{process.pid}/dump?dumpType=0"
    service, strict = serve(), serve("--redact", "environ")
    whole = streams(service.get(path).body)
    assert b"gehe1m" in whole[LINUX_ENVIRON]
    for answer in (service.get(path + "&redact=environ"), strict.get(path)):
        redacted = streams(answer.body)
        assert LINUX_ENVIRON not in redacted and redacted[LINUX_CMD_LINE] == whole[LINUX_CMD_LINE]
        estimate = strict.json(path + "&estimate=true")
        assert estimate["size"] == len(answer.body)
    assert service.get(path + "&redact=stacks").status == 400


# --- The audit ---

def test_begin_and_end_of_all_that_takes_or_changes(serve, sleeper, tmp_path):
    tokens, file = tmp_path / "tokens", tmp_path / "audit"
    dumper = token(tokens, "dumper", "dora")
    service = serve("--tokens", tokens, "--audit", file)
    process = sleeper("/usr/bin/sleep", "3600")
    path = f"/api/processes/{process.pid}"
    dump = service.get(path + "/dump?dumpType=2", bearer(dumper))
    for request in ("/stacks", "/environments/PATH"):
        assert service.get(path + request, bearer(dumper)).status == 200
    for request in ("", "/threads", "/dump?estimate=true"):  # these take nothing
        assert service.get(path + request, bearer(dumper)).status == 200
    assert service.request("DELETE", path, bearer(dumper)).status == 200
    assert service.get("/api/processes/handles?name=libc", bearer(dumper)).status == 200
    written = wait_until(lambda: len(lines(file)) == 10 and lines(file), "the last line")
    assert file.stat().st_mode & 0o777 == 0o600
    begins = [line for line in written if line["event"] == "begin"]
    ends = {line["number"]: line for line in written if line["event"] == "end"}
    begin, end = begins[0], ends[begins[0]["number"]]
    assert begin["event"] == "begin" and begin["who"] == "dora" and begin["kind"] == "token" and begin["role"] == "dumper"
    assert begin["operation"] == "dump" and begin["arguments"] == {"dumpType": "2"} and begin["from"] == "127.0.0.1"
    target = begin["target"]
    assert target["id"] == process.pid and target["name"] == "sleep" and abs(target["start"] / 1000 - time.time()) < 600
    assert end["result"] == "done"
    assert end["bytes"] == len(dump.body) and end["pause_us"] == int(dump.headers["X-Dump-Pause-Microseconds"])
    assert [line["operation"] for line in begins] == ["dump", "stacks", "environment", "stop", "handles"]
    assert all(ends[line["number"]]["operation"] == line["operation"] for line in begins)
    assert "target" not in begins[4]


def test_refusals(serve, tmp_path):
    tokens, file = tmp_path / "tokens", tmp_path / "audit"
    reader = token(tokens, "reader", "rita")
    service = serve("--tokens", tokens, "--audit", file, "--rule", "deny dump")
    assert service.get("/api/processes/1/dump", bearer(reader)).status == 403
    assert service.get("/api/processes/1/dump").status == 401
    denied, unknown = lines(file)
    assert denied["event"] == "refused" and denied["who"] == "rita" and denied["error"] == "EACCES" and denied["id"] == 1
    assert unknown["error"] == "ENOKEY" and "who" not in unknown and unknown["from"] == "127.0.0.1"
    for _ in range(60):
        service.get("/api/processes/1/dump")
    assert len(lines(file)) <= 2 + 20 * 3
    time.sleep(1.1)
    service.get("/api/processes/1/dump")
    assert lines(file)[-1].get("left_out", 0) + len(lines(file)) >= 62


def test_a_denial_by_a_rule_names_the_process(serve, sleeper, tmp_path):
    """Which only the worker knows; all are written, and have no end."""
    file = tmp_path / "audit"
    vault = named(sleeper, tmp_path, "vault")
    service = serve("--audit", file, "--rule", "deny dump,stop name=vault", "--rule", "deny handles")
    for _ in range(30):
        assert service.get(f"/api/processes/{vault.pid}/dump?dumpType=2").status == 403
    assert service.request("DELETE", f"/api/processes/{vault.pid}").status == 403
    assert service.get("/api/processes/handles?name=libc").status == 403
    assert service.get("/api/processes/0/environments/PATH").status == 200
    written = wait_until(lambda: len(lines(file)) == 34 and lines(file), "the last line")
    assert [line["event"] for line in written] == ["refused"] * 32 + ["begin", "end"]
    for line in written[:31]:
        assert line["target"]["id"] == line["id"] == vault.pid and line["target"]["name"] == "vault", line
        assert abs(line["target"]["start"] / 1000 - time.time()) < 600 and line["error"] == "EACCES"
    assert written[0]["arguments"] == {"dumpType": "2"} and "A rule of this service denies" in written[0]["message"]
    assert "target" not in written[31] and "handles" in written[31]["message"]


def test_a_worker_that_is_killed_has_an_end(serve, target, tmp_path):
    file = tmp_path / "audit"
    service = serve("--audit", file)
    process = target("shapes", "threads", "2")
    with contextlib.closing(service.connection()) as connection:
        connection.request("GET", f"/api/processes/{process.pid}/profile?seconds=60")
        wait_until(lambda: file.exists() and lines(file), "the begin")
        worker = next(pid for pid in pathlib.Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()[::-1]
                      if pathlib.Path(f"/proc/{pid}/comm").read_text() == "procscope-work\n")
        os.kill(int(worker), signal.SIGKILL)
        assert connection.getresponse().status == 500
    begin, end = wait_until(lambda: len(lines(file)) == 2 and lines(file), "the end")
    assert end["number"] == begin["number"] and end["result"] == "failed" and end["error"] == "EIO"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
def test_without_an_audit_nothing_is_done(sleeper, tmp_path, serve):
    """A disk that is full: a file system of 64 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    service = serve("--audit", folder / "audit", wrapper=("unshare", "--mount", "sh", "-c",
                    f"mount -t tmpfs -o size=64k none {folder} && dd if=/dev/zero of={folder}/filler bs=4k count=16 2>/dev/null; exec \"$@\"", "sh"))
    process = sleeper("/usr/bin/sleep", "3600")
    answer = service.request("DELETE", f"/api/processes/{process.pid}")
    assert answer.status == 500 and "the audit could not be written" in answer.message
    assert process.poll() is None
    assert service.get(f"/api/processes/{process.pid}").status == 200  # who only reads needs none


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
@pytest.mark.parametrize("pad", range(0, 300, 60))
def test_a_line_that_has_no_room_is_taken_back(tmp_path, serve, pad):
    """The last page of a file system has room for a part of it; worker and inspector write in turn."""
    folder = tmp_path / "small"
    folder.mkdir()
    service = serve("--audit", folder / "audit", wrapper=("unshare", "--mount", "sh", "-c",
                    f"mount -t tmpfs -o size=64k none {folder} && dd if=/dev/zero of={folder}/filler bs=4k count=14 2>/dev/null; exec \"$@\"", "sh"))
    inside = pathlib.Path(f"/proc/{service.pid}/root{folder}")

    def ask():
        return service.get(f"/api/processes/0/environments/{'x' * pad}PATH").status

    ask()
    wait_until(lambda: ask() == 500, "the file system to be full")
    full = inside.joinpath("audit").read_text()
    assert full.endswith("}\n") and len(full) > 3000 and all(json.loads(line) for line in full.splitlines())
    inside.joinpath("filler").unlink()
    assert ask() != 500
    wait_until(lambda: lines(inside / "audit")[-1]["event"] == "end", "the end")


def test_a_file_that_was_renamed_is_made_anew_on_sighup(serve, sleeper, tmp_path):
    file = tmp_path / "audit"
    service = serve("--audit", file)
    path = f"/api/processes/{service.pid}/environments/PATH"
    assert service.get(path).status == 200
    wait_until(lambda: len(lines(file)) == 2, "the end, which comes behind the answer")
    file.rename(tmp_path / "audit.1")
    os.kill(service.pid, signal.SIGHUP)
    wait_until(file.exists, "the new file")

    assert service.get(path).status == 200
    written = wait_until(lambda: len(lines(file)) == 2 and lines(file), "the end in the new file")
    assert [line["event"] for line in written] == ["begin", "end"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
def test_the_journal(sleeper, tmp_path, serve):
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.bind(str(tmp_path / "journal"))
    heard.settimeout(30)
    service = serve("--audit", "journal", wrapper=("unshare", "--mount", "sh", "-c",
                    "mount -t tmpfs none /run && mkdir -p /run/systemd/journal && "
                    f"ln -s {tmp_path}/journal /run/systemd/journal/socket && exec \"$@\"", "sh"))
    assert service.get("/api/processes/0/environments/PATH").status == 200
    for event in ("begin", "end"):
        entry = heard.recv(65536).decode()
        message = json.loads(next(line for line in entry.splitlines() if line.startswith("MESSAGE="))[len("MESSAGE="):])
        assert message["event"] == event and message["operation"] == "environment" and "SYSLOG_IDENTIFIER=procscope-audit" in entry


def test_it_does_not_start_with_an_audit_that_can_not_be_written(tmp_path):
    for where, what in ((tmp_path, "audit"), (tmp_path / "no" / "where", "audit"), ("/dev/null", "regular file")):
        done = subprocess.run([PROCSCOPE, "serve", "--listen", "127.0.0.1:0", "--audit", where], capture_output=True, text=True, timeout=60)
        assert done.returncode != 0 and what in done.stderr, where
