/* procscope dump --estimate */
#pragma once

#include "cmd/session.h"

/* Asks what the dump that the request describes would be, and shows it. Returns the exit code. */
int dump_estimate_show(struct session *session, struct request *request);
