"""Writes the frames of every thread as JSON: {thread id: [[pc, function or null, inlined], ...]}. Runs inside gdb, whose words for a
frame differ between a process and a core where its addresses do not:

    ANSWER=file gdb -batch -x gdb_frames.py PROGRAM CORE

With ONLY_REAL=1 without those that stand on no stack: inlined functions, and callers that were left by a jump.
"""
import json
import os

import gdb

FRAMES_MAX = 200
NOT_REAL = {gdb.INLINE_FRAME, gdb.TAILCALL_FRAME} if os.environ.get("ONLY_REAL") else set()
if os.environ.get("WITHOUT_TAIL_CALLS"):  # what jumped to its last call has left the stack: gdb makes up a frame for it
    NOT_REAL = {gdb.TAILCALL_FRAME}


def frames():
    found, frame = [], gdb.newest_frame()
    while frame is not None and len(found) < FRAMES_MAX:
        if frame.type() not in NOT_REAL:
            found.append([frame.pc(), frame.name(), frame.type() == gdb.INLINE_FRAME])
        try:
            frame = frame.older()
        except gdb.error as error:  # a stack that goes nowhere: to be so for both
            found.append([0, str(error), False])
            break
    return found


answer = {}
for thread in gdb.selected_inferior().threads():
    thread.switch()
    answer[thread.ptid[1]] = frames()
with open(os.environ["ANSWER"], "w", encoding="utf-8") as out:
    json.dump(answer, out)
