/* The tables of a profile, for profile.c alone: each finds what is equal, or adds it. -ENOMEM; -ENOBUFS where
 * there is no room. */
#pragma once

#include "profile/profile.h"

int profile_find_or_add_frame(struct profile *profile, const struct profile_frame *frame,
                              uint32_t *ret_frame) _must_check_;
int profile_find_or_add_node(struct profile *profile, uint32_t parent, uint32_t frame,
                             uint32_t *ret_node) _must_check_;
int profile_find_or_add_thread(struct profile *profile, uint32_t tid, uint32_t *ret_thread) _must_check_;
int profile_find_or_add_count(struct profile *profile, uint32_t node, uint32_t thread,
                              struct profile_count **ret_count) _must_check_;
