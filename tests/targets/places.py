"""Threads that stand still in known places of Python. The first line of output is JSON: of each thread, by its native id,
the functions that it is in as the interpreter itself sees them, innermost first: [qualified name, file, line]."""
import asyncio
import ctypes
import functools
import json
import signal
import sys
import threading
import time

never = threading.Lock()
never.acquire()


def stand():
    never.acquire()


class Größe:
    def method(self):
        return [self.__call__(item) for item in (1,)]

    def __call__(self, item):
        return self.static(item)

    @staticmethod
    def static(item):
        return (lambda: stand())()

    @classmethod
    def made(cls):
        return cls().method()

    def __del__(self):
        stand()


def recursion(depth):
    if depth == 0:
        return stand()
    return recursion(depth - 1)


def recursion_through_c(depth):
    if depth == 0:
        return stand()
    return max([depth], key=lambda _: recursion_through_c(depth - 1))


def generator():
    yield 1
    yield from inner_generator()


def inner_generator():
    stand()
    yield 2


def generators():
    return sum(generator())


def sorting():
    sorted([3, 1], key=functools.cmp_to_key(lambda a, b: stand() or 0))


def executed():
    exec(compile("def náměstí(x):\n    # a line\n    return (\n        stand(),\n        x)\n\nnáměstí(1)\n", "dir/ß€𝄞 file.py", "exec"),
         {"stand": stand})


def 日本():
    def 内側():
        stand()
    内側()


async def coroutine():
    await asyncio.sleep(0)
    await inner_coroutine()


async def inner_coroutine():
    stand()


def foreign():
    """Python, C, Python, C: through a function of another library that calls back."""
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    array = (ctypes.c_int * 2)(2, 1)
    ctypes.CDLL(None).qsort(array, 2, ctypes.sizeof(ctypes.c_int), kind(lambda a, b: stand() or 0))


def finalizer():
    thing = Größe()
    del thing


def raising():
    try:
        raise ValueError
    except ValueError:
        with Manager():
            pass


class Manager:
    def __enter__(self):
        return self.things

    def __exit__(self, *_):
        pass

    @property
    def things(self):
        stand()


undecodable = compile("def f():\n\n  stand()\n", b"raw\xff.py".decode(errors="surrogateescape"), "exec")
exec(undecodable)
long_one = compile("def " + "x" * 9000 + "():\n" + "  1\n" * 3000 + "  stand()\n", "long.py", "exec")
exec(long_one)

targets = [Größe.made, lambda: recursion(900), lambda: recursion_through_c(40), generators, sorting, executed, 日本,
           lambda: asyncio.run(coroutine()), foreign, finalizer, raising, f, globals()["x" * 9000]]  # noqa: F821
threads = [threading.Thread(target=target, daemon=True) for target in targets]
for thread in threads:
    thread.start()

def seen(frame):
    while frame:
        yield [frame.f_code.co_qualname, frame.f_code.co_filename, frame.f_lineno]
        frame = frame.f_back


def all_stand():
    frames = sys._current_frames()
    return all(thread.ident in frames and frames[thread.ident].f_code is stand.__code__ for thread in threads)


while not all_stand():
    time.sleep(0.01)
frames = sys._current_frames()
print(json.dumps({thread.native_id: list(seen(frames[thread.ident])) for thread in threads}), flush=True)
signal.pause()
