"""Several procscopes want to hold one process: workers of a service, profiles and the command line wait for each other."""
import concurrent.futures
import subprocess

from conftest import is_held, wait_until
from test_killed_worker import check, report_of, threads, wait_let_go
from test_streams import dump_begun, large  # noqa: F401: a fixture

PATIENT = ("--operation-timeout", "5m")  # half of that is waited for others


def all_of(*calls):
    """What each of them gives, all at the same time."""
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as executor:
        return [running.result() for running in [executor.submit(call) for call in calls]]


def test_stacks_for_many_at_once(serve, target):
    process = target("shapes", "threads", "100")
    service = serve(*PATIENT, "--workers", "8")
    answers = all_of(*[lambda: service.get(f"/api/processes/{process.pid}/stacks")] * 20)
    assert [answer.status for answer in answers] == [200] * 20, [answer.body[:300] for answer in answers if answer.status != 200]
    assert {answer.json()["thread_count"] for answer in answers} == {threads(process.pid)}


def test_profile_stacks_dump_and_command_line(serve, procscope, target):
    process = target("witness")
    before = threads(process.pid)
    service, other = serve(*PATIENT, "--workers", "4"), serve(*PATIENT)
    path = f"/api/processes/{process.pid}"

    def command(*arguments):
        return lambda: subprocess.run([procscope, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)

    def get(one, what):
        return lambda: one.get(f"{path}/{what}")

    for _ in range(3):
        done = all_of(get(service, "profile?mode=wall&seconds=2&format=folded"), get(other, "profile?mode=wall&seconds=2&format=folded"),
                      *[get(service, "stacks")] * 6, *[get(other, "stacks")] * 3,
                      get(service, "dump?dumpType=2"), get(other, "dump?dumpType=2&mode=stop"),
                      *[command("stack", str(process.pid))] * 3,
                      command("dump", str(process.pid), "-o", "-", "--mode", "stop", "-t", "2"))
        assert [one.status for one in done[:-4]] == [200] * 13, [one.body[:300] for one in done[:-4] if one.status != 200]
        assert [one.returncode for one in done[-4:]] == [0] * 4, [one.stderr for one in done[-4:]]
        assert all(one.body for one in done[:2])
    wait_let_go(process, before)
    check(report_of(process))


def test_one_that_is_held_for_long(serve, large):  # noqa: F811
    """Whose dump is read from the process itself by a client that takes nothing."""
    service = serve("--stall-timeout", "1h", "--min-rate", "0")
    short, long = serve("--operation-timeout", "8s"), serve(*PATIENT)
    path = f"/api/processes/{large.pid}/stacks"
    with dump_begun(service, large.pid, "dumpType=2&mode=stop") as connection:
        assert is_held(large.pid)
        refused = short.get(path)
        assert refused.status == 409 and "is held by procscope already" in refused.message, refused.body
        assert is_held(large.pid)
        with concurrent.futures.ThreadPoolExecutor(1) as executor:
            waiting = executor.submit(long.get, path)
            while connection.recv(1 << 20):
                pass
            assert waiting.result().status == 200
    wait_until(lambda: not is_held(large.pid), "being let go")
    assert short.get(path).status == 200
