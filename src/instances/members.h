/* The other instances, as far as is known: who they are, where, and when each was heard of last. Filled by a
 * registry. */
#pragma once

#include "base/error.h"
#include "instances/url.h"
#include "service/instance_id.h"

#include <stdint.h>

enum {
    MEMBERS_MAX = 512,
    MEMBER_NAME_SIZE = 128,
    MEMBER_VERSION_SIZE = 32,
    MEMBER_PROBLEM_SIZE = 160,
    MEMBER_FORGET_MS = 3600 * 1000, /* one that is gone is known for so long */
};

/* What an instance says of itself, or a registry of it. */
struct member_facts {
    char id[INSTANCE_ID_MAX + 1], run[INSTANCE_RUN_SIZE];
    char name[MEMBER_NAME_SIZE], version[MEMBER_VERSION_SIZE], url[URL_SIZE];
};

enum member_state {
    MEMBER_RUNNING,
    MEMBER_UNREACHABLE, /* did not answer when asked last */
    MEMBER_GONE,        /* its registration has ended */
};

struct member {
    struct member_facts facts; /* id "": never heard of, only its url is known */
    enum member_state state;
    char problem[MEMBER_PROBLEM_SIZE]; /* why it is not running */
    int64_t seen_ns;                   /* since 1970; 0: never */
    uint64_t seen_ms;                  /* clock_monotonic_ms */
    bool is_self;                      /* an address of our own */
    bool is_listed;                    /* private to a registry */
};

struct members {
    struct member *items[MEMBERS_MAX]; /* owned; each stays where it is */
    size_t count;
};

void members_release(struct members *members);

/* -ENOBUFS: there are MEMBERS_MAX. */
int members_add(struct members *members, struct member **ret_member) _must_check_;
struct member *members_find_url(const struct members *members, const char *url); /* NULL: none */
struct member *members_find_run(const struct members *members, const char *id, const char *run);

void member_seen(struct member *member, const struct member_facts *facts);
void member_lost(struct member *member, enum member_state state, const char *problem);
/* Drops those that are gone since too long. */
void members_forget(struct members *members, uint64_t now_ms);

/* Which instance that id means: one that runs before one that does not. -ENOENT: none; -EBUSY: two that run
 * go by it. With a sentence. */
int members_find(const struct members *members, const char *id, struct member **ret_member,
                 struct error *error) _must_check_;

/* "web-2 (3fc41d) at http://10.0.0.2:7420" */
enum { MEMBER_LABEL_SIZE = 420 };
void member_label(const struct member *member, char text[MEMBER_LABEL_SIZE]);
/* "it was last seen 12 s ago, at 2026-11-29T20:00:00Z" or "it was never seen" */
enum { MEMBER_SEEN_SIZE = 96 };
void member_last_seen(const struct member *member, char text[MEMBER_SEEN_SIZE]);
