/* The configuration of `serve`: an INI file (--config FILE), and every key of it as a flag (--key VALUE) that
 * wins over the file. One table describes all keys: reading, flags, --print-config and help come from it. */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "service/instance_id.h"

enum { CONFIG_LISTEN_MAX = 16, CONFIG_DIRECTORIES_MAX = 16 };

/* Strings are owned. Durations are milliseconds, sizes bytes. */
struct config {
    /* [server] */
    char *listen[CONFIG_LISTEN_MAX]; /* "ADDR:PORT" or "unix:PATH", as given */
    size_t listen_count;
    unsigned listen_source; /* private: who gave them; a stronger source replaces them all */
    char *url_file;         /* "" none */
    char *path_prefix;      /* "" or "/prefix" */
    char *user;             /* of the front, where we start as root */
    char *front_ends;       /* base/networks.h; "" none */
    uint64_t connections, client_connections, stall_timeout, stop_timeout;
    uint64_t head_timeout, body_timeout, answer_timeout;
    uint64_t dotnet_monitor; /* 0 or 1: whether its routes are there */
    uint64_t log_level;      /* enum log_level */
    /* [tls] */
    char *tls_certificate, *tls_key, *tls_client_ca; /* files; "" none */
    uint64_t tls_self_signed;                        /* 0 or 1 */
    /* [access] */
    char *anonymous_role;                   /* "" : admin where nothing else could be shown, else none */
    char *socket_roles, *certificate_roles; /* "NAME:ROLE,..." */
    char *tokens, *passwords, *jwt_keys;    /* files; "" none */
    char *rules;                            /* lines (access/rule.h) */
    unsigned rules_source;                  /* private: who gave them; a stronger source replaces them all */
    char *audit;                            /* "off", "journal" or a file */
    char *cors_origins;                     /* base/origins.h; "" none */
    char *redact;                           /* "" or "environ": what dumps are made without */
    char *secrets;                          /* parts of names, with commas between */
    uint64_t secrets_role;                  /* enum role, from which on they are shown */
    char *jwt_issuer, *jwt_audience, *jwt_role_claim, *jwt_name_claim;
    /* [main] */
    uint64_t main_pid;               /* 0 none */
    char *main_name, *main_pid_file; /* "" none */
    /* [instance] */
    char *instance_id, *machine_name; /* "" : from the environment or this machine; see config_settle */
    char run[INSTANCE_RUN_SIZE];      /* no key: of this start alone; see service/instance_id.h */
    char *site_name, *slot_name;      /* "" : from the environment, and where it has none any will do */
    char *instance_url, *registry;    /* "" none; instances/registry_config.h has the form */
    char *cluster_key, *peer_ca, *registry_ca;
    uint64_t registry_interval, registry_ttl, peer_plain_text;
    /* [limits] */
    uint64_t workers, queue, dumps, dumps_per_target, profiles, stops, viewers, forwards;
    uint64_t operation_timeout, dump_timeout;
    uint64_t worker_memory, dump_memory, heap_memory;
    uint64_t min_rate, max_dump_bytes; /* 0: none */
    uint64_t read_seccomp;             /* 0 or 1 */
    /* [symbols] */
    char *debug_directories; /* absolute paths with : between */
    char *debuginfod_urls;   /* with blanks between; "" nobody is asked */
    char *debuginfod_cache;  /* "" none (the service), the user's (the command line) */
    uint64_t debuginfod_timeout;
};

enum config_type {
    CONFIG_STRING,
    CONFIG_LISTEN, /* may be given several times */
    CONFIG_PREFIX, /* a path that begins with / and does not end with it, or nothing */
    CONFIG_DIRECTORIES,
    CONFIG_URLS,
    CONFIG_NETWORKS, /* base/networks.h */
    CONFIG_ORIGINS,  /* base/origins.h */
    CONFIG_NUMBER,   /* between minimum and maximum */
    CONFIG_DURATION, /* milliseconds between minimum and maximum */
    CONFIG_SIZE,     /* bytes between minimum and maximum */
    CONFIG_LOG_LEVEL,
    CONFIG_ROLE,   /* enum role, but none */
    CONFIG_SWITCH, /* 0 or 1; as a flag it stands alone */
    CONFIG_RULE,   /* may be given several times */
    CONFIG_REDACT, /* nothing, or environ */
};

struct config_key {
    const char *name, *section;
    enum config_type type;
    size_t offset;         /* in struct config */
    const char *otherwise; /* the default, as text */
    uint64_t minimum, maximum;
    const char *placeholder, *help; /* for --help: "ADDR:PORT", one line */
};

extern const struct config_key config_keys[]; /* ends with a NULL name */

int config_init(struct config *config) _must_check_; /* the defaults; -ENOMEM */
void config_release(struct config *config);
#define _cleanup_config_ _cleanup_(config_release)

int config_set_string(char **place, const char *value) _must_check_; /* -ENOMEM */
/* Up to CONFIG_DIRECTORIES_MAX absolute paths with : between. -EINVAL: it is something else; -ENOMEM. */
int config_set_directories(char **place, const char *value) _must_check_;
/* http://, https:// or file:// ones with blanks between. The same. */
int config_set_urls(char **place, const char *value) _must_check_;

/* Errors name file, line, key and value. */
int config_read_file(struct config *config, const char *path, struct error *error) _must_check_;

/* All arguments of `serve` (argv[0] is the first of them): --config FILE is read first, then the flags are
 * set over it, as --key VALUE or --key=VALUE. What is left over for the caller: --help and --print-config. */
struct config_wishes {
    bool help, print_config;
};
int config_read_arguments(struct config *config, int argc, char **argv, struct config_wishes *ret_wishes,
                          struct error *error) _must_check_;

/* Fills what depends on the machine: instance-id (WEBSITE_INSTANCE_ID, else made from it), machine-name (the
 * host name as it is), site-name and slot-name (WEBSITE_SITE_NAME, WEBSITE_SLOT_NAME), and run. */
int config_settle(struct config *config, struct error *error) _must_check_;

/* As a file that config_read_file would read to the same values. */
int config_print(const struct config *config, struct buffer *out) _must_check_;
/* The lines of --help that describe the flags. */
int config_help(struct buffer *out) _must_check_;
