/* Datagrams with a few descriptors each over a SOCK_SEQPACKET socketpair: front to inspector and back,
 * inspector to worker. */
#pragma once

#include "base/cleanup.h"

#include <sys/types.h>

enum { CHANNEL_DESCRIPTORS_MAX = 3 }; /* of one datagram */

/* Both ends close on exec; ends[0] and ends[1] don't block where nonblocking says so. */
int channel_pair(int flags, int ret_ends[2]) _must_check_;

/* Sends one datagram; fd -1: none goes along. fd stays the caller's. -EAGAIN when the other side does not
 * keep up, -EPIPE when it is gone. */
int channel_send(int channel, const void *bytes, size_t size, int fd) _must_check_;
/* The same with `count` descriptors, none of them negative. */
int channel_send_several(int channel, const void *bytes, size_t size, const int *fds,
                         size_t count) _must_check_;

/* Receives one datagram of up to size bytes. Returns its size, 0 at the end, -EAGAIN, -EBADMSG for one that
 * is larger or carries more than one descriptor (which are closed). *ret_fd is -1 where none came along. */
ssize_t channel_receive(int channel, void *bytes, size_t size, int *ret_fd) _must_check_;
/* The same with up to `most` descriptors; those of fds that did not come are -1. */
ssize_t channel_receive_several(int channel, void *bytes, size_t size, int *fds, size_t most) _must_check_;
