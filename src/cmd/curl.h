/* libcurl, loaded when --url is used and not before. The same program is the service, and the service must
 * not carry an HTTP client and the two dozen libraries behind it: they would cost every process of it memory
 * (the budget is 12 MiB for all of them) and every start milliseconds. So the program is not linked with
 * libcurl; only its headers are used. */
#pragma once

#include "base/error.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#undef curl_easy_setopt /* a macro that counts arguments would hide the member below */
#undef curl_easy_getinfo

struct curl_functions {
    __typeof__(&curl_global_init) global_init;
    __typeof__(&curl_easy_init) init;
    __typeof__(&curl_easy_setopt) set;
    __typeof__(&curl_easy_perform) perform;
    __typeof__(&curl_easy_getinfo) get;
    __typeof__(&curl_easy_strerror) describe;
    __typeof__(&curl_easy_cleanup) cleanup;
};

/* Loads it once; stays loaded. -EOPNOTSUPP with a sentence that says which package is missing. */
int curl_load(const struct curl_functions **ret_functions, struct error *error) _must_check_;
