/* Names of users, remembered. */
#pragma once

#include <sys/types.h>

/* The login name of uid, or its number as text. Valid until the program ends; but past the 4,096 users that
 * are remembered, only for the next 64 such calls of this thread. A user that had no name is looked up again
 * after a minute. */
const char *user_name(uid_t uid);
