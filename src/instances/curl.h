/* libcurl, loaded when it is used and not before: by the process that talks to other instances, and by the
 * command line for --url. The same program is the service, and its other processes must not carry an HTTP
 * client and the two dozen libraries behind it: they would cost each of them memory (the budget is 12 MiB for
 * all) and every start milliseconds. So the program is not linked with libcurl; only its headers are used. */
#pragma once

#include "base/error.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#undef curl_easy_setopt /* macros that count arguments would hide the members below */
#undef curl_easy_getinfo
#undef curl_multi_setopt

struct curl_functions {
    __typeof__(&curl_global_init) global_init;
    __typeof__(&curl_easy_init) init;
    __typeof__(&curl_easy_setopt) set;
    __typeof__(&curl_easy_perform) perform;
    __typeof__(&curl_easy_getinfo) get;
    __typeof__(&curl_easy_strerror) describe;
    __typeof__(&curl_easy_cleanup) cleanup;
    __typeof__(&curl_easy_pause) pause;
    __typeof__(&curl_slist_append) list_append;
    __typeof__(&curl_slist_free_all) list_free;
    __typeof__(&curl_multi_init) multi_init;
    __typeof__(&curl_multi_setopt) multi_set;
    __typeof__(&curl_multi_add_handle) multi_add;
    __typeof__(&curl_multi_remove_handle) multi_remove;
    __typeof__(&curl_multi_socket_action) multi_action;
    __typeof__(&curl_multi_info_read) multi_read;
    __typeof__(&curl_multi_assign) multi_assign;
    __typeof__(&curl_multi_cleanup) multi_cleanup;
};

/* Loads it once; stays loaded. -EOPNOTSUPP with a sentence that says which package is missing. */
int curl_load(const struct curl_functions **ret_functions, struct error *error) _must_check_;
