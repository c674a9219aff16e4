/* The front's TLS: set up before it serves, and anew when the inspector sends files. */
#pragma once

#include "service/service.h"

/* Does nothing where no TLS is configured. Makes the channel non-blocking. */
int front_tls_begin(const struct front_start *start, struct error *error) _must_check_;

/* Takes what came over the channel. What can't be used is logged, and what was goes on. -EPIPE: the inspector
 * is gone. */
int front_tls_renew(int channel) _must_check_;
