"""Compressed dumps and what dumps are called: they open everywhere, and whoever goes away or is killed leaves nothing behind."""
import gzip
import http.client
import pathlib
import re
import shutil
import signal
import subprocess
import time
import urllib.parse

import pytest

from conftest import MODES, TARGETS, wait_until
from dump_files import SEVEN, dump, known  # noqa: F401  (fixtures)
from test_core_readers import commands, gdb, stopped
from test_dump_readers import run


# the file's name, its content type, and how somebody else reads it
COMPRESSIONS = {"gzip": (".gz", "application/gzip", ["gunzip", "-c"]),
                "zstd": (".zst", "application/zstd", ["zstd", "-dcq"])}


def same_memory(one, other, process):
    """Two cores of a process that is stopped: all but times and what the kernel counts."""
    found = []
    for path in one, other:
        text, _ = gdb(*commands("thread apply all bt", "thread apply all info registers", "info auxv",
                                "info proc mappings"), process, path)
        found.append(text)
    assert found[0] == found[1] and "Thread 1" in found[0]


@pytest.mark.parametrize("compress", COMPRESSIONS)
@pytest.mark.parametrize("kind", ["raw", "core"])
def test_compressed_over_http(service, known, compress, kind):
    ending, content_type, reader = COMPRESSIONS[compress]
    if not shutil.which(reader[0]):
        pytest.skip(f"no {reader[0]}")
    pid = known()["pid"]
    stopped(pid)
    path = f"/api/processes/{pid}/dump?dumpType=2&format={kind}"
    service.get(path)  # pages of files come in with the first read
    plain = service.get(path).body
    for level in ("", "&level=1", "&level=3"):
        answer = service.get(f"{path}&compress={compress}{level}")
        assert answer.status == 200, answer.body
        assert answer.headers["Content-Type"] == content_type
        assert "Content-Encoding" not in answer.headers and "Content-Length" not in answer.headers
        inner = "dmp" if kind == "raw" else "core"
        assert re.search(rf'filename="?known-\S+\.{inner}\{ending}"?$', answer.headers["Content-Disposition"])
        assert len(answer.body) < len(plain)
        content = run(*reader, input=answer.body).stdout
        assert len(content) == len(plain) and content[:4] == plain[:4]
        if compress == "gzip":
            assert gzip.decompress(answer.body) == content


@pytest.mark.parametrize("compress", COMPRESSIONS)
def test_what_is_compressed_is_the_core(known, dump, compress, tmp_path):
    facts = known("3")
    stopped(facts["pid"])
    arguments = ["--format", "core", "--type", "2"]  # held: one that is stopped has no snapshot
    plain = dump(facts["pid"], *arguments, name="plain.core")
    packed = dump(facts["pid"], *arguments, "--compress", compress, name="packed")
    _, _, reader = COMPRESSIONS[compress]
    if not shutil.which(reader[0]):
        pytest.skip(f"no {reader[0]}")
    content = tmp_path / "unpacked.core"
    with packed.open("rb") as source, content.open("wb") as out:
        subprocess.run(reader, stdin=source, stdout=out, check=True, timeout=120)
    same_memory(plain, content, TARGETS / "known")
    if SEVEN:
        packed = packed.rename(packed.with_suffix(COMPRESSIONS[compress][0]))
        if compress == "gzip":
            run(SEVEN, "t", packed)


def test_the_forms_make_names(procscope, known, tmp_path):
    pid = known()["pid"]
    for arguments in (["--compress", "gzip"], ["--compress", "zstd", "--format", "core"], ["--format", "zip"]):
        run(procscope, "dump", pid, "--output", tmp_path, *arguments)
    names = sorted(re.sub(r"-\d\d.*?(?=\.)", "", re.sub("^known-[^-]+", "known", path.name)) for path in tmp_path.iterdir())
    assert names == ["known.core.zst", "known.dmp.gz", "known.zip"]
    for arguments, says in ((["--compress", "gzip", "--format", "zip"], "compressed already"),
                            (["--compress", "gzip", "--level", "9"], "0 (fastest) to 3"),
                            (["--modules", "all"], "needs format=zip")):
        done = run(procscope, "dump", pid, "--output", tmp_path, *arguments, check=False)
        assert done.returncode == 2 and says in done.stderr.decode()


@pytest.mark.parametrize("arguments", ["format=zip", "format=zip&inner=core&modules=all", "compress=gzip", "compress=zstd"])
@pytest.mark.parametrize("mode", MODES)
def test_a_client_that_vanishes(service, sleeper, arguments, mode):
    """Midway through a full dump: no worker is left, nobody holds the target, and it runs."""
    process = sleeper("/usr/bin/python3", "-c", "import os, time\nkept = os.urandom(64 << 20)\n"
                      "print('ready', flush=True)\ntime.sleep(600)", stdout=subprocess.PIPE)
    size = 0
    for _ in range(5):
        url = urllib.parse.urlsplit(service.url)
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
        connection.request("GET", f"/api/processes/{process.pid}/dump?dumpType=2&mode={mode}&{arguments}")
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        size += len(answer.read(1000))
        answer.close()
        connection.close()

        def is_over():
            text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            return "TracerPid:\t0" in text and not workers_of_dumps(service.pid)

        wait_until(is_over, "the end of the dump")
    assert size > 0 and process.poll() is None


@pytest.mark.parametrize("arguments", [["--format", "zip"], ["--compress", "gzip"], ["--compress", "zstd"]])
@pytest.mark.parametrize("mode", MODES)
def test_killed_midway(procscope, sleeper, arguments, mode, tmp_path):
    """With all its threads, at any moment: the target runs on, and nothing is left of the file."""
    process = sleeper("/usr/bin/python3", "-c", "import os, time\nkept = os.urandom(64 << 20)\n"
                      "print('ready', flush=True)\ntime.sleep(600)", stdout=subprocess.PIPE)
    for number in range(12):
        command = [procscope, "dump", process.pid, "--type", "2", "--quiet", "--output", tmp_path / "file",
                   *arguments, *MODES[mode]]
        with subprocess.Popen([str(part) for part in command], stderr=subprocess.DEVNULL) as ours:
            time.sleep(number * 0.02)
            ours.kill()
        status = pathlib.Path(f"/proc/{process.pid}/status")
        wait_until(lambda: "TracerPid:\t0" in status.read_text() and "State:\tS" in status.read_text(), "it to run")
        if ours.returncode == -signal.SIGKILL:
            assert list(tmp_path.iterdir()) == []
        (tmp_path / "file").unlink(missing_ok=True)
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    assert children == "" and process.poll() is None


def workers_of_dumps(inspector):
    """Those that are kept for light operations have been asked nothing yet or sleep; a dump's has threads or a target."""
    found = []
    for name in pathlib.Path(f"/proc/{inspector}/task/{inspector}/children").read_text().split():
        status = pathlib.Path(f"/proc/{name}/status")
        if status.exists() and int(re.search(r"Threads:\s+(\d+)", status.read_text())[1]) > 1:
            if "procscope-work" in status.read_text():
                found.append(int(name))
    return found
