/* The files of TLS on their way to the front, which may open none: the inspector opens them, at the start and
 * whenever they are to be read again, and sends the descriptors over the front's channel. So the private key
 * is in the memory of the front alone. */
#pragma once

#include "base/buffer.h"
#include "service/config.h"

/* Sends nothing and returns 0 where no certificate is configured. */
int front_files_send(const struct config *config, int channel, struct error *error) _must_check_;

struct front_files {
    struct buffer certificate, key, client_ca; /* the last one empty: clients are not asked */
};
void front_files_release(struct front_files *files); /* and clears the key */
#define _cleanup_front_files_ _cleanup_(front_files_release)

/* 0: files are there; -EAGAIN: there are none just now, where the channel does not block; -EPIPE: the
 * inspector is gone. */
int front_files_receive(int channel, struct front_files *ret_files, struct error *error) _must_check_;
