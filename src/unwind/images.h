/* The ELF files of one process, as its modules, opened when an address of theirs is asked for. */
#pragma once

#include "capture/module.h"
#include "memory/memory.h"
#include "proc/maps.h"
#include "proc/pidref.h"
#include "unwind/image.h"

struct images;

/* All borrowed, and to outlive it. process: whose files they are, in its mount namespace (mapped_file.h);
 * NULL: of a core, where they are looked for by path and must have the module's build id. memory: where the
 * vdso is read from, and what can't be opened; NULL: nowhere. */
int images_new(const struct map_list *maps, const struct module_list *modules, const struct pidref *process,
               const struct memory *memory, struct images **ret_images) _must_check_;
void images_free(struct images *images); /* accepts NULL */

/* The module that address lies in (NULL: none), its image (NULL: it can't be had), and address as that file
 * has it (p_vaddr, not an offset). All but the module are for as long as images lives. */
const struct module *images_find(struct images *images, uint64_t address, struct image **ret_image,
                                 uint64_t *ret_file_address);

/* From now on LIMIT_STACKS_MS of this thread's processor time, then no image can be had any more. */
void images_limit(struct images *images);
/* Of how many modules something was given up, since finding it took too long; modules: which, as many as
 * there is room for. */
size_t images_given_up(const struct images *images, const struct module **modules, size_t size);

/* What a runtime calls its code at an address that lies in no module; for as long as images lives. False: it
 * says nothing. */
bool images_find_made(struct images *images, uint64_t address, struct image_place *ret_place);
