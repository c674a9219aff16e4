"""HTTPS with certificates that a CA made by the openssl command has signed, seen by curl and openssl s_client: what is spoken,
client certificates and their roles, and new files while connections are open."""
import contextlib
import http.client
import os
import re
import signal
import ssl
import subprocess
import time

import pytest

from conftest import PROCSCOPE, wait_until
from test_access import token


def openssl(*arguments, **options):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, **options).stdout


class Authority:
    def __init__(self, folder, name="ca"):
        self.folder, self.key, self.pem = folder, folder / f"{name}.key", folder / f"{name}.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key, "-out", self.pem,
                "-subj", f"/CN={name}", "-days", "2")

    def issue(self, name, purpose="serverAuth", days="1", **subject):
        """NAME.pem and NAME.key; ends: seconds since 1970, in place of days"""
        key, request, pem = (self.folder / f"{name}{end}" for end in (".key", ".csr", ".pem"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
                "-subj", f"/CN={subject.get('common_name', name)}")
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={subject.get('names', 'IP:127.0.0.1,DNS:localhost')}\nextendedKeyUsage={purpose}\n")
        if "ends" in subject:
            config, database = self.folder / f"{name}.cnf", self.folder / f"{name}.db"
            config.write_text(f"[ca]\ndefault_ca = x\n[x]\ndatabase = {database}\nnew_certs_dir = {self.folder}\nrand_serial = yes\n"
                              "default_md = sha256\npolicy = y\n[y]\ncommonName = supplied\n")
            database.write_text("")
            openssl("ca", "-batch", "-notext", "-config", config, "-cert", self.pem, "-keyfile", self.key, "-in", request, "-out", pem,
                    "-extfile", extensions, "-enddate", time.strftime("%Y%m%d%H%M%SZ", time.gmtime(subject["ends"])))
        else:
            openssl("x509", "-req", "-in", request, "-CA", self.pem, "-CAkey", self.key, "-CAcreateserial", "-days", days, "-out", pem,
                    "-extfile", extensions)
        key.chmod(0o600)
        return pem, key


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def server(authority):
    return authority.issue("server")


def curl(*arguments):
    return subprocess.run(["curl", "-sS", "--max-time", "60", *map(str, arguments)], capture_output=True, text=True)


def serial(url):
    """Of the certificate that the service shows to a new connection."""
    port = url.rsplit(":", 1)[1]
    pem = ssl.get_server_certificate(("127.0.0.1", int(port)))
    return openssl("x509", "-noout", "-serial", input=pem.encode()).decode().strip()


def test_https(serve, authority, server):
    pem, key = server
    service = serve("--tls-certificate", pem, "--tls-key", key)
    assert service.url.startswith("https://127.0.0.1:")
    done = curl("--cacert", authority.pem, "-w", "%{ssl_verify_result} %{http_code}", service.url + "/api/processes/0")
    assert done.stdout.endswith("0 200") and f'"href":"{service.url}/api/processes/{service.pid}"' in done.stdout
    for version in ("1.0", "1.1"):
        assert curl("--cacert", authority.pem, "--tls-max", version, "--ciphers", "DEFAULT@SECLEVEL=0", service.url + "/healthz").returncode != 0
    for flags in (("--tlsv1.2", "--tls-max", "1.2"), ("--tlsv1.3",)):
        assert curl("--cacert", authority.pem, *flags, service.url + "/healthz").stdout == '{"status":"ok"}', flags
    assert curl(service.url.replace("https", "http") + "/healthz").returncode != 0
    assert curl("-k", "--http1.1", service.url + "/api/processes", "-H", "Origin: https://elsewhere").stdout.find("another origin") > 0


def test_large_bodies_come_whole(serve, authority, server, target, tmp_path):
    pem, key = server
    service = serve("--tls-certificate", pem, "--tls-key", key)
    process = target("shapes", "threads", "2")
    path = f"/api/processes/{process.pid}/dump?dumpType=2"
    done = curl("--cacert", authority.pem, "-o", tmp_path / "dump", "-w", "%{http_code} %{size_download} %header{content-length}", service.url + path)
    status, size, length = done.stdout.split()
    assert status == "200" and size == length and int(size) > 1 << 20
    assert (tmp_path / "dump").read_bytes()[:4] == b"MDMP"
    for form in ("core", "zip"):
        assert curl("--cacert", authority.pem, "-o", tmp_path / form, "-w", "%{http_code}", service.url + path + f"&format={form}").stdout == "200"
    done = curl("--cacert", authority.pem, "-N", "--max-time", "3", service.url + "/api/events")
    assert done.stdout.count("event: tick") >= 1


def test_many_at_once(serve, authority, server):
    pem, key = server
    service = serve("--tls-certificate", pem, "--tls-key", key)
    done = subprocess.run(["curl", "-sS", "--cacert", authority.pem, "--parallel", "--parallel-max", "40", "-w", "%{http_code}\\n", "-o", "/dev/null",
                           *[part for _ in range(200) for part in ("-o", "/dev/null", f"{service.url}/api/processes")][:-2],
                           f"{service.url}/api/processes"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and set(done.stdout.split()) == {"200"}


def test_the_command_line(serve, authority, server, tmp_path):
    pem, key = server
    tokens = tmp_path / "tokens"
    reader = token(tokens, "reader")
    service = serve("--tls-certificate", pem, "--tls-key", key, "--tokens", tokens)
    run = lambda *flags: subprocess.run([PROCSCOPE, "--url", service.url, *flags, "ps"], capture_output=True, text=True,
                                        env={**os.environ, "PROCSCOPE_TOKEN": reader})
    assert run("--ca-file", authority.pem).returncode == 0
    assert run("--ca-file", tokens).returncode == 6  # nobody that it trusts


def test_new_files_on_sighup_drop_nothing(serve, authority, tmp_path):
    first, second = authority.issue("first"), authority.issue("second")
    chain = tmp_path / "chain.pem"

    def use(pair):
        new = tmp_path / "new.pem"
        new.write_text(pair[1].read_text() + pair[0].read_text())  # key and certificate in one file
        new.chmod(0o600)
        new.rename(chain)

    use(first)
    service = serve("--tls-certificate", chain)
    before = serial(service.url)
    context = ssl.create_default_context(cafile=authority.pem)
    port = int(service.url.rsplit(":", 1)[1])
    with contextlib.closing(http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=60)) as idle, \
            contextlib.closing(http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=60)) as streaming:
        idle.request("GET", "/healthz")
        assert idle.getresponse().read()
        streaming.request("GET", "/api/events")
        events = streaming.getresponse()
        assert events.readline()
        use(second)
        os.kill(service.pid, signal.SIGHUP)
        wait_until(lambda: serial(service.url) != before, "the new certificate")
        idle.request("GET", "/healthz")  # on the connection that it had
        assert idle.getresponse().status == 200
        for _ in range(10):
            assert events.readline()
        # a broken one changes nothing
        chain.write_text("rubbish")
        now = serial(service.url)
        os.kill(service.pid, signal.SIGHUP)
        wait_until(lambda: "goes on with what it has" in service.log, "the complaint")
        assert serial(service.url) == now
        use(first)
        os.kill(service.pid, signal.SIGHUP)
        wait_until(lambda: serial(service.url) == before, "the first certificate again")
        for _ in range(5):
            assert events.readline()


def test_client_certificates(serve, authority, server, tmp_path):
    pem, key = server
    other = Authority(tmp_path, "other")
    clients = {name: authority.issue(name, "clientAuth") for name in ("alice", "bob", "carol")}
    clients["server"] = server  # not for clients
    clients["mallory"] = other.issue("alice", "clientAuth")
    service = serve("--tls-certificate", pem, "--tls-key", key, "--tls-client-ca", authority.pem, "--certificate-roles", "alice:dumper,bob:reader")

    def status(name, path, *more):
        certificate = ("--cert", clients[name][0], "--key", clients[name][1]) if name else ()
        return int(curl("--cacert", authority.pem, *certificate, "-o", "/dev/null", "-w", "%{http_code}", *more, service.url + path).stdout)

    for version in (("--tls-max", "1.2"), ()):
        assert status("alice", "/api/processes/0/stacks", *version) == 200
        assert status("bob", "/api/processes", *version) == 200
        assert status("bob", "/api/processes/0/stacks", *version) == 403
        assert status("carol", "/api/processes", *version) == 403  # known, without a role
        assert status(None, "/api/processes", *version) == 401
        assert status("mallory", "/api/processes", *version) == 401  # alice by name, by another authority
        assert status("server", "/api/processes", *version) == 401
        assert status(None, "/healthz", *version) == 200


@pytest.mark.parametrize("kind", ["kept", "watching"])
def test_what_a_certificate_allows_ends_with_it(serve, authority, server, kind):
    """On a connection that is open already, too, and for who watches."""
    pem, key = server
    service = serve("--tls-certificate", pem, "--tls-key", key, "--tls-client-ca", authority.pem, "--certificate-roles", "dora:reader")
    address = service.url.split("//")[1]
    for seconds in (3, 10, 30, 90):  # where the machine is too slow to get in before it is over
        ends = int(time.time()) + seconds
        context = ssl.create_default_context(cafile=authority.pem)
        context.load_cert_chain(*authority.issue("dora", "clientAuth", ends=ends))
        with contextlib.closing(http.client.HTTPSConnection(address, context=context, timeout=120)) as connection:
            connection.request("GET", "/api/events" if kind == "watching" else "/api/processes")
            answer = connection.getresponse()
            if answer.status == 401 and time.time() >= ends:
                continue
            assert answer.status == 200 and answer.read()  # of events: a whole body, which ends
            if kind == "kept":
                time.sleep(max(0, ends + 0.5 - time.time()))  # time(2) lags behind by a tick
            assert time.time() >= ends
            connection.request("GET", "/api/processes")
            again = connection.getresponse()
            assert again.status == 401 and again.read()
            return
    pytest.fail("no certificate was good for long enough")


def test_self_signed(serve, tmp_path):
    service = serve("--tls-self-signed")
    shown = wait_until(lambda: re.search(r"SHA-256 ([0-9A-F:]{95}) .*--pinnedpubkey (sha256//\S{44})\)", service.log), "the fingerprint")
    pem = ssl.get_server_certificate(("127.0.0.1", int(service.url.rsplit(":", 1)[1])))
    assert openssl("x509", "-noout", "-fingerprint", "-sha256", input=pem.encode()).decode().strip().endswith("=" + shown[1])
    assert curl("-k", "--pinnedpubkey", shown[2], service.url + "/healthz").returncode == 0
    assert curl("-k", "--pinnedpubkey", "sha256//" + "A" * 43 + "=", service.url + "/healthz").returncode != 0
    file = tmp_path / "own.pem"
    file.write_text(pem)
    assert curl("--cacert", file, service.url + "/healthz").returncode == 0  # its names are right, too


def test_what_it_does_not_start_with(authority, server, tmp_path):
    pem, key = server
    other = authority.issue("elsewhere")
    rubbish, open_key = tmp_path / "rubbish", tmp_path / "key"
    rubbish.write_text("rubbish")
    open_key.write_text(key.read_text())
    open_key.chmod(0o644)
    for flags, what in ((("--tls-certificate", rubbish, "--tls-key", key), "tls-certificate"), (("--tls-certificate", pem, "--tls-key", rubbish), ""),
                        (("--tls-certificate", pem, "--tls-key", other[1]), "is not the key"), (("--tls-certificate", pem), "read by everyone"),
                        (("--tls-certificate", pem, "--tls-key", open_key), "read by everyone"),
                        (("--tls-certificate", tmp_path / "nothing"), "could not be read"),
                        (("--tls-certificate", pem, "--tls-key", key, "--tls-client-ca", rubbish), "tls-client-ca"),
                        (("--tls-certificate", pem, "--tls-key", key, "--tls-self-signed"), "only one"),
                        (("--tls-client-ca", authority.pem), "needs tls-certificate"), (("--certificate-roles", "x:reader"), "needs tls-client-ca")):
        done = subprocess.run([PROCSCOPE, "serve", "--listen", "127.0.0.1:0", *flags], capture_output=True, text=True, timeout=60)
        assert done.returncode != 0 and what in done.stderr, (flags, done.stderr)
