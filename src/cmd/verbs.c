#include "cmd/verb.h"

const struct verb *const verbs[] = {
    &verb_ps,     &verb_show,      &verb_threads, &verb_stack,  &verb_modules, &verb_memory, &verb_handles,
    &verb_env,    &verb_kill,      &verb_dump,    &verb_gcdump, &verb_profile, &verb_heap,   &verb_heapdump,
    &verb_doctor, &verb_instances, &verb_serve,   &verb_token,  NULL,
};
