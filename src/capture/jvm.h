/* Whether a process is a Java virtual machine, by the libraries that it has mapped: it isn't asked. */
#pragma once

#include "proc/maps.h"

enum jvm_kind {
    JVM_NONE,
    JVM_HOTSPOT, /* OpenJDK's, and all that are made of it */
    JVM_OPENJ9,
};

enum jvm_kind jvm_kind_of(const struct map_list *maps);
