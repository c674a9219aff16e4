/* The process that checks what clients show of themselves: tokens, passwords, signatures. It has no rights,
 * like the front, and is not the front: it holds the hashes, and sees no network. What it says of one
 * credential is believed; it can say no more. */
#pragma once

#include "access/principal.h"
#include "service/config.h"

#include <sys/types.h>

enum { VERDICT_TEXT_SIZE = 200 };

/* What it is asked: this and the Authorization header behind it, without a NUL. */
struct authenticator_question {
    uint64_t number;
    char peer[64]; /* where it comes from: whose wrong passwords are counted together */
};

struct verdict {
    uint64_t number;              /* of the question */
    int32_t code;                 /* 0, or a positive errno: ENOKEY, EUSERS */
    struct principal principal;   /* where code is 0 */
    char text[VERDICT_TEXT_SIZE]; /* else */
};

/* Whether config names anything that it could check. */
bool authenticator_is_needed(const struct config *config);

/* Starts one, and waits until it has read its files. Its channel does not block. Error: what is wrong with a
 * file. */
int authenticator_start(const struct config *config, pid_t *ret_pid, int *ret_channel,
                        struct error *error) _must_check_;
