/* The sockets that the service listens on. They are opened before privileges are dropped; whoever serves them
 * needs only the descriptors. */
#pragma once

#include "base/error.h"

#include <stdbool.h>

enum { LISTENERS_MAX = 16, LISTENER_URL_SIZE = 160 };

struct listener {
    int fd;
    bool loopback;               /* TCP that only this machine can reach */
    bool tls;                    /* HTTPS is spoken there; whoever serves it sets this up */
    bool is_unix;                /* reached through the file system and its permissions */
    char url[LISTENER_URL_SIZE]; /* http://127.0.0.1:7420 or unix:/run/procscope.sock */
    char *path;                  /* socket file that is ours to remove; NULL: none. Owned */
};

struct listeners {
    struct listener items[LISTENERS_MAX];
    size_t count;
    bool for_all_users; /* socket files that are made from now on: not for owner and group alone */
};

/* Closes all. Socket files stay: listeners_remove_files. */
void listeners_release(struct listeners *listeners);

/* Opens ADDR:PORT, [ADDR6]:PORT (port 0: any free one) or unix:PATH and adds it. A socket file left behind by
 * a service that is gone is replaced; anything else at PATH is left alone and is an error. */
int listeners_add(struct listeners *listeners, const char *address, struct error *error) _must_check_;

/* Adds what systemd hands over (LISTEN_FDS) and takes the variables out of the environment. Returns how many
 * there were, or a negative errno. */
int listeners_add_inherited(struct listeners *listeners, struct error *error) _must_check_;

/* Writes one URL a line; the file appears whole or not at all. */
int listeners_write_urls(const struct listeners *listeners, const char *file,
                         struct error *error) _must_check_;

/* From now on TLS is spoken at those that are TCP, and their URLs say so. */
void listeners_speak_tls(struct listeners *listeners);

/* Removes the socket files, best effort, when the service ends. */
void listeners_remove_files(const struct listeners *listeners);

#define _cleanup_listeners_ _cleanup_(listeners_release)
