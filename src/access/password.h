/* Names with passwords, as Kudu has them for publishing. A line each, as in a file of htpasswd with the role
 * before the hash:  NAME:ROLE:HASH  where HASH is of crypt(3), best yescrypt ($y$). */
#pragma once

#include "access/principal.h"
#include "base/array.h"
#include "base/error.h"

enum { PASSWORDS_MAX = 4096 };

struct password {
    char *name, *hash; /* owned */
    enum role role;
};

/* Hashes of one method and cost take as long as each other. */
enum { PASSWORD_CLASSES_MAX = 8 };

struct password_list {
    struct password *items;
    size_t count, capacity;
    size_t classes[PASSWORD_CLASSES_MAX]; /* an item of each class that there is */
    size_t class_count;
};
void password_list_release(struct password_list *list);
#define _cleanup_password_list_ _cleanup_(password_list_release)

int password_list_parse(struct password_list *list, const char *path, char *text,
                        struct error *error) _must_check_;

/* Whose they are. -ENOENT: no such name, or another password. Which of both, and of what kind the name's hash
 * is, can't be told by the time, since a hash of each class is made. It takes tens of milliseconds for each,
 * and of yescrypt some MiB, on purpose. */
int password_list_check(const struct password_list *list, const char *name, const char *password,
                        struct principal *ret_principal) _must_check_;
