/* Stacks as a profile, for its formats: each thread seen once. Used by stacks_answer.c. */
#pragma once

#include "profile/profile.h"
#include "view/stacks.h"

/* A thread is a thread of the profile; with view->together all are one, so that equal stacks count together.
 * -ENOMEM. */
int stacks_profile(const struct stacks_view *view, struct profile *ret_profile) _must_check_;
