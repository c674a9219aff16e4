"""The program that knows what is in it, dumps of it, and zips checked and unpacked."""
import hashlib
import json
import os
import shutil
import stat
import zipfile

import pytest

from conftest import TARGETS
from test_dump_readers import run, settled

SEVEN = shutil.which("7zz") or shutil.which("7z")
UNPACK = {
    "unzip": ["unzip", "-q"],
    "7z": [SEVEN, "x", "-bd"],
    "bsdtar": ["bsdtar", "-x", "-f"],
    "python": ["/usr/bin/python3", "-m", "zipfile", "-e"],
}


@pytest.fixture
def known(target):
    """known(program=...) starts the target, from a copy where a program is given."""

    def start(*arguments, program=None):
        if program:
            program.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TARGETS / "known", program)
        process = target(program or "known", *arguments)
        settled(process.pid)
        facts = json.loads(process.first_line)
        facts["process"] = process
        return facts

    return start


@pytest.fixture
def dump(procscope, tmp_path):
    def write(pid, *arguments, name="dump", **options):
        path = tmp_path / name
        run(procscope, "dump", pid, "--force", "--output", path, *arguments, **options)
        return path

    return write


def manifest_of(archive):
    with zipfile.ZipFile(archive) as opened:
        assert opened.namelist()[-1] == "manifest.json"
        return json.loads(opened.read("manifest.json"))


def check_zip(archive):
    """Every entry is whole, is what the manifest says, and stays below where it is unpacked. Returns the manifest."""
    manifest = manifest_of(archive)
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        names = opened.namelist()
        assert len(set(names)) == len(names)
        assert [file["name"] for file in manifest["files"]] + ["manifest.json"] == names
        for info in opened.infolist():
            parts = info.filename.split("/")
            assert not {"", ".", ".."} & set(parts) and "\\" not in info.filename, info.filename
            assert info.filename.isprintable() and info.flag_bits & 0x800
        for file in manifest["files"]:
            content = opened.read(file["name"])
            if "linkTo" in file:
                assert stat.S_ISLNK(opened.getinfo(file["name"]).external_attr >> 16)
                assert os.path.normpath(os.path.dirname(file["name"]) + "/" + content.decode()) == file["linkTo"]
                assert b".." not in content
            else:
                assert (len(content), hashlib.sha256(content).hexdigest()) == (file["size"], file["sha256"])
    return manifest


def unpack(archive, folder, how="unzip"):
    folder.mkdir()
    command = list(UNPACK[how])
    if how == "python":
        run(*command, archive, folder)
    else:
        run(*command, archive, cwd=folder)
    return folder
