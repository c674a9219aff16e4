"""The command line as a person or a script runs it."""
import os
import subprocess
import pty
import fcntl
import struct
import termios

import pytest

from conftest import PROCSCOPE

ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS"}}


def run(*arguments, code=0, text=True, **options):
    """Runs procscope; returns stdout. The exit code has to be `code`."""
    options.setdefault("env", ENVIRONMENT)
    done = subprocess.run([PROCSCOPE, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=text,
                          timeout=120, check=False, **options)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    run.stderr = done.stderr
    return done.stdout


def on_a_terminal(*arguments, columns=100, stdout_too=True, environment=None, **options):
    """Runs it with a terminal as stdout and stderr; returns (exit code, all bytes that came)."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    env = {**ENVIRONMENT, "TERM": "xterm", **(environment or {})}
    process = subprocess.Popen([PROCSCOPE, *map(str, arguments)], stdin=theirs, stdout=theirs if stdout_too else
                               subprocess.DEVNULL, stderr=theirs, env=env, **options)
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # EIO: the last one closed it
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    return process.wait(60), seen


@pytest.fixture(params=["here", "http", "unix"])
def where(request, serve, tmp_path_factory):
    """The options that say whom to ask: nobody, or a service."""
    if request.param == "here":
        return []
    listen = "127.0.0.1:0" if request.param == "http" else f"unix:{tmp_path_factory.mktemp('socket')}/s"
    return ["--url", serve(listen=(listen,)).url]
