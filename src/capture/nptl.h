/* glibc's threads in another process's memory, by what glibc itself says of their layout: the symbols
 * _thread_db_* that it keeps for debuggers (glibc nptl_db/structs.def, db_info.c), each a u32 triple of bits,
 * count and offset. They stand in .dynsym since 2.35, in .symtab before; so no offset of any version is
 * written down here. Used within src/capture only. */
#pragma once

#include "capture/thread_start.h"
#include "memory/memory.h"

struct nptl {
    uint32_t tid, start_routine, list; /* offsets in struct pthread */
    uint64_t heads[2]; /* of the lists of threads: on stacks of glibc's, on stacks of their own */
};

/* -ENOENT where the process has no glibc that tells. */
int nptl_find(const struct pidref *process, const struct map_list *maps, const struct memory *memory,
              struct nptl *ret_nptl) _must_check_;

/* Appends id and start routine of each thread, or, with only not 0, of that one and then ends. The target
 * runs on meanwhile, so a list can break off; every item is sound in itself: a start routine counts only
 * where it lies in code. */
int nptl_walk(const struct nptl *nptl, const struct map_list *maps, const struct memory *memory, pid_t only,
              struct thread_starts *starts) _must_check_;
