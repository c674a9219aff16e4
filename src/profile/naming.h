/* What is at an address of a process that is being sampled, as frames of a profile: found out when the
 * address is seen first, while its file is still mapped, and remembered. */
#pragma once

#include "proc/pidref.h"
#include "profile/profile.h"
#include "unwind/images.h"

struct naming;

/* Reads what takes long beforehand: samples don't wait. Both are borrowed; profile need not have begun yet.
 * -ESRCH, -EACCES: its mappings can't be read; -ENOMEM. */
int naming_new(const struct pidref *process, struct profile *profile,
               struct naming **ret_naming) _must_check_;
void naming_free(struct naming *naming); /* accepts NULL */
static inline void cleanup_naming(struct naming **naming)
{
    naming_free(*naming);
}
#define _cleanup_naming_ _cleanup_(cleanup_naming)

/* The process has mapped something there at that time (CLOCK_MONOTONIC): its mappings are read afresh before
 * the next address of it. Not as often as it maps, though: on average a fiftieth of the time is used for
 * that, and what may not be read yet is called "[newly mapped]". */
void naming_forget(struct naming *naming, uint64_t start, uint64_t size, uint64_t at_ns);
/* It is another program. */
void naming_forget_all(struct naming *naming, uint64_t at_ns);
/* Its mappings are these now. */
void naming_compare(struct naming *naming, const struct map_list *maps);

/* Whether nothing is known of that address; naming_renew() reads all that is mapped, if it may. */
bool naming_is_stale(const struct naming *naming, uint64_t address);
bool naming_renew(struct naming *naming);

/* Of how many files something was given up: images_given_up(). */
size_t naming_given_up(const struct naming *naming);

/* For a walk: its files, and what it has mapped to be read only. Good until naming_renew() or naming_user().
 */
struct images *naming_images(struct naming *naming);
const struct map_list *naming_maps(struct naming *naming);
const struct memory *naming_code(struct naming *naming);

enum { NAMING_MOST = 16 }; /* frames of one address: one, and what is inlined there */

/* Innermost first; is_return: the call is before it. At least one, at most NAMING_MOST. -ENOMEM. */
int naming_user(struct naming *naming, uint64_t address, bool is_return, uint32_t frames[NAMING_MOST],
                size_t *ret_count) _must_check_;
int naming_kernel(struct naming *naming, uint64_t address, bool is_return, uint32_t *ret_frame) _must_check_;
