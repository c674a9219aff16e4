/* What goes into a dump as /proc and the target's own system say it. Private to live.c. */
#pragma once

#include "capture/capture.h"

/* Fills the capture's texts. memory_of: a thread that has the process's memory (living.h). */
void texts_read(const struct procfs *procfs, const struct pidref *process, const struct pidref *memory_of,
                struct capture *capture);
