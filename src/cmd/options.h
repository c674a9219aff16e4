/* The command line against the tables of verb.h. */
#pragma once

#include "cmd/verb.h"

/* Takes the common options that stand before the verb; *ret_next is the index of the verb, or argc. 0, or an
 * exit code after having complained. */
int options_before_verb(int argc, char **argv, struct invocation *invocation, int *ret_next) _must_check_;

/* Parses what follows; argv[0] is the verb, whose entry stands in invocation. Options and arguments may be
 * mixed. Counts of arguments are checked, unless help was asked for. */
int options_of_verb(int argc, char **argv, struct invocation *invocation) _must_check_;
