"""Who may do what: roles and what each of them sees, tokens, passwords, JWTs that the openssl command has signed, Unix
sockets, and what a service refuses to start with. The front that was taken over is tests/service/test_gate.c."""
import base64
import contextlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from conftest import PROCSCOPE, UnixConnection, wait_until

SECRET = "gehe1m-7a3f"
READABLE = {"COR_ENABLE_PROFILING": "1"}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def token(file, role, name="someone", expires="1h"):
    return subprocess.run([PROCSCOPE, "token", "new", "--role", role, "--name", name, "--expires", expires, "--file", file],
                          check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip()


@pytest.fixture
def tokens(tmp_path):
    file = tmp_path / "tokens"
    return file, {role: token(file, role, role) for role in ("reader", "operator", "dumper", "admin")}


@pytest.fixture
def secretive(sleeper):
    """A process with secrets in its environment and arguments, and a file open."""
    return sleeper(sys.executable, "-c", "print('ready', flush=True); import time; time.sleep(3600)",
                   f"--db-password={SECRET}", f"Server=db;Password={SECRET};x=y", "--plain", stdout=subprocess.PIPE,
                   env={**os.environ, **READABLE, "API_TOKEN": SECRET, "DATABASE_URL": f"postgres://joe:{SECRET}@db/x"})


# The role that each takes; with how it is asked for.
TAKES = {
    "reader": [("GET", ""), ("GET", "/{pid}"), ("GET", "/{pid}/threads"), ("GET", "/{pid}/modules"), ("GET", "/{pid}/memory"),
               ("GET", "/{pid}/doctor"), ("GET", "/{pid}/environments/all")],
    "operator": [("GET", "/{pid}/stacks"), ("GET", "/{pid}/memory?details=true"),
                 ("GET", "/handles?name=libc"), ("GET", "/{pid}/profile?seconds=0.2"), ("DELETE", "/{pid}?dryRun=true")],
    "dumper": [("GET", "/{pid}/dump?dumpType=0"), ("GET", "/{pid}/dump?estimate=true")],
    "admin": [("DELETE", "/0?dryRun=true")],
}
ROLES = list(TAKES)


def test_each_role_may_what_it_may(serve, tokens, secretive):
    file, by_role = tokens
    service = serve("--tokens", file)
    for least, requests in TAKES.items():
        for method, path in requests:
            path = "/api/processes" + path.format(pid=secretive.pid)
            for role in ROLES:
                answer = service.request(method, path, bearer(by_role[role]))
                if ROLES.index(role) >= ROLES.index(least):
                    assert answer.status == 200, (role, method, path, answer.body)
                else:
                    assert answer.status == 403, (role, method, path, answer.body)
                    assert "takes the role '" in answer.message and role in answer.message
    assert secretive.poll() is None


def test_who_shows_nothing_is_asked_for_it(serve, tokens):
    file, by_role = tokens
    service = serve("--tokens", file)
    for headers in ({}, bearer("pst_00000000_x"), bearer("x.y.z"), basic("a", "b"), {"Authorization": "Negotiate x"},
                    bearer(by_role["admin"] + "x"), {"Authorization": by_role["admin"]}, bearer("a" * 9000)):
        for path in ("/api/processes", "/api/processes/0", "/api/events", "/diagnostics/processes/0/dump"):
            answer = service.get(path, headers)
            assert answer.status == 401, (headers, path)
            assert answer.headers.get_all("WWW-Authenticate") == ['Bearer realm="procscope"',
                                                                  'Basic realm="procscope", charset="UTF-8"']
            assert answer.message and answer.json()["status"] == 401
    assert service.get("/healthz").status == 200  # for who looks whether it lives
    # as curl sends it, and a browser: a token in place of a password
    assert subprocess.run(["curl", "-sf", "-u", f"x:{by_role['reader']}", service.url + "/api/processes"],
                          stdout=subprocess.DEVNULL).returncode == 0
    assert service.get("/api/processes", basic("", by_role["reader"])).status == 200


def test_a_reader_sees_no_secrets(serve, tokens, secretive):
    file, by_role = tokens
    service = serve("--tokens", file)
    path = f"/api/processes/{secretive.pid}"
    reader = service.json(path, bearer(by_role["reader"]))
    assert reader["environment_variables"] == READABLE
    assert service.json(path + "/environments/all", bearer(by_role["reader"])) == READABLE
    assert "command_line" not in reader and "open_file_handles" not in reader
    assert SECRET not in json.dumps(reader)
    operator = service.json(path, bearer(by_role["operator"]))
    assert operator["environment_variables"]["API_TOKEN"] == SECRET
    assert SECRET in operator["command_line"] and operator["open_file_handles"]
    assert reader["modules"] == operator["modules"] and reader["handle_count"] == operator["handle_count"]


def test_secrets_can_be_kept_from_operators_too(serve, tokens, secretive):
    file, by_role = tokens
    service = serve("--tokens", file, "--secrets-role", "dumper")
    path = f"/api/processes/{secretive.pid}"
    shown = service.json(path, bearer(by_role["operator"]))
    assert SECRET not in json.dumps(shown)
    assert f"--db-password=*** 'Server=db;Password=***;x=y' --plain" in shown["command_line"]
    assert shown["environment_variables"]["API_TOKEN"] == "***"
    assert shown["environment_variables"]["DATABASE_URL"] == "postgres://joe:***@db/x"
    everything = service.json(path + "/environments/all", bearer(by_role["operator"]))
    assert SECRET not in json.dumps(everything) and everything["PATH"] == os.environ["PATH"]
    assert service.json(path, bearer(by_role["dumper"]))["environment_variables"]["API_TOKEN"] == SECRET


def snapshot(service, headers):
    """The first event of all processes."""
    with contextlib.closing(service.connection()) as connection:
        connection.request("GET", "/api/events", headers=headers)
        response = connection.getresponse()
        assert response.status == 200, response.read()
        for line in response:
            if line.startswith(b"data: "):
                return json.loads(line[6:])


def test_viewers_of_each_role_see_what_is_theirs(serve, tokens, secretive):
    file, by_role = tokens
    service = serve("--tokens", file)
    for role in ("operator", "reader", "dumper", "reader"):  # also while those of another role look
        shown = next(p for p in snapshot(service, bearer(by_role[role]))["processes"] if p["id"] == secretive.pid)
        assert ("command" in shown) == (role != "reader"), role


def test_viewers_have_to_come_back_when_tokens_change(serve, tokens):
    file, by_role = tokens
    service = serve("--tokens", file)
    with contextlib.closing(service.connection()) as connection:
        connection.request("GET", "/api/events", headers=bearer(by_role["reader"]))
        response = connection.getresponse()
        assert response.readline()
        subprocess.run([PROCSCOPE, "token", "revoke", "reader", "--file", file], check=True, stderr=subprocess.DEVNULL)
        # whoever asks next lets it be noticed
        wait_until(lambda: service.get("/api/processes", bearer(by_role["reader"])).status == 401, "the token to end")
        with contextlib.suppress(http.client.IncompleteRead):
            while response.readline():  # until it is cut off
                pass
    assert service.get("/api/events", bearer(by_role["reader"])).status == 401


def test_a_viewer_ends_with_his_token_though_nobody_else_asks(serve, tokens):
    file, by_role = tokens
    service = serve("--tokens", file)
    with contextlib.closing(service.connection()) as connection:
        connection.request("GET", "/api/events", headers=bearer(by_role["reader"]))
        response = connection.getresponse()
        assert response.readline()
        subprocess.run([PROCSCOPE, "token", "revoke", "reader", "--file", file], check=True, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        with contextlib.suppress(http.client.IncompleteRead):
            while response.readline():  # one or more each second
                assert time.monotonic() < until, "he watches for ever"


def test_tokens_expire_and_their_file_holds_none(serve, tmp_path):
    file = tmp_path / "tokens"
    short, long = token(file, "reader", "short", "2s"), token(file, "reader", "long", "never")
    service = serve("--tokens", file)
    for secret in (short, long):
        assert secret not in file.read_text() and secret.split("_", 2)[2] not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    wait_until(lambda: service.get("/api/processes", bearer(short)).status == 401, "the token to expire")
    assert service.get("/api/processes", bearer(long)).status == 200
    listed = subprocess.run([PROCSCOPE, "token", "list", "--file", file], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert "expired" in listed and "never" in listed and "long" in listed


def test_the_command_line_shows_a_token(serve, tokens, tmp_path):
    file, by_role = tokens
    service = serve("--tokens", file)

    def run(*arguments, said="", **environment):
        return subprocess.run([PROCSCOPE, "--url", service.url, *arguments], capture_output=True, text=True, input=said,
                              env={**os.environ, **environment})

    assert run("ps").returncode == 4
    assert "takes authentication" in run("ps").stderr
    assert "procscope" in run("ps", PROCSCOPE_TOKEN=by_role["reader"]).stdout
    denied = run("stack", "0", PROCSCOPE_TOKEN=by_role["reader"])
    assert denied.returncode == 4 and "takes the role 'operator'" in denied.stderr
    own = tmp_path / "own"
    own.write_text(by_role["operator"] + "\n")
    own.chmod(0o600)
    assert run("env", "0", "--token-file", own).returncode == 0
    for said, is_good in ((by_role["operator"] + "\n", True), (by_role["operator"], True), ("", False), ("\n", False), ("x" * 10000, False)):
        assert (run("env", "0", "--token-file", "-", said=said).returncode == 0) == is_good, said  # so that no environment has it
    own.chmod(0o644)
    assert "can be read by everyone" in run("ps", "--token-file", own).stderr


@pytest.mark.parametrize("arguments", [("--listen", "0.0.0.0:0"), ("--listen", "127.0.0.1:0", "--listen", "0.0.0.0:0"),
                                       ("--listen", "0.0.0.0:0", "--socket-roles", "*:reader")])
def test_without_authentication_it_listens_for_this_machine_alone(arguments):
    done = subprocess.run([PROCSCOPE, "serve", *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1 and "procscope token new" in done.stderr and "--tokens" in done.stderr


@pytest.mark.parametrize("text,mode,what", [("rubbish", 0o600, "line 1"), ("", 0o666, "chmod"), ("", 0o644, "read by everyone"),
                                            (None, 0, "could not be read")])
def test_it_does_not_start_with_tokens_that_can_not_be_trusted(tmp_path, text, mode, what):
    file = tmp_path / "tokens"
    if text is not None:
        file.write_text(text)
        file.chmod(mode)
    done = subprocess.run([PROCSCOPE, "serve", "--listen", "127.0.0.1:0", "--tokens", file], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and what in done.stderr


def test_passwords(serve, tmp_path):
    file = tmp_path / "passwords"
    # by the openssl command, which knows no yescrypt; tests/service/test_gate.c has that
    hashed = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input="s3 cr:et\n", check=True, stdout=subprocess.PIPE, text=True).stdout
    file.write_text(f"$site:dumper:{hashed}")
    file.chmod(0o600)
    service = serve("--passwords", file)
    assert service.get("/api/processes", basic("$site", "s3 cr:et")).status == 200
    assert service.get(f"/api/processes/{os.getpid()}/dump?estimate=true", basic("$site", "s3 cr:et")).status == 200
    began = time.monotonic()
    assert service.get("/api/processes", basic("$site", "s3 cret")).status == 401
    assert service.get("/api/processes").headers["WWW-Authenticate"] == 'Basic realm="procscope", charset="UTF-8"'
    statuses = [service.get("/api/processes", basic("$site", f"guess {i}")).status for i in range(15)]
    # ten come through, the first of them above, and one more every ten seconds
    late = int((time.monotonic() - began) / 10)
    refused = statuses.count(429)
    assert set(statuses) <= {401, 429} and max(0, 6 - late) <= refused <= 6, (statuses, late)
    assert late > 0 or statuses == [401] * 9 + [429] * 6, statuses
    assert service.get("/api/processes", basic("$site", "s3 cr:et")).status == 200


# --- JWTs, by the openssl command ---

def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def der_to_raw(der):
    """SEQUENCE of two INTEGERs -> 64 bytes."""
    size = der[3]
    r, s = der[4:4 + size], der[6 + size:]
    return r[-32:].rjust(32, b"\0") + s[-32:].rjust(32, b"\0")


class Signer:
    def __init__(self, folder, name, *genpkey):
        self.private, self.public = folder / f"{name}.key", folder / f"{name}.pem"
        subprocess.run(["openssl", "genpkey", *genpkey, "-out", self.private], check=True, stderr=subprocess.DEVNULL)
        subprocess.run(["openssl", "pkey", "-in", self.private, "-pubout", "-out", self.public], check=True)
        self.algorithm = "ES256" if "EC" in genpkey else "RS256"

    def jwt(self, algorithm=None, **claims):
        claims = {"iss": "https://issuer", "aud": ["procscope"], "exp": int(time.time()) + 60, "sub": "joe", "roles": ["operator"],
                  **claims}
        text = b64(json.dumps({"alg": algorithm or self.algorithm, "typ": "JWT"}).encode()) + "." + b64(json.dumps(claims).encode())
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.private], input=text.encode(), check=True,
                                   stdout=subprocess.PIPE).stdout
        return text + "." + b64(der_to_raw(signature) if self.algorithm == "ES256" else signature)


EC = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA = ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")


def test_jwts(serve, tmp_path):
    ec, rsa, other = Signer(tmp_path, "ec", *EC), Signer(tmp_path, "rsa", *RSA), Signer(tmp_path, "other", *EC)
    keys = tmp_path / "keys.pem"
    keys.write_text(ec.public.read_text() + rsa.public.read_text())
    service = serve("--jwt-keys", keys, "--jwt-audience", "procscope", "--jwt-issuer", "https://issuer")

    def status(text, path="/api/processes/0/stacks"):
        return service.get(path, bearer(text)).status

    for _ in range(8):  # signatures have numbers of 31 to 33 bytes
        assert status(ec.jwt(sub=f"joe{_}")) == 200
    assert status(rsa.jwt()) == 200
    assert status(ec.jwt(roles="reader")) == 403 and status(ec.jwt(roles="reader"), "/api/processes") == 200
    assert status(ec.jwt(roles=["nothing"])) == 403
    now = int(time.time())
    for bad in (other.jwt(), ec.jwt(algorithm="RS256"), rsa.jwt(algorithm="ES256"), rsa.jwt(algorithm="HS256"), ec.jwt(algorithm="none"),
                ec.jwt(aud="other"), ec.jwt(iss="https://other"), ec.jwt(exp=now - 1), ec.jwt(nbf=now + 100), ec.jwt()[:-1],
                ec.jwt() + "A", ec.jwt(exp=None), ec.jwt().rsplit(".", 1)[0] + "."):
        answer = service.get("/api/processes", bearer(bad))
        assert answer.status == 401 and "token" in answer.message.lower(), bad
    done = subprocess.run([PROCSCOPE, "serve", "--listen", "127.0.0.1:0", "--jwt-keys", keys], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "jwt-audience" in done.stderr


# --- Unix sockets ---

@pytest.mark.skipif(os.geteuid() != 0, reason="becomes other users")
def test_a_unix_socket_tells_who_it_is(serve, tmp_path_factory):
    folder = tmp_path_factory.mktemp("socket")
    folder.chmod(0o755)
    folder.parent.chmod(0o755)
    path = pathlib.Path("/tmp") / f"procscope-test-{os.getpid()}.sock"
    service = serve("--socket-roles", "4001:reader,nobody:operator,*:none", listen=(f"unix:{path}",))

    def status(user, request="/api/processes"):
        """Asked by a process of that user."""
        child = os.fork()
        if child == 0:
            try:
                if user:
                    os.setgroups([])
                    os.setresgid(user, user, user)
                    os.setresuid(user, user, user)
                connection = UnixConnection(str(path))
                connection.request("GET", request)
                os._exit(connection.getresponse().status % 255)
            except BaseException:
                os._exit(254)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    environment = "/api/processes/0/stacks"
    assert status(0) == 200 and status(0, environment) == 200
    assert status(4001) == 200 and status(4001, environment) == 403 % 255
    assert status(65534, environment) == 200
    assert status(4002) == 403 % 255
    service.stop()


def test_a_token_is_stronger_than_where_one_comes_from(serve, tokens, tmp_path):
    file, by_role = tokens
    service = serve("--tokens", file, listen=(f"unix:{tmp_path}/s",))
    assert service.get("/api/processes/0/stacks").status == 200  # we are the service's own user
    assert service.get("/api/processes/0/stacks", bearer(by_role["reader"])).status == 403
    assert service.get("/api/processes", bearer("pst_00000000_wrong")).status == 401


def test_a_strangers_link_takes_nothing(service):
    """A browser follows it with what it knows of us; it says so in Sec-Fetch-Site."""
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    path = f"/api/processes/{os.getpid()}"
    for shown in ("/", "/api/processes", path):
        assert service.get(shown, followed).status == 200
    for taken in ("/dump?dumpType=0", "/stacks", "/profile?seconds=0.1", "/gcdump"):
        answer = service.get(path + taken, followed)
        assert answer.status == 403 and "another site" in answer.message, taken
        if taken == "/stacks":
            assert service.get(path + taken, {**followed, "Sec-Fetch-Site": "same-origin"}).status == 200
            assert service.get(path + taken, {**followed, "Sec-Fetch-Site": "none"}).status == 200  # typed, or a bookmark
    for picture in ("/api/processes", path + "/stacks"):
        assert service.get(picture, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}).status == 403


def test_anonymous_role(serve, tokens):
    file, by_role = tokens
    service = serve("--tokens", file, "--anonymous-role", "reader")
    assert service.get("/api/processes").status == 200
    assert service.get("/api/processes/0/stacks").status == 403
    assert service.get("/api/processes/0/stacks", bearer(by_role["operator"])).status == 200
    everywhere = serve("--tokens", file, "--anonymous-role", "reader", listen=("0.0.0.0:0",))
    rebound = {"Host": "evil.example"}
    assert everywhere.get("/api/processes").status == 200
    assert everywhere.get("/api/processes", rebound).status == 403
    assert everywhere.get("/api/processes", {**rebound, **bearer(by_role["reader"])}).status == 200
    strict = serve("--anonymous-role", "none")
    assert strict.get("/api/processes").status == 401


def test_it_reads_again_on_sighup_and_goes_on_with_the_old_where_the_new_is_broken(serve, tokens):
    file, by_role = tokens
    service = serve("--tokens", file)
    assert service.get("/api/processes", bearer(by_role["reader"])).status == 200
    os.kill(service.pid, signal.SIGHUP)
    wait_until(lambda: "read again" in service.log, "the files to be read again")
    file.write_text("rubbish\n")
    os.kill(service.pid, signal.SIGHUP)
    wait_until(lambda: "stays in force" in service.log, "the complaint")
    assert service.get("/api/processes", bearer(by_role["reader"])).status == 200
    assert service.get("/api/processes", bearer("pst_00000000_x")).status == 401
