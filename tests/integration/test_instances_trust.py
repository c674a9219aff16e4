"""What one instance believes of another: words of who asks, signed with the key that both have."""
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import signal
import subprocess
import time

import pytest

from conftest import PROCSCOPE, wait_until
from test_instances import children, free_ports, states


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "cluster-key"
    path.write_text(os.urandom(32).hex() + "\n")
    path.chmod(0o600)
    return path


def new_token(path, role):
    command = [PROCSCOPE, "token", "new", "--file", path, "--role", role, "--name", f"the-{role}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]


@pytest.fixture
def signed(serve, key_file, tmp_path):
    """Two services that sign: the first has tokens, the second none at all and lets nobody else in."""
    ports = free_ports(2)
    registry = "static:" + ",".join(f"http://127.0.0.1:{port}" for port in ports)
    tokens = tmp_path / "tokens"
    given = {role: {"Authorization": f"Bearer {new_token(tokens, role)}"} for role in ("reader", "operator", "dumper", "admin")}
    common = ("--registry", registry, "--registry-interval", "200ms", "--cluster-key", key_file)
    services = [serve("--instance-id", f"id-{name}", "--machine-name", name, *common, *more, listen=(f"127.0.0.1:{port}",))
                for name, port, more in (("a", ports[0], ("--tokens", tokens)), ("b", ports[1], ()))]
    wait_until(lambda: any(one.get("name") == "b" for one in services[0].json("/api/instances", given["reader"])), "it to know the other one")
    return *services, given


def word_of_another(key_file, asked, role="admin", audience="id-b"):
    """As docs/INSTANCES.md and src/access/cluster.h describe it."""
    text = f"psi_{int(time.time()) + 30}~0~{role}~{audience}~id-a~{b'me'.hex()}~{hashlib.sha256(asked.encode()).hexdigest()[:32]}~{os.urandom(16).hex()}"
    key = hashlib.sha256(key_file.read_text().strip().encode()).digest()
    return {"Authorization": f"Bearer {text}~{hmac.new(key, text.encode(), hashlib.sha256).hexdigest()}"}


def test_a_word_is_good_once_and_for_one_request(signed, key_file, sleeper):
    _, second, _ = signed
    process = sleeper()
    path = f"/api/processes/{process.pid}"
    with contextlib.closing(second.connection()) as connection:
        word = word_of_another(key_file, f"GET {path}/stacks?x=1")
        for _ in range(2):  # a request may be several questions to the inspector, so on its connection it goes on
            connection.request("GET", f"{path}/stacks?x=1", headers=word)
            answer = connection.getresponse()
            assert answer.status == 200 and answer.read()
        again = second.get(f"{path}/stacks?x=1", word)  # who has heard it
        assert again.status == 401 and "used before" in again.message
        os.kill(second.pid, signal.SIGHUP)
        wait_until(lambda: "read again" in second.log, "the files to be read again")
        assert second.get(f"{path}/stacks?x=1", word).status == 401
    for asked in ("GET /", f"GET {path}/stack", f"HEAD {path}/stacks?x=1", f"GET {path}/stacks?x=2", f"DELETE {path}"):
        other = second.get(f"{path}/stacks?x=1", word_of_another(key_file, asked))
        assert other.status == 401 and "not for this request" in other.message
    assert second.get(path, word_of_another(key_file, f"GET {path}", audience="id-a")).status == 401
    assert second.request("DELETE", path, word_of_another(key_file, f"GET {path}")).status == 401 and process.poll() is None
    watching = word_of_another(key_file, "GET /api/events")
    with contextlib.closing(second.connection()) as connection:
        connection.request("GET", "/api/events", headers=watching)
        assert connection.getresponse().status == 200
        assert second.get("/api/events", watching).status == 401
    assert second.request("DELETE", path, word_of_another(key_file, f"DELETE {path}")).status == 200


def audited(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_both_ends_write_an_audit(serve, key_file, tmp_path, sleeper):
    """Who asked, of whom, for what and how it ended; no list, no page, and nothing that the client showed."""
    ports = free_ports(2)
    registry = "static:" + ",".join(f"http://127.0.0.1:{port}" for port in ports)
    tokens, files = tmp_path / "tokens", [tmp_path / "audit-a", tmp_path / "audit-b"]
    given = {role: {"Authorization": f"Bearer {new_token(tokens, role)}"} for role in ("reader", "dumper")}
    first, second = (serve("--instance-id", f"id-{name}", "--machine-name", name, "--registry", registry, "--registry-interval", "200ms", "--cluster-key", key_file,
                           "--audit", file, "--rule", "deny stacks", *more, listen=(f"127.0.0.1:{port}",))
                     for name, port, file, more in zip("ab", ports, files, (("--tokens", tokens), ())))
    wait_until(lambda: first.get("/instances/id-b/healthz", given["reader"]).status == 200, "it to know the other one")
    process = sleeper()
    path = f"/instances/id-b/api/processes/{process.pid}"
    for quiet in ("/instances/id-b/api/processes", path, "/instances/id-b/", "/instances/id-b/openapi.json", f"{path}/threads"):
        assert first.get(quiet, given["reader"]).status == 200, quiet
    assert files[0].read_text() == files[1].read_text() == ""
    dump = first.get(f"{path}/dump?dumpType=2", given["dumper"])
    wait_until(lambda: len(audited(files[0])) == 2, "the end")
    assert first.get(f"{path}/stacks", given["dumper"]).status == 403  # a rule, there
    wait_until(lambda: len(audited(files[0])) == 4, "the end")
    assert first.get(f"{path}/dump", given["reader"]).status == 403  # the other one says so
    wait_until(lambda: len(audited(files[0])) == 6, "the end")
    assert first.request("DELETE", path, given["dumper"]).status == 200 and process.wait()
    here, there = wait_until(lambda: len(audited(files[0])) == 8 and len(audited(files[1])) == 6 and [audited(file) for file in files], "all lines")
    begin, end = here[:2]
    assert begin["event"] == "begin" and begin["operation"] == "forward" and begin["who"] == "the-dumper" and begin["from"] == "127.0.0.1"
    assert begin["arguments"] == {"instance": "id-b", "method": "GET", "target": f"/api/processes/{process.pid}/dump?dumpType=2", "operation": "dump"}
    assert end["event"] == "end" and end["number"] == begin["number"] and end["result"] == "done" and end["bytes"] == len(dump.body)
    assert [(line["arguments"]["operation"], last["result"]) for line, last in zip(here[::2], here[1::2])] == [
        ("dump", "done"), ("stacks", "failed"), ("dump", "failed"), ("stop", "done")]
    assert [line["who"] for line in there] == ["the-dumper via id-a"] * 3 + ["the-reader via id-a"] + ["the-dumper via id-a"] * 2
    assert "psi_" not in files[0].read_text() and "pst_" not in files[0].read_text()
    # before anything is done, and an end whatever becomes of it
    peer, = children(first.pid, "procscope-peer")
    other = sleeper()
    with contextlib.closing(first.connection()) as connection:
        connection.request("GET", f"/instances/id-b/api/processes/{other.pid}/profile?seconds=60", headers=given["dumper"])
        wait_until(lambda: len(audited(files[1])) == 7, "it to be begun there")
        assert audited(files[0])[-1]["event"] == "begin" and len(audited(files[0])) == 9
        os.kill(peer, signal.SIGKILL)
        lost = wait_until(lambda: len(audited(files[0])) == 10 and audited(files[0])[-1], "the end")
    assert lost["event"] == "end" and lost["result"] == "cut" and lost["error"] == "EIO"


def test_no_way_round_by_another_instance_passes_a_rule_by(serve, key_file, tmp_path, sleeper):
    """Neither where he is denied all, nor where only the one that has the process denies it."""
    ports = free_ports(2)
    registry = "static:" + ",".join(f"http://127.0.0.1:{port}" for port in ports)
    tokens = tmp_path / "tokens"
    given = {name: {"Authorization": f"Bearer {new_token(tokens, name)}"} for name in ("operator", "admin", "dumper")}  # by the name the-ROLE
    first, _ = (serve("--instance-id", f"id-{name}", "--machine-name", name, "--registry", registry, "--registry-interval", "200ms", "--cluster-key", key_file,
                      "--tokens", tokens, "--rule", rule, "--rule", "deny * who=the-operator", listen=(f"127.0.0.1:{port}",))
                for name, port, rule in zip("ab", ports, ("deny forward,instances who=the-admin", "deny stacks who=the-dumper")))
    path = f"/api/processes/{sleeper().pid}/stacks"
    wait_until(lambda: first.get("/instances/id-b/healthz", given["dumper"]).status == 200, "it to know the other one")
    assert first.get(path, given["admin"]).status == first.get(path, given["dumper"]).status == 200
    for name, by in (("operator", "forward"), ("admin", "forward"), ("dumper", "stacks")):
        answer = first.get(f"/instances/id-b{path}", given[name])
        assert answer.status == 403 and f"denies {by}" in answer.message, (name, answer.message)
    for name, status in (("operator", 403), ("admin", 403), ("dumper", 200)):
        assert first.get("/api/instances", given[name]).status == status, name


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
def test_nothing_is_passed_on_without_an_audit(serve, key_file, tmp_path, sleeper):
    folder = tmp_path / "small"
    folder.mkdir()
    ports = free_ports(2)
    registry = "static:" + ",".join(f"http://127.0.0.1:{port}" for port in ports)
    mount = f"mount -t tmpfs -o size=64k none {folder} && dd if=/dev/zero of={folder}/filler bs=4k count=16 2>/dev/null; exec \"$@\""
    first, _ = (serve("--instance-id", f"id-{name}", "--machine-name", name, "--registry", registry, "--registry-interval", "200ms", *more,
                      listen=(f"127.0.0.1:{port}",), **options)
                for name, port, more, options in (("a", ports[0], ("--audit", folder / "audit"), {"wrapper": ("unshare", "--mount", "sh", "-c", mount, "sh")}),
                                                  ("b", ports[1], (), {})))
    wait_until(lambda: first.get("/instances/id-b/healthz").status == 200, "it to know the other one")
    process = sleeper()
    answer = first.request("DELETE", f"/instances/id-b/api/processes/{process.pid}")
    assert answer.status == 500 and "the audit could not be written" in answer.message and process.poll() is None


def test_the_role_goes_along_and_nothing_else(signed, sleeper):
    first, second, given = signed
    process = sleeper()
    assert first.get("/api/instances").status == 401 and first.get("/instances/id-b/api/processes").status == 401
    assert second.get("/api/processes").status == 401  # nobody is known there but by the other one's word
    assert second.get("/api/processes", given["admin"]).status == 401
    for role, allowed in (("reader", "api/processes"), ("operator", f"api/processes/{process.pid}/stacks"), ("dumper", f"api/processes/{process.pid}/dump")):
        assert first.get(f"/instances/id-b/{allowed}", given[role]).status == 200
    for role, refused in (("reader", f"api/processes/{process.pid}/stacks"), ("operator", f"api/processes/{process.pid}/dump")):
        answer = first.get(f"/instances/id-b/{refused}", given[role])
        assert answer.status == 403 and role in answer.message, answer.message
    detail = first.json("/instances/id-b/api/processes/0", given["reader"])
    assert detail["id"] == second.pid and "command_line" not in detail
    answer = first.request("POST", "/instances/id-b/api/processes/0/stop", given["dumper"])
    assert answer.status == 403 and second.process.poll() is None
    # what a client writes himself is not taken for an instance's
    for forged in ("psi_", "psi_9999999999~0~admin~id-b~id-a~6369~" + "0" * 64, "psi_" + "x" * 3000):
        assert second.get("/api/processes", {"Authorization": f"Bearer {forged}"}).status == 401


def test_another_key_is_told_and_a_changed_one_is_read(signed, key_file):
    first, second, given = signed
    old = key_file.read_text()
    assert first.get("/instances/id-b/api/processes/0", given["reader"]).status == 200
    key_file.write_text("x" * 40 + "\n")  # both read it again
    time.sleep(1.1)  # what is looked for once a second
    assert first.get("/instances/id-b/api/processes/0", given["reader"]).status == 200
    for service in (first, second):
        assert old.strip() not in service.log


def test_instances_with_two_keys_do_not_trust_each_other(serve, tmp_path):
    ports = free_ports(2)
    registry = "static:" + ",".join(f"http://127.0.0.1:{port}" for port in ports)
    services = []
    for i, port in enumerate(ports):
        path = tmp_path / f"key{i}"
        path.write_text(f"{i}" * 40 + "\n")
        path.chmod(0o600)
        services.append(serve("--instance-id", f"id-{i}", "--machine-name", f"m{i}", "--registry", registry, "--registry-interval", "200ms",
                              "--cluster-key", path, "--anonymous-role", "admin", listen=(f"127.0.0.1:{port}",)))
    wait_until(lambda: states(services[0]).get("m1") == "running", "the other one")
    answer = services[0].request("DELETE", "/instances/id-1/api/processes/0")
    assert answer.status == 502 and "cluster-key" in answer.message and services[1].process.poll() is None


def test_events_end_when_who_may_what_has_changed(signed, tmp_path):
    first, _, given = signed
    with contextlib.closing(first.connection()) as connection:
        connection.request("GET", "/instances/id-b/api/events", headers=given["reader"])
        response = connection.getresponse()
        assert response.readline().startswith(b"id: ")
        new_token(tmp_path / "tokens", "reader")
        first.process.send_signal(signal.SIGHUP)
        with contextlib.suppress(http.client.IncompleteRead):
            while response.read1(65536):
                pass


def test_other_machines_take_a_key_and_tls_or_a_word(procscope, key_file, tmp_path):
    open_key = tmp_path / "open"
    open_key.write_text("x" * 40)
    open_key.chmod(0o644)
    for arguments, word in ((("--registry", "static:http://192.0.2.1:1"), "cluster-key"),
                            (("--registry", "dns:x.invalid:1"), "cluster-key"),
                            (("--registry", "etcd:http://192.0.2.1:2379"), "cluster-key"),
                            (("--registry", "static:http://192.0.2.1:1", "--cluster-key", key_file), "peer-plain-text"),
                            (("--registry", "dns:x.invalid:1", "--cluster-key", key_file), "peer-plain-text"),
                            (("--cluster-key", open_key), "open"),
                            (("--registry", "static:http://127.0.0.1:1", "--instance-id", "a b"), "instance-id"),
                            (("--registry", "static:http://127.0.0.1:1", "--instance-url", "x"), "instance-url")):
        done = subprocess.run([procscope, "serve", "--listen", "127.0.0.1:0", *arguments], capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode != 0 and word in done.stderr, (arguments, done.stderr)
