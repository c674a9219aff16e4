#include "instances/curl.h"

#include <dlfcn.h>

int curl_load(const struct curl_functions **ret_functions, struct error *error)
{
    static struct curl_functions functions;
    static const struct {
        const char *name;
        size_t offset;
    } names[] = {
        {"curl_global_init", offsetof(struct curl_functions, global_init)},
        {"curl_easy_init", offsetof(struct curl_functions, init)},
        {"curl_easy_setopt", offsetof(struct curl_functions, set)},
        {"curl_easy_perform", offsetof(struct curl_functions, perform)},
        {"curl_easy_getinfo", offsetof(struct curl_functions, get)},
        {"curl_easy_strerror", offsetof(struct curl_functions, describe)},
        {"curl_easy_cleanup", offsetof(struct curl_functions, cleanup)},
        {"curl_easy_pause", offsetof(struct curl_functions, pause)},
        {"curl_slist_append", offsetof(struct curl_functions, list_append)},
        {"curl_slist_free_all", offsetof(struct curl_functions, list_free)},
        {"curl_multi_init", offsetof(struct curl_functions, multi_init)},
        {"curl_multi_setopt", offsetof(struct curl_functions, multi_set)},
        {"curl_multi_add_handle", offsetof(struct curl_functions, multi_add)},
        {"curl_multi_remove_handle", offsetof(struct curl_functions, multi_remove)},
        {"curl_multi_socket_action", offsetof(struct curl_functions, multi_action)},
        {"curl_multi_info_read", offsetof(struct curl_functions, multi_read)},
        {"curl_multi_assign", offsetof(struct curl_functions, multi_assign)},
        {"curl_multi_cleanup", offsetof(struct curl_functions, multi_cleanup)},
    };
    static bool loaded;
    if (loaded) {
        *ret_functions = &functions;
        return 0;
    }
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        library = dlopen("libcurl-gnutls.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return error_set(error, EOPNOTSUPP,
                         "Talking to a service needs libcurl, which is not installed: install the package "
                         "libcurl4.");
    for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
        void *function = dlsym(library, names[i].name);
        if (!function) {
            (void)dlclose(library); /* nothing of it was used */
            return error_set(error, EOPNOTSUPP, "This libcurl has no %s.", names[i].name);
        }
        *(void **)((char *)&functions + names[i].offset) = function;
    }
    CURLcode code = functions.global_init(CURL_GLOBAL_DEFAULT);
    if (code != CURLE_OK)
        return error_set(error, EIO, "libcurl does not start: %s.", functions.describe(code));
    loaded = true;
    *ret_functions = &functions;
    return 0;
}
