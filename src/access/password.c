#include "access/password.h"

#include "access/file.h"

#include <crypt.h>
#include <errno.h>
#include <nettle/memops.h>
#include <string.h>

void password_list_release(struct password_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].name);
        free(list->items[i].hash);
    }
    free(list->items);
    *list = (struct password_list){0};
}

/* Methods that crypt(3) itself calls too weak are none. */
static bool is_strong(const char *hash)
{
    int r = crypt_checksalt(hash);

    return r == CRYPT_SALT_OK || r == CRYPT_SALT_TOO_CHEAP;
}

/* How much of a hash says how it is made: "$y$j9T$", "$6$", "$6$rounds=5000$", "$2b$12$", "$7$CU..../....".
 */
static size_t class_size(const char *hash)
{
    enum { SCRYPT_COST = 11 };
    const char *dollar = *hash == '$' ? strchr(hash + 1, '$') : NULL;
    size_t size = dollar ? (size_t)(dollar - hash) + 1 : 0;
    bool has_cost;

    if (size == 0)
        return 0;
    if (strncmp(hash, "$7$", 3) == 0)
        return strlen(hash) < size + SCRYPT_COST ? strlen(hash) : size + SCRYPT_COST;
    has_cost = strncmp(hash, "$5$", 3) == 0 || strncmp(hash, "$6$", 3) == 0
                   ? strncmp(hash + size, "rounds=", 7) == 0
                   : strchr(hash + size, '$') != NULL;
    return has_cost ? size + strcspn(hash + size, "$") + 1 : size;
}

static bool is_same_class(const char *a, const char *b)
{
    size_t size = class_size(a);

    return size == class_size(b) && strncmp(a, b, size) == 0;
}

/* False: there are too many already. */
static bool note_class(struct password_list *list, size_t item)
{
    for (size_t i = 0; i < list->class_count; i++)
        if (is_same_class(list->items[list->classes[i]].hash, list->items[item].hash))
            return true;
    if (list->class_count == PASSWORD_CLASSES_MAX)
        return false;
    list->classes[list->class_count++] = item;
    return true;
}

static int add(struct password_list *list, const char *name, enum role role, const char *hash)
{
    _cleanup_free_ char *name_copy = strdup(name), *hash_copy = strdup(hash);
    int r = ARRAY_RESERVE(list, 1, PASSWORDS_MAX);

    if (r < 0 || !name_copy || !hash_copy)
        return r < 0 ? r : -ENOMEM;
    list->items[list->count++] =
        (struct password){.name = TAKE_PTR(name_copy), .hash = TAKE_PTR(hash_copy), .role = role};
    return 0;
}

int password_list_parse(struct password_list *list, const char *path, char *text, struct error *error)
{
    unsigned number = 0;
    char *line;

    while ((line = access_file_line(&text, &number))) {
        char *name = strsep(&line, ":"), *role_text = strsep(&line, ":"), *hash = strsep(&line, ":");
        enum role role = ROLE_NONE;
        int r;

        if (!*name || !hash || line || role_parse(role_text, &role) < 0 || role == ROLE_NONE)
            return error_set(error, EINVAL, "%.300s line %u is not NAME:ROLE:HASH.", path, number);
        if (!is_strong(hash))
            return error_set(error, EINVAL,
                             "%.300s line %u: that hash is not one of crypt(3), or of a method that is no "
                             "longer safe; take yescrypt (mkpasswd -m yescrypt).",
                             path, number);
        r = add(list, name, role, hash);
        if (r < 0)
            return error_errno(error, -r, "The passwords of %.300s could not be read", path);
        if (!note_class(list, list->count - 1))
            return error_set(
                error, EINVAL,
                "%.300s line %u: there are hashes of more than %d methods and costs, and each guess "
                "is tried with all of them; make them anew with one (mkpasswd -m yescrypt).",
                path, number, PASSWORD_CLASSES_MAX);
    }
    return 0;
}

static bool is_password(const char *hash, const char *password)
{
    struct crypt_data *data = calloc(1, sizeof *data); /* 32 KiB */
    const char *result = data ? crypt_r(password, hash, data) : NULL;
    size_t size = strlen(hash);
    bool same = result && result[0] != '*' && strlen(result) == size && memeql_sec(result, hash, size);

    if (data)
        explicit_bzero(data, sizeof *data);
    free(data);
    return same;
}

int password_list_check(const struct password_list *list, const char *name, const char *password,
                        struct principal *ret_principal)
{
    const struct password *found = NULL;
    bool same = false;

    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0)
            found = &list->items[i];
    if (list->count == 0 || strlen(password) >= CRYPT_MAX_PASSPHRASE_SIZE)
        return -ENOENT;
    for (size_t i = 0; i < list->class_count; i++) {
        const char *hash = list->items[list->classes[i]].hash;
        bool is_own = found && is_same_class(hash, found->hash);
        bool fits = is_password(is_own ? found->hash : hash, password);
        same = same || (is_own && fits);
    }
    if (!found || !same)
        return -ENOENT;
    *ret_principal = (struct principal){.role = found->role, .kind = PRINCIPAL_PASSWORD, .user = (uid_t)-1};
    principal_set_name(ret_principal, found->name);
    return 0;
}
