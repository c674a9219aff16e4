/* What all of this folder works on. */
#pragma once

#include "http/listen.h"
#include "instances/http.h"
#include "instances/members.h"
#include "instances/registry_config.h"
#include "service/peers.h"

struct registry;
struct forward;

struct fleet {
    struct loop *loop;
    int channel;                 /* to the inspector */
    const struct config *config; /* settled */
    struct registry_config registry_config;
    struct registry *registry;
    const struct listeners *listeners;       /* ours */
    struct http_trust trust, registry_trust; /* of other instances; of etcd */
    struct member_facts self;                /* its url is "" as long as it isn't known */
    struct members members;
    struct forward *forwards; /* that run */
    size_t forward_count;
};

/* What the inspector asks for, with a pipe that is taken over. */
void forward_begin(struct fleet *fleet, const struct request *request, int answer_fd);
void forward_end_endless(struct fleet *fleet); /* events */
void forward_end_all(struct fleet *fleet);

/* The whole list as JSON; base: "http://host/prefix" that hrefs begin with. */
int list_write_arm(const struct fleet *fleet, const char *resource, struct buffer *out) _must_check_;
int list_write(const struct fleet *fleet, const char *base, struct buffer *out) _must_check_;
