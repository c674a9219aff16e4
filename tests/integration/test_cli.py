"""The command line, here and against a service, on real processes."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import pytest

from cli import ENVIRONMENT, on_a_terminal, run, where  # noqa: F401  (fixtures)
from conftest import PROCSCOPE, ROOT, wait_until


def steady(value):
    """An answer without what changes from moment to moment and from place to place."""
    if isinstance(value, dict):
        return {name: steady(inner) for name, inner in value.items()
                if name not in {"time_stamp", "cpu", "state", "total_cpu_time", "user_cpu_time", "privileged_cpu_time",
                                "total_processor_time", "user_processor_time", "priviledged_processor_time"}}
    if isinstance(value, list):
        return [steady(inner) for inner in value]
    return re.sub(r"^http://[^/]*", "", value) if isinstance(value, str) else value


def test_here_and_there_give_the_same_json(service, sleeper):
    process = sleeper()
    base = json.loads(run("modules", process.pid, "--json"))[0]["base_address"]
    for arguments in (["show", process.pid], ["threads", process.pid], ["threads", process.pid, process.pid],
                      ["modules", process.pid], ["modules", process.pid, base], ["env", process.pid],
                      ["env", process.pid, "path"]):
        here = json.loads(run(*arguments, "--json"))
        there = json.loads(run("--url", service.url, *arguments, "--json"))
        assert steady(here) == steady(there), arguments
        assert here not in ({}, [])
        assert steady(here) == steady(service.json({
            "show": f"/api/processes/{process.pid}", "threads": f"/api/processes/{process.pid}/threads",
            "modules": f"/api/processes/{process.pid}/modules",
            "env": f"/api/processes/{process.pid}/environments/all"}[arguments[0]])) or len(arguments) > 2


def test_ps(where, sleeper):
    process = sleeper()
    lines = run(*where, "ps", "--all").splitlines()
    assert lines[0].split() == ["PID", "USER", "NAME"]
    mine = [line.split(None, 2) for line in lines[1:] if int(line.split()[0]) == process.pid]
    assert len(mine) == 1 and mine[0][2] == pathlib.Path(f"/proc/{process.pid}/comm").read_text().strip()
    assert not run(*where, "ps", "--no-header").startswith("PID")
    assert "\033" not in "".join(lines)
    assert str(process.pid) in [line.split()[0] for line in run(*where, "ps", "--mine").splitlines()]
    names = [line.split(None, 2)[2].lower() for line in lines[1:]]
    assert len(names) == len(lines) - 1


def test_show(where, sleeper):
    process = sleeper("/bin/sleep", "3600")
    sheet = dict(re.split(r"\s{2,}", line.strip(), 1) for line in run(*where, "show", process.pid).splitlines())
    assert sheet["pid"] == str(process.pid)
    assert sheet["name"] == "sleep" and sheet["parent"] == str(os.getpid())
    assert sheet["command line"] == "/bin/sleep 3600"
    assert sheet["threads"] == "1"
    out = run(*where, "show", process.pid, "--files")
    assert "/dev/null" in out


def test_threads(where, target):
    process = target("shapes", "threads", "5")
    lines = run(*where, "threads", process.pid, "--no-header").splitlines()
    assert {int(line.split()[0]) for line in lines} == set(map(int, os.listdir(f"/proc/{process.pid}/task")))
    long = [line.split(None, 7) for line in run(*where, "threads", process.pid, "--long", "--no-header").splitlines()]
    assert [row[0] for row in long] == [line.split()[0] for line in lines] and {len(row) for row in long} == {8}
    one = run(*where, "threads", process.pid, lines[1].split()[0])
    assert f"{lines[1].split()[0]}" in one and "state" in one
    run(*where, "threads", process.pid, os.getpid(), code=3)
    assert run.stderr.startswith("procscope: Thread with an Id of ")
    run(*where, "threads", process.pid, "x", code=2)


def test_modules(where, sleeper):
    process = sleeper("/bin/sleep", "3600")
    wait_until(lambda: "/libc.so" in pathlib.Path(f"/proc/{process.pid}/maps").read_text(), "its loader's end")
    lines = [line.split() for line in run(*where, "modules", process.pid, "--no-header").splitlines()]
    libc = next(line for line in lines if line[2].startswith("libc.so"))
    maps = pathlib.Path(f"/proc/{process.pid}/maps").read_text()
    assert re.search(rf"^{libc[0]}-.*libc\.so", maps, re.M)
    assert "/libc.so.6" in run(*where, "modules", process.pid, libc[0])
    run(*where, "modules", process.pid, "1", code=3)


def test_env(where, sleeper):
    process = sleeper("/bin/sleep", "3600", env={"PLAIN": "1", "Odd": "a\nb\033[31m", "OTHER": "x=y"})
    assert run(*where, "env", process.pid) == "PLAIN=1\nOdd=a\\nb\\e[31m\nOTHER=x=y\n"
    assert run(*where, "env", process.pid, "o") == "Odd=a\\nb\\e[31m\nOTHER=x=y\n"
    assert json.loads(run(*where, "env", process.pid, "--json"))["Odd"] == "a\nb\033[31m"


def test_kill(where, sleeper):
    process = sleeper("/bin/sh", "-c", "sleep 3600 & sleep 3600 & wait")
    tree = wait_until(lambda: (pids := subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True,
                                                      check=False).stdout.split()) and len(pids) == 2 and pids, "children")
    out = run(*where, "kill", process.pid, "--dry-run")
    assert out.startswith("Would end 3 processes:") and set(out.split(":")[1].split()) == {*tree, str(process.pid)}
    assert process.poll() is None
    out = run(*where, "kill", process.pid, "--grace", "5s")
    assert out.startswith("Ended 3 processes:")
    assert process.wait(10) in (-signal.SIGTERM, 0)  # 0: it saw its children go first
    run(*where, "kill", process.pid, code=3)
    assert run.stderr == f"procscope: Process with an Id of {process.pid} is not running.\n"
    run(*where, "kill", 1, code=2)
    run(*where, "kill", process.pid, "--signal", "NONSENSE", code=2)


def test_kill_with_a_signal(sleeper):
    process = sleeper("/bin/sleep", "3600")
    run("kill", process.pid, "-s", "USR1")
    assert process.wait(10) == -signal.SIGUSR1


def test_names_instead_of_ids(where, tmp_path, sleeper):
    program = tmp_path / "just-one"
    shutil.copy("/bin/sleep", program)
    process = sleeper(str(program), "3600")
    wait_until(lambda: "just-one" in run("ps", "--all"), "its name")
    assert json.loads(run(*where, "show", "just-one", "--json"))["id"] == process.pid
    second = sleeper(str(program), "3600")
    wait_until(lambda: run("ps", "--all").count("just-one") == 2, "the second")
    run(*where, "show", "just-one", code=2)
    assert str(process.pid) in run.stderr and str(second.pid) in run.stderr
    assert "2 processes are named 'just-one'" in run.stderr
    run(*where, "show", "no-such-name", code=3)


def test_special_ids(service, sleeper):
    process = sleeper("/bin/sleep", "3600")
    assert json.loads(run("--url", service.url, "show", "self", "--json"))["name"] == "procscope"
    assert json.loads(run("--url", service.url, "show", "0", "--json"))["name"] == "procscope"
    assert json.loads(run("show", "-1", "--main-pid", process.pid, "--json"))["id"] == process.pid
    assert json.loads(run("show", "main", "--main-pid", process.pid, "--json"))["id"] == process.pid
    run("kill", "0", code=2)
    run("stack", "0", code=2)
    assert "this procscope itself" in run.stderr


def test_kill_0_ends_the_service(serve):
    one = serve()
    run("--url", one.url, "kill", "0")
    assert one.process.wait(30) == 0


def test_unreachable():
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    run("--url", f"http://127.0.0.1:{port}", "ps", code=6)
    assert "can't be reached" in run.stderr
    run("--url", "unix:/no/such/socket", "ps", code=6)
    for url in ("nonsense", "ftp://127.0.0.1/"):
        run("--url", url, "ps", code=2)


def test_usage():
    assert "Examples:" in run("--help")
    assert re.fullmatch(r"procscope \d+\.\d+\.\d+\n", run("--version"))
    run(code=2)
    run("nonsense", code=2)
    for verb in ("ps", "show", "threads", "modules", "env", "kill", "dump", "doctor"):
        explained = run(verb, "--help")
        assert explained.startswith(f"Usage: procscope {verb}") and explained.count("procscope ") >= 3
        assert explained == run("help", verb)
        run(verb, "--no-such-option", code=2)
        assert max(map(len, explained.splitlines())) <= 100
    assert run("serve", "--help") == run("help", "serve")
    for pid in ("", "-5", "99999999999999999999"):
        run("show", pid, code=2)
    run("show", 4194305, code=3)
    run("ps", "--color", "sometimes", code=2)


def test_a_full_disk_is_no_success():
    with open("/dev/full", "wb") as full:
        done = subprocess.run([PROCSCOPE, "ps", "--all"], stdout=full, stderr=subprocess.PIPE, check=False, env=ENVIRONMENT)
    assert done.returncode == 1 and b"No space left" in done.stderr


def test_closed_descriptors_are_not_taken_for_files(sleeper, tmp_path):
    """Started with 0, 1 and 2 closed, as some daemons start what they need."""
    target, out = sleeper(), tmp_path / "dump"
    done = subprocess.run(["sh", "-c", f"exec {PROCSCOPE} dump {target.pid} -o {out} <&- >&- 2>&-"], check=False)
    assert done.returncode == 0
    assert out.read_bytes()[:4] == b"MDMP"
    assert subprocess.run(["sh", "-c", f"exec {PROCSCOPE} ps >&- 2>&-"], check=False).returncode == 1
    urls = tmp_path / "urls"
    service = subprocess.Popen(["sh", "-c", f"exec {PROCSCOPE} serve --listen 127.0.0.1:0 --url-file {urls} <&- >&- 2>&-"])
    try:
        wait_until(lambda: urls.exists() and urls.read_text(), "the service listens")
        for process in (service.pid, *map(int, pathlib.Path(f"/proc/{service.pid}/task/{service.pid}/children")
                                          .read_text().split())):
            assert {os.readlink(f"/proc/{process}/fd/{number}") for number in (0, 1, 2)} == {"/dev/null"}
    finally:
        service.terminate()
        assert service.wait(60) == 0


def test_hostile_names(where, sleeper, tmp_path):
    program = tmp_path / "x"
    shutil.copy("/bin/sleep", program)
    hostile = os.fsencode(tmp_path) + b"/a\x1b[31m\n) R (\xff"
    os.rename(program, hostile)
    process = sleeper(hostile, "3600")
    wait_until(lambda: b"[31m" in pathlib.Path(f"/proc/{process.pid}/comm").read_bytes(), "its name")
    for arguments in (["ps", "--all"], ["show", process.pid], ["modules", process.pid], ["threads", process.pid]):
        out = run(*where, *arguments)
        assert "\033" not in out and "\\e[31m\\n) R (\ufffd" in out, out
    code, seen = on_a_terminal(*where, "show", process.pid, "--json")
    assert code == 0 and b"\033" not in seen and b"\\u001b[31m" in seen.lower()


def test_colour_and_width_on_a_terminal(sleeper):
    process = sleeper()
    code, seen = on_a_terminal("ps", "--all", columns=30)
    assert code == 0 and b"\033[1mNAME" in seen
    for line in seen.decode().replace("\r", "").splitlines():
        assert len(re.sub(r"\033\[\d*m", "", line)) <= 30
    for arguments, environment in ((["--color", "never"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"})):
        code, seen = on_a_terminal("ps", *arguments, environment=environment)
        assert code == 0 and b"\033" not in seen
    assert "\033[1m" in run("ps", "--color", "always")
    _, seen = on_a_terminal("show", process.pid, "--json")
    assert seen.startswith(b"{\r\n  \"id\"") and json.loads(seen)["id"] == process.pid
    assert run("show", process.pid, "--json").count("\n") == 1


def test_doctor(where, sleeper):
    process = sleeper()
    out = run(*where, "doctor", process.pid)
    assert re.search(r"^ +dump +yes", out, re.M)
    answer = json.loads(run(*where, "doctor", process.pid, "--json"))
    assert answer["process"]["id"] == process.pid and all(one["allowed"] for one in answer["checks"])
    run(*where, "doctor", 4194305, code=3)
    run(*where, "doctor", 1, code=4)  # process 1 is never ended, whoever asks


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_an_ordinary_user_is_told_why(sleeper, tmp_path):
    process = sleeper()
    program = tmp_path / "procscope"
    shutil.copy(PROCSCOPE, program)
    folder = tmp_path
    while folder != pathlib.Path("/tmp") and folder != folder.parent:  # pytest's folders are root's alone
        os.chmod(folder, 0o755)
        folder = folder.parent

    def as_nobody(*arguments, code):
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all",
                               "--bounding-set=-all", program, *map(str, arguments)], capture_output=True, text=True,
                              cwd="/tmp", env=ENVIRONMENT, check=False)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done.stdout, done.stderr

    assert str(process.pid) in as_nobody("ps", "--all", code=0)[0]
    assert str(process.pid) not in as_nobody("ps", code=0)[0].split()
    assert "unknown" in as_nobody("show", process.pid, code=0)[0]
    for verb in (["dump", process.pid, "-o", "-"], ["env", process.pid], ["kill", process.pid]):
        _, words = as_nobody(*verb, code=4)
        assert words.startswith("procscope: ") and words.count("\n") == 1 and len(words) > 40, words
    out, _ = as_nobody("doctor", process.pid, code=4)
    assert re.search(r"^ +dump +no +\S", out, re.M) and "mend" in out
    assert process.poll() is None


def test_without_an_http_library_the_service_stays_light():
    needed = subprocess.run(["readelf", "-d", PROCSCOPE], capture_output=True, text=True, check=False).stdout
    assert needed and "libcurl" not in needed


def completed(*words):
    """What bash offers for the last word."""
    script = f"""source {ROOT}/completions/procscope.bash
        COMP_WORDS=({' '.join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
        compopt() {{ :; }}; _procscope; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True,
                          env={**ENVIRONMENT, "PATH": f"{PROCSCOPE.parent}:{os.environ['PATH']}"})
    assert done.stderr == ""
    return done.stdout.split()


def test_completion_in_bash(service, sleeper):
    process = sleeper("/bin/sleep", "3600")
    assert completed("procscope", "th") == ["threads"]
    assert completed("procscope", "dump", "--fo") == ["--format", "--force"]
    assert str(process.pid) in completed("procscope", "show", str(process.pid)[:2])
    assert "sleep" in completed("procscope", "show", "sle")
    url = re.split("(:)", service.url)  # as bash takes it apart
    assert str(process.pid) in completed("procscope", "--url", *url, "dump", str(process.pid)[:2])
    assert completed("procscope", "dump", "--color", "al") == ["always"]
    for verb in ("ps", "show", "threads", "modules", "env", "kill", "dump", "doctor"):
        assert "--json" in completed("procscope", verb, "--")


def test_the_man_page_is_clean_and_names_every_option():
    page = ROOT / "docs" / "procscope.1"
    if shutil.which("mandoc"):
        lint = subprocess.run(["mandoc", "-Tlint", "-Wwarning", page], capture_output=True, text=True, check=False)
        assert lint.returncode == 0, lint.stdout
    text = page.read_text()
    for verb in ("ps", "show", "threads", "modules", "env", "kill", "dump", "doctor"):
        assert f".It Cm {verb}" in text
        for option in re.findall(r"^ {2,6}(?:-\w, )?--([a-z-]+)", run(verb, "--help"), re.M):
            assert re.search(rf"Fl (\w , )?-?-?{option}\b|, -{option}\b", text), option
