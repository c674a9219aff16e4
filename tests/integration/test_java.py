"""Java's frames beside the native ones: the same that the JDK's own tools tell, and a reason where there are none."""
import os
import pathlib
import re
import shutil
import signal

import jsonschema
import pytest

from conftest import wait_until
from java import OTHER, ask, ask_until_told, attach_file, by_name, fetch, jvm, output, places, show, until_it_says, until_told  # noqa: F401  (fixtures)
from test_dump_readers import needs, run

pytestmark = needs("java")


def written(thread):
    """The frames as HotSpot writes them; addresses are left out, since objects move."""
    lines = []
    for frame in thread["java"]["frames"]:
        place = "Native Method" if frame.get("native") else frame.get("file", "Unknown Source")
        place += f":{frame['line']}" if "line" in frame else ""
        module = frame["module"] + "/" if "module" in frame else ""
        lines.append(f"at {frame['class']}.{frame['method']}({module}{place})")
        lines += [f"- {lock['kind']} (a {lock['class']})" for lock in frame.get("locks", [])]
    return lines


def told_by_jcmd(pid):
    """name -> (nid, state, lines)"""
    text = run("jcmd", pid, "Thread.print").stdout.decode()
    threads = {}
    for block in re.split(r"\n\n", text.split("JNI global ref")[0]):
        found = re.match(r'"(.*)" (?:#\d+ )?.*nid=(\w+) ', block)
        if found:
            state = re.search(r"java.lang.Thread.State: (.*)", block)
            lines = [re.sub(r" +<0x\w+>", "", line.strip()) for line in block.splitlines() if re.match(r"\t(at|-) ", line)]
            threads[found.group(1)] = int(found.group(2), 0), state and state.group(1), lines
    return threads


def test_frames_are_those_that_the_jdk_tells(procscope, jvm):
    process = jvm(arguments=["more"])
    document = ask_until_told(procscope, process.pid)
    told = told_by_jcmd(process.pid)
    threads = by_name(document)
    ours = {name for name in told if name.startswith("p")}
    assert len(ours) == 17 and ours <= set(threads)
    for name in ours | {"main", "Finalizer", "Signal Dispatcher"}:
        thread, (nid, state, lines) = threads[name], told[name]
        java = thread["java"]
        assert thread["id"] == nid
        assert state == java["state"] + (f" ({java['state_reason']})" if "state_reason" in java else "")
        assert written(thread) == lines
        assert thread["frames"] and (not name.startswith("p-") or thread["name"] == name)
        assert java.get("daemon", False) == (name != "main")
    assert threads["VM Thread"]["java"].keys() <= {"name", "frames"}
    assert len(threads["p-sleep"]["java"]["frames"]) > 40
    runtime = document["runtime"]
    assert runtime["kind"] == "java" and "VM" in runtime["name"] and runtime["deadlocks"] == 1
    assert runtime["version"].split("+")[0] in run("java", "-version").stderr.decode()
    # who blocks whom
    wanted = [lock for frame in threads["p-blocked"]["java"]["frames"] for lock in frame.get("locks", [])]
    held = [lock for frame in threads["p-own"]["java"]["frames"] for lock in frame.get("locks", [])]
    assert [lock["kind"] for lock in wanted] == ["waiting to lock"] and held == [{**wanted[0], "kind": "locked"}]
    assert not attach_file(process.pid).exists() and output(process) == ""


def test_text_and_groups(procscope, service, jvm):
    process = jvm()
    ask_until_told(procscope, process.pid)
    text = wait_until(lambda: (text := show(procscope, process.pid)).count("p-own") > 1 and text, "text")
    assert re.search(r'^  Java "p-own" #\d+ daemon TIMED_WAITING \(sleeping\)\n    at java\.lang\.Thread\.sleep', text, re.M)
    assert re.search(r"^    at Places\.own\(Places\.java:\d+\)\n    - locked <0x[0-9a-f]+> \(a java\.lang\.Object\)\n", text, re.M)
    assert "asked a moment later" in text.splitlines()[1]

    document = until_told(lambda: fetch(service, f"{process.pid}/stacks?group=true"))
    groups = {thread["java"]["name"]: group for group in document["groups"] for thread in group["threads"] if "java" in thread}
    pool = groups["p-pool-0"]
    parked = pool["java"]["frames"][0]["locks"]
    # each on an object of its own; where they are interpreted or compiled, native frames may differ
    assert all(groups[f"p-pool-{i}"]["java"] == pool["java"] for i in range(5))
    assert parked == [{"kind": "parking to wait for", "class": "java.lang.Object"}] or pool["count"] == 1
    assert groups["p-park"] is not groups["p-parkfor"] and groups["p-park"] is not pool
    assert "frames" not in pool["threads"][0]["java"]
    one = next(thread["id"] for thread in groups["p-wait"]["threads"])
    alone = until_told(lambda: fetch(service, f"{process.pid}/threads/{one}/stack"))
    assert alone["java"]["name"] == "p-wait" and alone["runtime"]["kind"] == "java" and "other_threads" not in alone["runtime"]


def test_answers_are_as_described(service, jvm):
    schemas = service.json("/openapi.json")["components"]

    def check(schema, document):
        jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": schemas}).validate(document)

    process = jvm(arguments=["more"])
    for query in ("", "?group=true"):
        document = until_told(lambda query=query: fetch(service, f"{process.pid}/stacks{query}"))
        check("Stacks", document)
        assert document["runtime"]["deadlocks"] == 1
    blocked = next(thread for group in document["groups"] for thread in group["threads"]
                   if thread.get("java", {}).get("name") == "p-blocked")
    check("Stack", until_told(lambda: fetch(service, f"{process.pid}/threads/{blocked['id']}/stack")))


def test_not_asked(procscope, service, jvm):
    process = jvm()
    for document in (ask(procscope, process.pid, "--no-runtime"),
                     fetch(service, f"{process.pid}/stacks?runtime=false")):
        assert "runtime" not in document and not any("java" in thread for thread in document["threads"])
        assert "Attach Listener" not in {thread["name"] for thread in document["threads"]}
    assert not os.path.exists(f"/tmp/.java_pid{process.pid}")


def test_one_that_does_not_catch_the_signal_listens_by_itself(procscope, jvm):
    process = jvm("-Xrs")
    assert "p-park" in by_name(ask_until_told(procscope, process.pid))
    assert process.poll() is None


@pytest.mark.parametrize("more", [(), ("-XX:-UsePerfData",)])
def test_switched_off(procscope, jvm, more):
    process = jvm("-XX:+DisableAttachMechanism", *more)
    document = until_it_says("DisableAttachMechanism", lambda: ask(procscope, process.pid))
    assert document["thread_count"] > 10 and not attach_file(process.pid).exists()
    show(procscope, process.pid)
    assert output(process) == "" and process.poll() is None


def test_stopped(procscope, jvm):
    process = jvm()
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: "\nState:\tT" in pathlib.Path(f"/proc/{process.pid}/status").read_text(), "being stopped")
    document = until_it_says("is stopped", lambda: ask(procscope, process.pid))
    assert document["threads"][0]["frames"]
    process.send_signal(signal.SIGCONT)
    assert "p-park" in by_name(ask_until_told(procscope, process.pid))
    assert output(process) == ""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="not root, or no setpriv")
def test_of_another_user(procscope, service, jvm):
    """As root, on the command line and by a worker of the service; and not as yet another."""
    user = ["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups"]
    for by_service in (False, True):
        process = jvm(before=user)
        if by_service:
            until_told(lambda: fetch(service, f"{process.pid}/stacks"))
        else:
            ask_until_told(procscope, process.pid)
        facts = os.stat(f"/tmp/.java_pid{process.pid}")
        assert facts.st_uid == facts.st_gid == OTHER and not attach_file(process.pid).exists()
        assert output(process) == ""
