/* The log of a profile in the order of time: samples of several processors come in bursts. */
#pragma once

#include "profile/profile.h"

enum order_by { ORDER_BY_TIME, ORDER_BY_THREAD }; /* the latter: by time in each thread */

/* The numbers of all samples of the log. The caller frees them; NULL where there are none. -ENOMEM. */
int order_log(const struct profile *profile, enum order_by by, uint32_t **ret_order) _must_check_;
