"""A real HAProxy by deploy/haproxy/haproxy.cfg before services, and clients that send it what no library would: raw bytes over TLS, and
HTTP/2 frame by frame (python3-hyperframe and python3-hpack, which know the form of a frame and nothing of what is allowed)."""
import contextlib
import os
import re
import socket
import ssl
import subprocess
import threading
import time
import typing

import pytest

from conftest import ROOT, wait_until
from test_instances import free_ports

CONFIGURATION = ROOT / "deploy" / "haproxy" / "haproxy.cfg"
SO_RCVBUFFORCE = 33  # of Linux; Python has no name for it
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
LOGGED = re.compile(r'127\.0\.0\.1:(\d+) \[[^]]*\] \S+ [^/ ]+/(\S+) [-+\d/]+ (-?\d+) \d+ \S+ \S+ (\S{4}) \S+ \S+ "([^"]*)"')


class Logged(typing.NamedTuple):
    """A request that HAProxy has seen the end of."""
    port: int  # the client's
    server: str  # <NOSRV>: no instance got it
    status: int
    flags: str
    request: str


class Haproxy:
    """Before services: name -> Service, a in the place of those that are missing. As a context it runs."""

    def __init__(self, folder, services, certificate=None, ca=None, alpn="h2,http/1.1"):
        self.port, = free_ports(1)
        self.log = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.log.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE if os.geteuid() == 0 else socket.SO_RCVBUF, 16 << 20)  # it leaves out what does not fit
        self.log.bind(("127.0.0.1", 0))
        self.services, self.ca = services, ca
        self.environment = {**os.environ, "PROCSCOPE_BIND": f"127.0.0.1:{self.port}", "PROCSCOPE_LOG": f"127.0.0.1:{self.log.getsockname()[1]}"}
        for name in "abc":
            address = services.get(name, services["a"]).url.split("//")[1]
            self.environment |= {f"PROCSCOPE_{name.upper()}": address, f"PROCSCOPE_{name.upper()}_ID": f"id-{name}",
                                 f"PROCSCOPE_{name.upper()}_NAME": "localhost"}
        if certificate:
            pem = folder / "proxy.pem"
            pem.write_text("".join(path.read_text() for path in certificate))
            self.environment |= {"PROCSCOPE_CERTIFICATE": str(pem), "PROCSCOPE_CA": str(ca)} | ({"PROCSCOPE_ALPN": alpn} if alpn else {})
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.port}"
        self.logged = []

    def __enter__(self):
        threading.Thread(target=self.read_log, daemon=True).start()
        self.process = subprocess.Popen(["haproxy", "-db", "-f", CONFIGURATION], env=self.environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: self.curl("/healthz").startswith('{"status"'), "haproxy to have an instance")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            self.log.shutdown(socket.SHUT_RDWR)
        self.log.close()

    def curl(self, path, *arguments):
        done = subprocess.run(["curl", "-sS", "--max-time", "120", "--cacert", str(self.ca), *map(str, arguments), self.url + path], capture_output=True,
                              text=True, errors="replace")
        return done.stdout

    def read_log(self):
        with contextlib.suppress(OSError):
            while line := self.log.recv(65536):
                found = LOGGED.search(line.decode(errors="replace"))
                if found:
                    port, server, status, flags, request = found.groups()
                    self.logged.append(Logged(int(port), server, int(status), flags, request))

    def connect(self, alpn="http/1.1", timeout=60):
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        if not self.url.startswith("https"):
            return raw
        context = ssl.create_default_context(cafile=self.ca)
        context.set_alpn_protocols([alpn])
        wrapped = context.wrap_socket(raw, server_hostname="localhost")
        assert wrapped.selected_alpn_protocol() == alpn
        return wrapped


def drain(connection):
    """What comes until the other side closes."""
    data = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
        while piece := connection.recv(65536):
            data += piece
    return data


class Http2:
    """A connection of HTTP/2. What comes is kept by stream: headers, body, `ended`, or the code of its reset."""

    def __init__(self, haproxy, window=None):
        self.frames, self.hpack = pytest.importorskip("hyperframe.frame"), pytest.importorskip("hpack")
        self.decoder = self.hpack.Decoder()
        self.socket, self.window = haproxy.connect("h2"), window
        self.headers, self.bodies, self.resets, self.ended, self.next = {}, {}, {}, set(), 1
        self.gone, self.buffer = None, b""
        settings = self.frames.SettingsFrame(0, settings={4: window if window is not None else 65535})
        self.socket.sendall(PREFACE + settings.serialize())

    def send(self, *frames):
        self.socket.sendall(b"".join(frame if isinstance(frame, bytes) else frame.serialize() for frame in frames))

    def reply(self, *frames):
        """Where the other side takes nothing any more it is still read to its end."""
        with contextlib.suppress(OSError):
            self.send(*frames)

    def head(self, fields, end=True, stream=None):
        """The frames of a head."""
        block = b"".join(self.literal(name, value) for name, value in fields)
        pieces = [block[at:at + 16000] for at in range(0, len(block), 16000)] or [b""]
        stream = stream or self.stream()
        flags = ["END_STREAM"] if end else []
        frames = [self.frames.HeadersFrame(stream, data=pieces[0], flags=flags + ["END_HEADERS"] * (len(pieces) == 1))]
        frames += [self.frames.ContinuationFrame(stream, data=piece, flags=["END_HEADERS"] * (piece is pieces[-1])) for piece in pieces[1:]]
        return stream, b"".join(frame.serialize() for frame in frames)

    def stream(self):
        self.next += 2
        return self.next - 2

    @staticmethod
    def literal(name, value):
        """Never indexed, not compressed: any bytes."""
        def text(data):
            size = len(data)
            if size < 127:
                return bytes([size]) + data
            out, size = bytearray([127]), size - 127
            while size >= 128:
                out.append(size % 128 + 128)
                size //= 128
            out.append(size)
            return bytes(out) + data
        name, value = (part.encode() if isinstance(part, str) else part for part in (name, value))
        return b"\x10" + text(name) + text(value)

    def data(self, stream, body, end=True):
        return self.frames.DataFrame(stream, data=body, flags=["END_STREAM"] if end else []).serialize()

    def request(self, fields, body=None):
        stream, head = self.head(fields, end=body is None)
        with contextlib.suppress(OSError):  # it may have been refused already
            self.send(head + (self.data(stream, body) if body is not None else b""))
        return stream

    def reset(self, stream):
        self.send(self.frames.RstStreamFrame(stream, error_code=8))

    def widen(self, *streams):
        """Whatever comes fits from now on, 0: of all together."""
        self.window = None
        self.send(*(self.frames.WindowUpdateFrame(stream, window_increment=1 << 30) for stream in streams))

    def read(self, until, within=60):
        """Takes frames until until() is true or the connection ends."""
        end = time.monotonic() + within
        while not until() and self.gone is None:
            while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
                self.socket.settimeout(max(0.1, end - time.monotonic()))
                try:
                    piece = self.socket.recv(65536)
                except (ConnectionError, ssl.SSLError):
                    piece = b""
                if not piece:
                    self.gone = "closed" if self.gone is None else self.gone
                    return
                self.buffer += piece
            size = int.from_bytes(self.buffer[:3], "big")
            frame, _ = self.frames.Frame.parse_frame_header(memoryview(self.buffer[:9]))
            frame.parse_body(memoryview(self.buffer[9:9 + size]))
            self.buffer = self.buffer[9 + size:]
            self.take(frame)

    def take(self, frame):
        kind, stream = type(frame).__name__, frame.stream_id
        if kind == "HeadersFrame":
            assert "END_HEADERS" in frame.flags
            fields = [tuple(part if isinstance(part, str) else part.decode() for part in field) for field in self.decoder.decode(frame.data)]
            self.headers.setdefault(stream, []).append(fields)
        elif kind == "DataFrame":
            self.bodies.setdefault(stream, []).append(frame.data)
            if self.window is None and frame.flow_controlled_length:
                self.reply(*(self.frames.WindowUpdateFrame(which, window_increment=frame.flow_controlled_length) for which in (0, stream)))
        elif kind == "RstStreamFrame":
            self.resets[stream] = frame.error_code
        elif kind == "GoAwayFrame":
            self.gone = frame.error_code
        elif kind == "SettingsFrame" and "ACK" not in frame.flags:
            self.reply(self.frames.SettingsFrame(0, flags=["ACK"]))
        elif kind == "PingFrame" and "ACK" not in frame.flags:
            self.reply(self.frames.PingFrame(0, opaque_data=frame.opaque_data, flags=["ACK"]))
        if "END_STREAM" in getattr(frame, "flags", ()):
            self.ended.add(stream)

    def is_over(self, stream):
        return stream in self.ended or stream in self.resets

    def status(self, stream, within=60):
        """Its answer's, after its end; None where there was none."""
        self.read(lambda: self.is_over(stream), within)
        heads = self.headers.get(stream, [])
        return int(dict(heads[-1 if len(heads) == 1 else 0])[":status"]) if heads else None

    def body(self, stream):
        return b"".join(self.bodies.get(stream, []))

    def close(self):
        self.socket.close()


def get(path, authority="localhost", method="GET"):
    return [(":method", method), (":scheme", "https"), (":path", path), (":authority", authority)]

