/* The threads of a capture that is made without a stop, for those who only want to know how large a dump
 * would be. Used within src/capture only. */
#pragma once

#include "capture/capture.h"
#include "capture/process.h"

/* Fills capture->threads out of what /proc says of those in list that live: their ids, and of each that
 * sleeps its stack pointer and program counter, all other registers being 0. A thread that runs just now has
 * none of them, and so no stack. Then chooses the stacks, which need capture->maps. With extended, each gets
 * zeros in the place of its extended registers. -ESRCH: none lives; -ENOMEM. */
int unheld_threads(struct capture *capture, int task_fd, const struct thread_list *list,
                   bool extended) _must_check_;
