# Threads in calls that are known: in a lock, a read and a sleep.
import os
import threading
import time


def known_lock():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def known_read():
    os.read(os.pipe()[0], 1)


def known_sleep(depth=5):
    if depth:
        known_sleep(depth - 1)
    else:
        time.sleep(3600)


for body in (known_lock, known_read, known_sleep):
    threading.Thread(target=body, name=body.__name__, daemon=True).start()
time.sleep(0.3)
print("ready", flush=True)
time.sleep(3600)
