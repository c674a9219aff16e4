"""HAProxy before the service, by the configuration that we ship: https and HTTP/2 for clients, https to the instances. What two readers
could read in two ways is never two requests, a client can't say what only a proxy may, and streams, ends and pauses pass through."""
import collections
import contextlib
import json
import re
import shutil
import threading

import pytest

from conftest import Service, wait_until
from haproxy import Haproxy, Http2, drain, get
from test_metrics import read
from test_tls import authority, server  # noqa: F401  (fixtures)

pytestmark = pytest.mark.skipif(not shutil.which("haproxy"), reason="no haproxy")
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")  # that the service counts by name
HOST = b"Host: localhost\r\n"
# Whoever gets this past HAProxy has an answer that names it: HAProxy takes these headers away.
SMUGGLED = (b"GET /api/processes/0 HTTP/1.1\r\n" + HOST + b"X-Procscope-Hop: x\r\nX-Procscope-Instance: id-a\r\n"
            b"X-Procscope-Base: http://smuggled.example\r\n\r\n")


class Behind(Service):
    """A service with TLS and a plain Unix socket for the test itself."""

    def __init__(self, folder, certificate, name, *arguments, port=0):
        super().__init__(folder, "--tls-certificate", certificate[0], "--tls-key", certificate[1], "--instance-id", f"id-{name}", "--machine-name",
                         name, "--audit", folder / "audit", *arguments, listen=(f"127.0.0.1:{port}", f"unix:{folder}/socket"))
        self.audit_file, self.own = folder / "audit", self.urls[1]

    def seen(self):
        """Its own count of requests by method and status, but for what HAProxy and we ask to look at it."""
        count = collections.Counter()
        for (name, *labels), value in read_own(self).items():
            labels = dict(labels)
            if name == "procscope_http_requests_total" and labels["route"] not in ("/healthz", "/metrics"):
                count[labels["method"], labels["code"]] += int(value)
        return +count

    def audited(self, event, **wanted):
        lines = [json.loads(line) for line in self.audit_file.read_text().splitlines()]
        return [line for line in lines if line["event"] == event and all(line[key] == value for key, value in wanted.items())]


class Own:
    """A service by its Unix socket, for what takes a Service."""

    def __init__(self, service):
        self.get = lambda path, headers=None: service.get(path, headers, url=service.own)


def read_own(service):
    return read(Own(service))


@pytest.fixture(scope="module")
def behind(tmp_path_factory, authority, server):  # noqa: F811
    one = Behind(tmp_path_factory.mktemp("behind"), server, "a", "--front-ends", "127.0.0.1", "--stall-timeout", "3s")
    yield one
    one.stop()


@pytest.fixture(scope="module")
def haproxy(tmp_path_factory, authority, server, behind):  # noqa: F811
    with Haproxy(tmp_path_factory.mktemp("haproxy"), {"a": behind}, certificate=server, ca=authority.pem) as one:
        yield one


def forwarded(haproxy, before):
    """What HAProxy has had an instance's answer to, in the same form as Behind.seen()."""
    return collections.Counter((method if (method := one.request.split()[0]) in METHODS else "other", str(one.status)) for one in haproxy.logged[before:]
                               if one.server != "<NOSRV>" and not re.match(r"GET (https://[^/]*)?/healthz ", one.request))


def agree(haproxy, behind, before, seen_before):
    """Both count the same requests, once the last is counted."""
    def same():
        ours = behind.seen() - seen_before
        return ours == forwarded(haproxy, before) and ours
    try:
        wait_until(same, "", within=10)
    except AssertionError:
        assert behind.seen() - seen_before == forwarded(haproxy, before), haproxy.logged[before:]


def ambiguous():
    """Heads, each with a body, that are known to be read in two ways by some pair of readers: name -> bytes after the request line."""
    hidden, all_of_it = b"0\r\n\r\n" + SMUGGLED, b"%x\r\n" % len(SMUGGLED) + SMUGGLED + b"\r\n0\r\n\r\n"
    length = b"Content-Length: %d\r\n" % len(hidden)
    cases = {"CL.TE": length + b"Transfer-Encoding: chunked\r\n\r\n" + hidden,
             "TE.CL": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + all_of_it}
    for name, line in {"blank before the colon": b"Transfer-Encoding : chunked", "tab": b"Transfer-Encoding:\tchunked", "vertical tab": b"Transfer-Encoding:\x0bchunked",
                       "xchunked": b"Transfer-Encoding: xchunked", "quoted": b'Transfer-Encoding: "chunked"', "identity behind": b"Transfer-Encoding: chunked, identity",
                       "identity before": b"Transfer-Encoding: identity, chunked", "twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
                       "other case": b"tRANSFER-eNCODING: CHUNKED", "blank before": b" Transfer-Encoding: chunked", "folded": b"Transfer-Encoding:\r\n chunked",
                       "folded behind another": b"X: y\r\n Transfer-Encoding: chunked", "behind a bare LF": b"X: y\nTransfer-Encoding: chunked",
                       "behind a bare CR": b"X: y\rTransfer-Encoding: chunked", "NUL": b"Transfer-Encoding: chunked\0", "NUL in its name": b"Transfer\0-Encoding: chunked",
                       "underscore": b"Transfer_Encoding: chunked", "nominated": b"Transfer-Encoding: chunked\r\nConnection: Transfer-Encoding",
                       "gzip": b"Transfer-Encoding: gzip, chunked", "empty": b"Transfer-Encoding:"}.items():
        cases["CL.TE, " + name] = length + line + b"\r\n\r\n" + hidden
        cases["TE alone, " + name] = line + b"\r\n\r\n" + hidden
    for name, line in {"plus": b"+%d", "blank in it": b"%d 0", "hexadecimal": b"0x%x", "list": b"%d, 0", "list of the same": b"%d, %d", "negative": b"-%d",
                       "zeros before": b"000000%d", "quoted": b'"%d"', "point": b"%d.0", "NUL": b"%d\0", "far too large": b"99999999999999999999%d"}.items():
        cases["CL, " + name] = b"Content-Length: " + line.replace(b"%d", b"%d" % len(SMUGGLED)).replace(b"%x", b"%x" % len(SMUGGLED)) + b"\r\n\r\n" + SMUGGLED
    cases |= {"CL twice": b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
              "CL twice, the other way": b"Content-Length: %d\r\nContent-Length: 0\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
              "CL nominated": b"Connection: Content-Length\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
              "no length": b"\r\n" + SMUGGLED, "bare LF ends the head": b"Content-Length: %d\n\n" % len(SMUGGLED) + SMUGGLED}
    chunked = b"Transfer-Encoding: chunked\r\n\r\n"
    for name, body in {"extension with LF": b"5;x\nabcde\r\n0\r\n\r\n", "extension with CR": b"0;\rx\r\n\r\n", "extension quoted": b'0;x="\r\n\r\n"\r\n\r\n',
                       "size with 0x": b"0x0\r\n\r\n", "size with plus": b"+0\r\n\r\n", "size too large": b"ffffffffffffffff1\r\n", "size overflows": b"10000000000000000\r\n",
                       "size empty": b"\r\n\r\n", "size with blank": b"0 \r\n\r\n", "no CRLF behind": b"3\r\nabcX0\r\n\r\n", "LF alone": b"0\n\n",
                       "trailer": b"0\r\nContent-Length: 900\r\nX-Procscope-Hop: x\r\n\r\n"}.items():
        cases["chunks, " + name] = chunked + body + SMUGGLED
    return cases


def odd():
    """Whole requests with an odd first line or head: name -> bytes."""
    hop = b"X-Procscope-Hop: x\r\nX-Procscope-Instance: id-a\r\nX-Procscope-Base: http://smuggled.example\r\n"
    line = b"GET /api/processes/0 HTTP/1.1\r\n"
    return {"said by the client": line + HOST + hop + b"\r\n", "other case": line + HOST + hop.lower() + b"\r\n",
            "nominated": line + HOST + hop + b"Connection: close, X-Procscope-Hop, Host, Authorization\r\n\r\n",
            "blank before the colon": line + HOST + hop.replace(b":", b" :") + b"\r\n", "folded": line + HOST + b"X: y\r\n " + hop + b"\r\n",
            "underscores": line + HOST + hop.replace(b"-Hop", b"_Hop") + b"\r\n", "behind a bare CR": line + HOST + b"X: y\r" + hop + b"\r\n",
            "behind a bare LF": line + HOST + b"X: y\n" + hop + b"\r\n", "behind a NUL": line + HOST + b"X: y\0" + hop + b"\r\n",
            "absolute": b"GET http://localhost/api/processes/0 HTTP/1.1\r\n" + HOST + hop + b"\r\n",
            "absolute, another host": b"GET http://smuggled.example/api/processes/0 HTTP/1.1\r\n" + HOST + b"\r\n",
            "absolute, with a user": b"GET http://localhost@smuggled.example/api/processes/0 HTTP/1.1\r\n" + HOST + b"\r\n",
            "host twice": line + HOST + b"Host: smuggled.example\r\n\r\n", "host twice, the other way": line + b"Host: smuggled.example\r\n" + HOST + b"\r\n",
            "host with a path": line + b"Host: localhost/smuggled.example\r\n\r\n", "no host": line + b"\r\n",
            "h2c": line + HOST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n" + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "websocket": line + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + SMUGGLED, "version 0.9": b"GET /api/processes/0\r\n\r\n",
            "version 1.0, chunked": b"POST /healthz HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
            "version 1.1 in small letters": b"GET /api/processes/0 http/1.1\r\n" + HOST + b"\r\n", "version 9.9": b"GET / HTTP/9.9\r\n" + HOST + b"\r\n",
            "blanks in the target": b"GET /api/processes/0 HTTP/1.1 HTTP/1.1\r\n" + HOST + b"\r\n", "tab": b"GET\t/api/processes/0\tHTTP/1.1\r\n" + HOST + b"\r\n",
            "fragment": b"GET /healthz#/../api/processes/0 HTTP/1.1\r\n" + HOST + b"\r\n", "dots": b"GET /healthz/../api/processes/0 HTTP/1.1\r\n" + HOST + hop + b"\r\n",
            "escaped CRLF": b"GET /healthz%0d%0a%0d%0aGET%20/api/processes/0 HTTP/1.1\r\n" + HOST + b"\r\n", "connect": b"CONNECT localhost:7420 HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED,
            "trace": b"TRACE /api/processes/0 HTTP/1.1\r\n" + HOST + hop + b"\r\n", "star": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
            "expect": b"POST /healthz HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
            "expect what is not": b"POST /healthz HTTP/1.1\r\n" + HOST + b"Expect: x\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
            "many headers": line + HOST + b"X: y\r\n" * 2000 + b"\r\n", "long header": line + HOST + b"X: " + b"y" * 100000 + b"\r\n\r\n"}


class Neighbours:
    """Others that ask for what is theirs all the while, over connections that they keep."""

    def __init__(self, haproxy, pids):
        self.done, self.count, self.wrong = threading.Event(), 0, []
        self.threads = [threading.Thread(target=self.ask, args=(haproxy, pid)) for pid in pids]

    def ask(self, haproxy, pid):
        connection = haproxy.connect()
        while not self.done.wait(0.005):
            connection.sendall(b"GET /api/processes/%d HTTP/1.1\r\n" % pid + HOST + b"\r\n")
            answer = b""
            while not re.search(rb"\r\n\r\n.*\}$", answer, re.S):
                piece = connection.recv(65536)
                if not piece:
                    break
                answer += piece
            self.count += 1
            if not answer.startswith(b"HTTP/1.1 200") or b'"id":%d,' % pid not in answer or answer.count(b"HTTP/1.1 ") != 1:
                self.wrong.append(answer)
        connection.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        for thread in self.threads:
            thread.join(60)


def test_raw_requests_are_read_once(haproxy, behind, sleeper):
    """Every case is one client's connection: he gets an answer for each request that HAProxy has seen, no more, none is another's, and
    the service has seen the same requests as HAProxy."""
    cases = {f"{method} {name}": f"{method} /api/processes/4194303 HTTP/1.1\r\n".encode() + HOST + rest for name, rest in ambiguous().items() for method in ("POST", "GET")}
    cases |= odd()
    assert b"smuggled.example" in behind.get("/api/processes/0", {"X-Procscope-Hop": "x", "X-Procscope-Instance": "id-a", "X-Procscope-Base": "http://smuggled.example"},
                                             url=behind.own).body
    answers, ports = {}, {}

    def play(name, data):
        with contextlib.closing(haproxy.connect()) as connection:
            ports[name] = connection.getsockname()[1]
            with contextlib.suppress(OSError):
                connection.sendall(data)
            answers[name] = drain(connection)

    neighbours = [sleeper("sleep", "3600") for _ in range(4)]
    before, seen_before = len(haproxy.logged), behind.seen()
    with Neighbours(haproxy, [process.pid for process in neighbours]) as asked:
        threads = [threading.Thread(target=play, args=case) for case in cases.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert asked.count > 100 and not asked.wrong, asked.wrong[:3]
    assert set(answers) == set(cases)
    agree(haproxy, behind, before, seen_before)
    for name, answer in answers.items():
        statuses = [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d+) ", answer) if status != b"100"]
        seen = [one for one in haproxy.logged[before:] if one.port == ports[name]]
        assert len(statuses) <= len(seen) and len(statuses) <= 2, (name, answer, seen)
        assert b"smuggled.example" not in answer or statuses[0] in (400, 403, 404, 421), (name, answer)


# HTTP/2: what is in a head, with a body or None -> what may come of it. Of a stream that is refused no instance hears.
def http2_cases():
    smuggled = SMUGGLED.decode()
    plain = get("/api/processes/0")
    hop = [("x-procscope-hop", "x"), ("x-procscope-instance", "id-a"), ("x-procscope-base", "http://smuggled.example")]
    refused = {"upper case": plain + [("X-Name", "y")], "name with a blank": plain + [("x name", "y")], "name with a colon": plain + [("x:y", "z")], "empty name": plain + [("", "y")],
               "name with CRLF": plain + [("x: y\r\ntransfer-encoding", "chunked")], "name with NUL": plain + [("x\0", "y")],
               "value with CRLF": plain + [("x", "y\r\nX-Procscope-Hop: x")], "value with a request": plain + [("x", "y\r\n\r\n" + smuggled)], "value with LF": plain + [("x", "y\nz: a")],
               "value with CR": plain + [("x", "y\rz: a")], "value with NUL": plain + [("x", "y\0z")],
               "path with CRLF": get("/healthz HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled), "path with a blank": get("/api/processes/0 HTTP/1.1"), "path with NUL": get("/api/processes/0\0"),
               "path with LF": get("/api/processes/0\nx: y"), "no path": [plain[0], plain[1], plain[3]], "empty path": get(""), "path that is none": get("api/processes/0"),
               "method with CRLF": get("/", method="GET / HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled), "method with a blank": get("/", method="GET /api/processes/0"),
               "authority with CRLF": get("/", "localhost\r\nx-procscope-hop: x"), "scheme with CRLF": [("&:scheme"[1:], "https\r\nx: y") if name == ":scheme" else (name, value) for name, value in plain],
               "path twice": plain + [(":path", "/healthz")], "path twice in front": [(":path", "/healthz"), *plain], "method twice": [(":method", "POST"), *plain],
               "authority twice": [(":authority", "x"), *plain], "pseudo behind": [*plain[:3], ("x", "y"), plain[3]], "unknown pseudo": [(":x", "y"), *plain], "status": [(":status", "200"), *plain],
               "transfer-encoding": plain + [("transfer-encoding", "chunked")], "connection": plain + [("connection", "close")],
               "upgrade": plain + [("upgrade", "h2c")], "proxy-connection": plain + [("proxy-connection", "x")], "te": plain + [("te", "gzip")],
               "length that is none": plain + [("content-length", "x")],
               "two lengths": plain + [("content-length", "5"), ("content-length", "6")], "list of lengths": plain + [("content-length", "5, 6")], "plus": plain + [("content-length", "+5")],
               "connect": [(":method", "CONNECT"), (":authority", "localhost:7420")], "connect with a path": get("/api/processes/0", method="CONNECT"),
               "long header": plain + [("x", "y" * 100000)], "many headers": plain + [("x", "y")] * 5000, "many cookies": plain + [("cookie", f"c{i}={i}") for i in range(3000)]}
    bodies = {"body longer than told": ([*get("/healthz", method="POST"), ("content-length", "3")], SMUGGLED),
              "body with none told": ([*get("/healthz", method="POST"), ("content-length", "0")], SMUGGLED),
              "body shorter than told": ([*get("/healthz", method="POST"), ("content-length", str(len(SMUGGLED) + 5))], SMUGGLED),
              "transfer-encoding and body": ([*get("/healthz", method="POST"), ("transfer-encoding", "chunked")], b"0\r\n\r\n" + SMUGGLED)}
    allowed = {"another host": (plain + [("host", "smuggled.example")], None), "said by the client": (plain + hop, None), "body of chunks": (get("/healthz", method="POST"), b"0\r\n\r\n" + SMUGGLED), "body of a GET": (plain, SMUGGLED),
               "a name with an underscore": (plain + [("x_procscope_hop", "x")], None), "nominated": (plain + [("te", "trailers")] + hop, None),
               "method of its own": (get("/api/processes/0", method="smuggled"), None)}
    return {name: (fields, None) for name, fields in refused.items()} | bodies, allowed


def test_http2_is_read_once(haproxy, behind, sleeper):
    """Nothing that HTTP/2 forbids reaches the service, and what it allows is no other request there."""
    refused, allowed = http2_cases()
    neighbours = [sleeper("sleep", "3600") for _ in range(2)]
    before, seen_before = len(haproxy.logged), behind.seen()
    results = {}
    with Neighbours(haproxy, [process.pid for process in neighbours]) as asked:
        for name, (fields, body) in (refused | allowed).items():
            connection = Http2(haproxy)
            stream = connection.request(fields, body)
            results[name] = (connection.status(stream), connection.body(stream), connection.resets.get(stream), connection.gone)
            connection.close()
    assert asked.count > 10 and not asked.wrong, asked.wrong[:3]
    agree(haproxy, behind, before, seen_before)
    for name, (status, body, *_) in results.items():
        assert b"smuggled.example" not in body, (name, body)
        assert status is None or status >= 400 or name in allowed, (name, results[name])
    assert {name: results[name][0] for name in allowed} == {"another host": 200, "said by the client": 200, "body of chunks": 405, "body of a GET": 200,
                                                             "a name with an underscore": 403, "nominated": 200, "method of its own": 405}


# What HAProxy may have passed on already when it sees what is wrong: name -> head, trailer or None.
LATE = {"what an instance says": (get("/api/processes/0"), [("x-procscope-hop", "x"), ("x-procscope-instance", "id-a"), ("x-procscope-base", "http://smuggled.example")]),
        "length": (get("/api/processes/0"), [("content-length", "900")]), "encoding": (get("/api/processes/0"), [("transfer-encoding", "chunked")]),
        "path": (get("/api/processes/0"), [(":path", "/smuggled")]), "CRLF": (get("/api/processes/0"), [("x", "y\r\n\r\n" + SMUGGLED.decode())]),
        "websocket": ([(":protocol", "websocket"), *get("/api/processes/0", method="CONNECT")], None)}


def test_what_is_refused_late_was_one_request(haproxy, behind):
    """Trailers are no headers, and what follows them is no request."""
    before, seen_before = len(haproxy.logged), behind.seen()
    for name, (fields, trailer) in LATE.items():
        connection = Http2(haproxy)
        stream, head = connection.head(fields, end=trailer is None)
        connection.send(head, *([connection.data(stream, b"x", end=False), connection.head(trailer, stream=stream)[1]] if trailer else []))
        status = connection.status(stream)
        connection.close()
        assert status in (None, 200, 400) and b"smuggled.example" not in connection.body(stream), name
    wait_until(lambda: len(haproxy.logged) >= before + len(LATE), "HAProxy to have logged all")
    assert json.loads(haproxy.curl(f"/api/processes/{behind.pid}"))["id"] == behind.pid
    assert sum((behind.seen() - seen_before).values()) <= len(LATE) + 1
