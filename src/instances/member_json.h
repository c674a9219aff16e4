/* What instances and etcd answer, read. Bounded and hostile. */
#pragma once

#include "base/buffer.h"
#include "instances/members.h"

enum {
    MEMBER_JSON_MAX = 16 * 1024,       /* of one instance */
    ETCD_ANSWER_MAX = 4 * 1024 * 1024, /* of all of them: MEMBERS_MAX and room */
};

/* GET /api/instances/self, or the value of a key in etcd. url stays "" where there is none. -EBADMSG. */
int member_json_read(const char *text, size_t size, struct member_facts *ret_facts) _must_check_;
/* The value of a key. */
int member_json_write(const struct member_facts *facts, struct buffer *out) _must_check_;

/* The ID of /v3/lease/grant and what is left of a lease after /v3/lease/keepalive: 0 it has ended. */
int etcd_read_lease(const char *text, size_t size, int64_t *ret_id) _must_check_;
int etcd_read_keepalive(const char *text, size_t size, int64_t *ret_left) _must_check_;
/* Calls take for each value of /v3/kv/range that is a member. */
int etcd_read_range(const char *text, size_t size,
                    void (*take)(void *context, const struct member_facts *facts),
                    void *context) _must_check_;
/* "error" or "message" of what it refuses; cut. */
void etcd_read_problem(const char *text, size_t size, char *words, size_t words_size);

/* Requests to it. Keys and values travel in base64. lease 0: none. */
int etcd_write_put(const char *key, const char *value, size_t value_size, int64_t lease,
                   struct buffer *out) _must_check_;
int etcd_write_range(const char *prefix, struct buffer *out) _must_check_; /* all keys that begin so */
