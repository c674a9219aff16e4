/* What --registry says:
 *
 *     static:URL[,URL...]          these instances
 *     dns:NAME:PORT                all addresses of that name (a headless service)
 *     etcd:URL[,URL...]/PREFIX     what is below that key of an etcd */
#pragma once

#include "base/error.h"
#include "instances/url.h"
#include "service/config.h"

enum { REGISTRY_URLS_MAX = 128, REGISTRY_PREFIX_SIZE = 128 };

enum registry_kind { REGISTRY_NONE, REGISTRY_STATIC, REGISTRY_DNS, REGISTRY_ETCD };

struct registry_config {
    enum registry_kind kind;
    char (*urls)[URL_SIZE]; /* STATIC: of instances; ETCD: of its members. Owned */
    size_t url_count;
    char prefix[REGISTRY_PREFIX_SIZE]; /* ETCD: "/procscope", without a / at its end */
    char name[URL_SIZE], port[6];      /* DNS */
};

void registry_config_release(struct registry_config *registry);
#define _cleanup_registry_config_ _cleanup_(registry_config_release)

/* "": none. -EINVAL with a sentence. */
int registry_config_parse(const char *text, struct registry_config *ret_registry,
                          struct error *error) _must_check_;

/* The same of a whole configuration, with what must be so before anything goes over a network. */
int registry_config_check(const struct config *config, struct registry_config *ret_registry,
                          struct error *error) _must_check_;
