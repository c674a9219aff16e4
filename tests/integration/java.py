"""A Java virtual machine with known threads, and what is asked about it until it was not too busy to tell."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

from conftest import ROOT, wait_until
from test_dump_readers import run

SOURCES = ROOT / "tests" / "targets" / "languages"
OTHER = 65534  # a user that is no one's here


@pytest.fixture(scope="module")
def places():
    """The folder with the compiled class; not in /tmp, which some virtual machines here have of their own."""
    if not shutil.which("javac"):
        pytest.skip("no javac")
    folder = tempfile.mkdtemp(dir="/var/tmp", prefix="places-")
    run("javac", "-d", folder, SOURCES / "Places.java")
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def jvm(sleeper, places, tmp_path):
    """jvm(options) starts it; output(process) is what it has said since."""
    made = []

    def start(*options, before=(), arguments=()):
        process = sleeper(*before, "java", "-Xmx64m", "-XX:+UseSerialGC", *options, "-cp", places, "Places", *arguments,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert process.first_line == "ready"
        made.append(process)
        return process

    yield start
    for process in made:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"/tmp/.java_pid{process.pid}")


def output(process):
    """What it has written since it was ready."""
    os.set_blocking(process.stdout.fileno(), False)
    return (process.stdout.read() or b"").decode()


BUSY = 5  # exit code: another holds it
TOOK_TOO_LONG = 8  # exit code, where 504 is the status: on a busy machine a thread may not come to a stop in time


def patiently(question, late):
    return wait_until(lambda: (answer := question()) and not late(answer) and answer, "an answer in time", within=120)


def show(procscope, *arguments):
    done = patiently(lambda: run(procscope, "stack", *arguments, check=False), lambda done: done.returncode == TOOK_TOO_LONG)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def ask(procscope, pid, *arguments):
    return json.loads(show(procscope, pid, "--json", *arguments))


def fetch(service, path):
    answer = patiently(lambda: service.get(f"/api/processes/{path}"), lambda answer: answer.status == 504)
    assert answer.status == 200, (answer.status, answer.body)
    return answer.json()


def until_told(question):
    """The answer to a question (a function) once it has Java's frames: on a busy machine it may give up first."""
    def answer():
        document = question()
        return "error" not in document["runtime"] and document

    return wait_until(answer, "Java's frames", within=120)


def ask_until_told(procscope, pid, *arguments):
    return until_told(lambda: ask(procscope, pid, *arguments))


def until_it_says(words, question):
    """The same for an error. One that time ran out may come before it."""
    def answer():
        document = question()
        return re.search(words, document["runtime"]["error"]) and document

    return wait_until(answer, words, within=120)


def by_name(document):
    return {thread["java"]["name"]: thread for thread in document["threads"] if "java" in thread}


def attach_file(pid):
    return pathlib.Path(f"/tmp/.attach_pid{pid}")
