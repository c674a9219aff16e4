/* The heap of a HotSpot virtual machine as it writes it itself (.hprof), and how many objects of which class
 * there are. Both are GC.* of jcmd: with live a full collection goes before, and the program stands still
 * until all is written, or counted.
 *
 * Source: jdk src/hotspot/share/services/diagnosticCommand.cpp, heapDumper.cpp (JAVA PROFILE 1.0.2). */
#pragma once

#include "proc/maps.h"
#include "proc/pidref.h"
#include "runtime/heap_type.h"

struct hotspot_heap_wish {
    bool live;            /* only what can be reached */
    uint64_t patience_ms; /* to listen, and again until the first bytes come */
};

/* Hands on the dump as it is written, without a file. Where take fails, or we are ended, the virtual machine
 * gives up writing and runs on. Errors as of hotspot_connect; -EREMOTEIO it refuses, or has not written all:
 * with its own words. */
int hotspot_heap_dump(const struct pidref *process, const struct map_list *maps,
                      const struct hotspot_heap_wish *wish,
                      int (*take)(void *to, const char *bytes, size_t size), void *to,
                      struct error *error) _must_check_;

/* One line of a class histogram: false where it is none of a class. */
bool hotspot_histogram_line(const char *line, size_t size, struct heap_type *ret_type);

/* The class's name as Java writes it: [[Ljava.lang.String; is java.lang.String[][]. Cut to fit. */
void hotspot_class_name(const char *name, size_t name_size, char *text, size_t size);

/* Hands on each class, those that take most first. */
int hotspot_heap_types(const struct pidref *process, const struct map_list *maps,
                       const struct hotspot_heap_wish *wish,
                       int (*take)(void *to, const struct heap_type *type), void *to,
                       struct error *error) _must_check_;
