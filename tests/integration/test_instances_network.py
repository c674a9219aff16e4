"""Three instances in three network namespaces, found by a real etcd or by a name, one of which is cut off."""
import contextlib
import http.client
import os
import pathlib
import shutil
import subprocess
import urllib.request

import pytest

from conftest import PROCSCOPE, wait_until

NAMES = ("a", "b", "c")
TAG = f"ps{os.getpid() % 100000}"
NET = f"10.{87 + os.getpid() % 50}.{os.getpid() // 50 % 250}"


def ip(*arguments, check=True):
    return subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True)


def can_have_namespaces():
    if os.geteuid() != 0 or not shutil.which("ip"):
        return False
    made = ip("netns", "add", f"{TAG}t", check=False).returncode == 0
    ip("netns", "delete", f"{TAG}t", check=False)
    return made and ip("link", "add", f"{TAG}t", "type", "bridge", check=False).returncode == 0 and ip("link", "delete", f"{TAG}t", check=False).returncode == 0


pytestmark = pytest.mark.skipif(not can_have_namespaces(), reason="needs root, iproute2 and network namespaces")


@pytest.fixture(scope="module")
def network():
    """A bridge with us at .1 and each of NAMES in a namespace of its own behind it, at .2, .3 and .4."""
    try:
        ip("link", "add", TAG, "type", "bridge")
        ip("address", "add", f"{NET}.1/24", "dev", TAG)
        ip("link", "set", TAG, "up")
        for number, name in enumerate(NAMES, 2):
            space, outer = f"{TAG}{name}", f"{TAG}{name}"
            ip("netns", "add", space)
            ip("link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", space)
            ip("link", "set", outer, "master", TAG, "up")
            ip("-n", space, "address", "add", f"{NET}.{number}/24", "dev", "eth0")
            ip("-n", space, "link", "set", "eth0", "up")
            ip("-n", space, "link", "set", "lo", "up")
        yield dict(zip(NAMES, (f"{NET}.{number}" for number in range(2, 5))))
    finally:
        for name in NAMES:
            ip("netns", "delete", f"{TAG}{name}", check=False)
            shutil.rmtree(f"/etc/netns/{TAG}{name}", ignore_errors=True)
        ip("link", "delete", TAG, check=False)


def cut_off(name, is_cut):
    ip("link", "set", f"{TAG}{name}", "down" if is_cut else "up")


class Etcd:
    def __init__(self, folder):
        self.folder, self.url, self.process = folder, f"http://{NET}.1:2379", None
        self.start()

    def start(self):
        peer = f"http://{NET}.1:2380"
        with (self.folder / "etcd.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["etcd", "--data-dir", self.folder / "data", "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
                 "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}", "--unsafe-no-fsync"],
                stdout=log, stderr=log, env={**os.environ, "ETCD_UNSUPPORTED_ARCH": "arm64"} if os.uname().machine == "aarch64" else None)
        wait_until(self.is_healthy, "etcd")

    def is_healthy(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                return b"true" in answer.read()
        return False

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def etcd(network, tmp_path):
    if not shutil.which("etcd"):
        pytest.skip("no etcd")
    one = Etcd(tmp_path)
    yield one
    one.stop()


class Fleet:
    def __init__(self, serve, network, folder, registry):
        key, tokens = folder / "cluster-key", folder / "tokens"
        key.write_text(os.urandom(32).hex() + "\n")
        key.chmod(0o600)
        given = subprocess.run([PROCSCOPE, "token", "new", "--file", tokens, "--role", "admin", "--name", "test"], check=True, capture_output=True, text=True)
        self.headers = {"Authorization": f"Bearer {given.stdout.split()[-1]}"}
        self.serve, self.network = serve, network
        self.arguments = ("--registry", registry, "--registry-interval", "300ms", "--registry-ttl", "3s", "--cluster-key", key, "--tokens", tokens,
                          "--peer-plain-text", "1")
        self.services = {name: self.start(name) for name in NAMES}

    def start(self, name):
        return self.serve("--instance-id", f"id-{name}", "--machine-name", name, *self.arguments,
                          listen=(f"{self.network[name]}:7420",), wrapper=("ip", "netns", "exec", f"{TAG}{name}"))

    def states(self, name):
        return {one["name"]: one["state"] for one in self.services[name].json("/api/instances", self.headers) if "name" in one}

    def wait_for(self, name, **wanted):
        wait_until(lambda: {key: value for key, value in self.states(name).items() if key in wanted} == wanted, f"{name} to see {wanted}: {self.states(name)}")

    def get(self, name, path):
        return self.services[name].get(path, self.headers)


RUNNING = {name: "running" for name in NAMES}


def test_etcd_knows_who_is_there(serve, network, etcd, tmp_path):
    fleet = Fleet(serve, network, tmp_path, f"etcd:{etcd.url}/test")
    for name in NAMES:
        fleet.wait_for(name, **RUNNING)
    listed = fleet.get("a", "/api/instances").json()
    assert {one["url"] for one in listed} == {f"http://{address}:7420" for address in network.values()}
    answer = fleet.get("a", "/instances/id-b/api/processes/0")
    assert answer.json()["machineName"] == "b" and answer.json()["href"].startswith(f"http://{network['a']}:7420/instances/id-b/")

    # one that ends cleanly is gone at once
    fleet.services["b"].stop()
    fleet.wait_for("a", b="gone", c="running")
    answer = fleet.get("a", "/instances/id-b/api/processes/0")
    assert answer.status == 502 and "b (id-b)" in answer.message and "gone" in answer.message and "last seen" in answer.message
    fleet.services["b"] = fleet.start("b")
    fleet.wait_for("a", **RUNNING)

    # etcd goes and comes back: what is known goes on, and all are there again
    etcd.stop()
    assert fleet.get("a", "/instances/id-c/api/processes/0").json()["machineName"] == "c"
    etcd.start()
    for name in NAMES:
        fleet.wait_for(name, **RUNNING)

    # the cable of one is pulled in the middle of a stream
    with contextlib.closing(fleet.services["a"].connection()) as connection:
        connection.request("GET", "/instances/id-c/api/events", headers=fleet.headers)
        stream = connection.getresponse()
        assert stream.readline().startswith(b"id: ")
        cut_off("c", True)
        answer = fleet.get("a", "/instances/id-c/api/processes/0")
        assert answer.status in (502, 504) and "c (id-c)" in answer.message and "last seen" in answer.message
        fleet.wait_for("a", a="running", b="running", c="gone")
        with pytest.raises(http.client.IncompleteRead):  # found out, with nobody to say so
            while stream.read1(65536):
                pass
            raise http.client.IncompleteRead(b"")  # read1 says it so
    cut_off("c", False)
    fleet.wait_for("a", **RUNNING)
    assert fleet.get("a", "/instances/id-c/api/processes/0").json()["machineName"] == "c"


def test_a_name_says_who_is_there(serve, network, tmp_path):
    hosts = {name: pathlib.Path(f"/etc/netns/{TAG}{name}/hosts") for name in NAMES}

    def write(*known):
        for path in hosts.values():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("127.0.0.1 localhost\n" + "".join(f"{network[name]} fleet.test\n" for name in known))

    write(*NAMES)
    fleet = Fleet(serve, network, tmp_path, "dns:fleet.test:7420")
    for name in NAMES:
        fleet.wait_for(name, **RUNNING)
    assert fleet.get("c", "/instances/id-a/api/processes/0").json()["machineName"] == "a"
    write("a", "c")
    fleet.wait_for("a", a="running", b="gone", c="running")
    write(*NAMES)
    fleet.wait_for("a", **RUNNING)
