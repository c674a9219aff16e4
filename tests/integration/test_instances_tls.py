"""Instances and etcd that speak TLS: who is believed, and in what words others are refused."""
import contextlib
import json
import os
import pathlib
import subprocess
import tempfile

import pytest

from conftest import PROCSCOPE, wait_until
from test_dump_readers import needs
from test_instances import free_ports
from test_instances_trust import key_file, new_token  # noqa: F401  (fixtures)
from test_tls import Authority, curl


@pytest.fixture(scope="module")
def authority():
    """Where everybody may look: the process that talks to others is nobody."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        yield Authority(pathlib.Path(folder), "ours")


@pytest.fixture(scope="module")
def certificates(authority):
    """One that is right, one of another authority, one of ours for another host."""
    other = Authority(authority.folder, "theirs")
    return {"right": authority.issue("right"), "authority": other.issue("theirs-right"), "name": authority.issue("elsewhere", names="DNS:elsewhere.test")}


class Asked:
    """An instance with TLS and the token of an admin, asked by curl."""

    def __init__(self, serve, authority, folder, key_file, name, port, registry, certificate, *more):  # noqa: F811
        tokens = folder / f"tokens-{name}"
        tokens.unlink(missing_ok=True)
        self.flags = ("-k", "-H", f"Authorization: Bearer {new_token(tokens, 'admin')}")
        self.service = serve("--instance-id", f"id-{name}", "--machine-name", name, "--registry", registry, "--registry-interval", "200ms", "--cluster-key", key_file,
                             "--tokens", tokens, "--tls-certificate", certificate[0], "--tls-key", certificate[1], *more, listen=(f"127.0.0.1:{port}",))

    def get(self, path, *more):
        done = curl(*self.flags, "-w", "\n%{http_code}", *more, self.service.url + path)
        body, status = done.stdout.rsplit("\n", 1)
        return int(status), json.loads(body) if body else None

    def member(self, name):
        status, listed = self.get("/api/instances")
        assert status == 200, listed
        return next((one for one in listed if one.get("name") == name), {})


REFUSED = {"authority": "issuer certificate", "name": "target host name"}  # what is wrong -> a word of why


def test_the_others_are_known_by_their_certificates(serve, authority, certificates, key_file, tmp_path, sleeper):  # noqa: F811
    ports = free_ports(2)
    registry = "static:" + ",".join(f"https://127.0.0.1:{port}" for port in ports)

    def start(name, port, certificate, *more):
        return Asked(serve, authority, tmp_path, key_file, name, port, registry, certificate, "--peer-ca", authority.pem, *more)

    first = start("a", ports[0], certificates["right"])
    second = start("b", ports[1], certificates["right"])
    wait_until(lambda: first.member("b").get("state") == "running", "the other one")
    status, process = first.get("/instances/id-b/api/processes/0")
    assert status == 200 and process["id"] == second.service.pid and process["href"].startswith(f"{first.service.url}/instances/id-b/")
    kept = sleeper()
    for what, word in REFUSED.items():
        second.service.stop()
        second = start("b", ports[1], certificates[what], "--audit", tmp_path / what)
        wait_until(lambda: word in first.member("b").get("problem", ""), "why it is not believed")
        for asked in (("/instances/id-b/api/processes/0",), (f"/instances/id-b/api/processes/{kept.pid}", "-X", "DELETE")):
            status, answer = first.get(*asked)
            assert status == 502 and "b (id-b)" in answer["Message"] and "last seen" in answer["Message"] and word in answer["Message"]
        assert kept.poll() is None and (tmp_path / what).read_text() == ""  # it did not even come to be refused
    second.service.stop()
    second = start("b", ports[1], certificates["right"])
    wait_until(lambda: first.member("b").get("state") == "running", "it to be believed again")
    assert first.get("/instances/id-b/api/processes/0")[0] == 200


@pytest.mark.parametrize("option", ["--peer-ca", "--registry-ca"])
def test_it_does_not_start_with_authorities_that_it_can_not_read(option, authority, tmp_path):
    """In one sentence, and not with a line of the log each second."""
    rubbish, key, broken, open_to_all = (tmp_path / name for name in ("rubbish", "key", "broken", "open"))
    rubbish.write_text("no certificate\n")
    key.write_text(authority.key.read_text())
    pem = authority.pem.read_text()
    broken.write_text(pem + pem.replace("MII", "AAA"))
    open_to_all.write_text(pem)
    open_to_all.chmod(0o666)
    for file, what in ((tmp_path / "none", "could not be read"), (tmp_path, "regular file"), (rubbish, "holds no certificates"), (key, "holds no certificates"),
                       (broken, "can be read"), (open_to_all, "can be written to by others")):
        done = subprocess.run([PROCSCOPE, "serve", "--listen", "127.0.0.1:0", "--registry", "static:http://127.0.0.1:1", option, file], capture_output=True,
                              text=True, timeout=60)
        assert done.returncode != 0 and done.stderr.count("\n") == 1 and what in done.stderr and str(file) in done.stderr, done.stderr


def test_only_who_starts_it_need_be_able_to_read_authorities(serve, authority, certificates, key_file, tmp_path):  # noqa: F811
    port, = free_ports(1)
    hidden = tmp_path / "hidden.pem"  # with a key in it, that is for nobody else
    hidden.write_text(authority.pem.read_text() + authority.key.read_text())
    hidden.chmod(0o600)
    alone = Asked(serve, authority, tmp_path, key_file, "a", port, f"static:https://127.0.0.1:{port}", certificates["right"], "--peer-ca", hidden)
    wait_until(lambda: alone.member("a").get("state") == "running", "itself")


@contextlib.contextmanager
def etcd(folder, certificate):
    port, peer = free_ports(2)
    url, peer_url = f"https://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
    with (folder / "etcd.log").open("ab") as log, tempfile.TemporaryDirectory(dir=folder) as data:
        process = subprocess.Popen(["etcd", "--data-dir", data, "--listen-client-urls", url, "--advertise-client-urls", url, "--listen-peer-urls", peer_url,
                                    "--initial-advertise-peer-urls", peer_url, "--initial-cluster", f"default={peer_url}", "--unsafe-no-fsync",
                                    "--cert-file", certificate[0], "--key-file", certificate[1]], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   env={**os.environ, "ETCD_UNSUPPORTED_ARCH": "arm64"} if os.uname().machine == "aarch64" else None)
        try:
            wait_until(lambda: "true" in curl("-k", f"{url}/health").stdout, "etcd")
            yield url
        finally:
            process.kill()
            process.wait()


@needs("etcd")
def test_etcd_is_known_by_its_certificate(serve, authority, certificates, key_file, tmp_path):  # noqa: F811
    ports = free_ports(2)

    def start(url, name, port, registry_ca, *more):
        return Asked(serve, authority, tmp_path, key_file, name, port, f"etcd:{url}/test", certificates["right"], "--peer-ca", authority.pem,
                     "--registry-ca", registry_ca, *more)

    with etcd(tmp_path, certificates["right"]) as url:
        first, second = (start(url, name, port, authority.pem) for name, port in zip("ab", ports))
        wait_until(lambda: first.member("b").get("state") == "running", "the other one")
        assert first.get("/instances/id-b/api/processes/0")[1]["id"] == second.service.pid
    for one in (first, second):
        one.service.stop()
    for what, word in REFUSED.items():
        with etcd(tmp_path, certificates[what]) as url:
            alone = start(url, "a", ports[0], authority.pem)
            wait_until(lambda: word in alone.service.log, "why it is not believed")
            assert alone.get("/instances/id-b/api/processes/0")[0] == 404
            keys = curl("-k", f"{url}/v3/kv/range", "-d", '{"key":"AA==","range_end":"AA=="}').stdout
            assert "kvs" not in keys and "header" in keys  # nothing was told to it
            alone.service.stop()
