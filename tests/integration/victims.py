"""Who of us is killed, while we ask a runtime for its heap: by a command, or by a worker of the service."""
import contextlib
import os
import pathlib
import signal
import subprocess
import threading
import time


def children(pid):
    with contextlib.suppress(OSError):
        return [int(child) for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]
    return []


def comm(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def kill_command(command, victim, guard, moment):
    """Runs it and kills a moment later: the "command", its "guard" (the name that it has), "both", or sends Ctrl-C to all that are on its
    "terminal". Returns whether it was there still."""
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True) as asking:
        drain = threading.Thread(target=asking.stdout.read)
        drain.start()
        time.sleep(moment)
        in_time = asking.poll() is None
        guards = [child for child in children(asking.pid) if comm(child) == guard]
        if victim == "terminal":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(asking.pid, signal.SIGINT)
        else:
            for pid in {"command": [asking.pid], "guard": guards, "both": [*guards, asking.pid]}[victim]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        code = asking.wait()
        drain.join()
        assert victim != "terminal" or code in ((-signal.SIGINT, 0) if in_time else (0, 8, 9)), code
    return in_time


def kill_worker(service, ask, is_asked, moment):
    """Asks the service, and kills the worker that does it a moment after is_asked(). Returns whether there was one in time."""
    def attempt():
        with contextlib.suppress(Exception):  # a cut answer
            ask()

    asking = threading.Thread(target=attempt)
    asking.start()
    hit = False
    while asking.is_alive() and not hit:
        # the heavy worker is the youngest
        workers = [pid for pid in children(service.pid) if comm(pid) == "procscope-work"]
        if workers and is_asked():
            time.sleep(moment)
            with contextlib.suppress(ProcessLookupError):
                os.kill(max(workers), signal.SIGKILL)
            hit = True
    asking.join()
    return hit
