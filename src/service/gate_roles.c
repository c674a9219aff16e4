#include "service/gate_roles.h"

#include "base/parse.h"
#include "proc/users.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

static int find_user(const char *name, uid_t *ret_user, struct error *error)
{
    const struct passwd *entry;
    uint64_t number;

    if (strcmp(name, "*") == 0) {
        *ret_user = (uid_t)-1;
        return 0;
    }
    if (parse_u64(name, &number) == 0 && number < (uid_t)-1) {
        *ret_user = (uid_t)number;
        return 0;
    }
    entry = getpwnam(name);
    if (!entry)
        return error_set(error, EINVAL, "socket-roles: there is no user '%.60s' on this machine.", name);
    *ret_user = entry->pw_uid;
    return 0;
}

/* NAME:ROLE; a name may hold colons. */
static int read_one(const char *key, char *text, bool are_users, struct gate_role *ret_role,
                    struct error *error)
{
    char *colon = strrchr(text, ':');
    int r = 0;

    if (!colon || colon == text || role_parse(colon + 1, &ret_role->role) < 0)
        return error_set(error, EINVAL,
                         "%s: '%.100s' is not NAME:ROLE, with reader, operator, dumper or admin.", key, text);
    *colon = '\0';
    if (are_users)
        r = find_user(text, &ret_role->user, error);
    if (r < 0)
        return r;
    ret_role->name = strdup(text);
    return ret_role->name ? 0 : error_errno(error, ENOMEM, "The roles could not be read");
}

static int read_list(const char *key, const char *list, bool are_users, struct gate_role **ret_items,
                     size_t *ret_count, struct error *error)
{
    _cleanup_free_ char *copy = strdup(list);
    char *rest = copy, *text;

    *ret_items = calloc(GATE_ROLES_MAX, sizeof **ret_items);
    if (!copy || !*ret_items)
        return error_errno(error, ENOMEM, "The roles could not be read");
    while ((text = strsep(&rest, ","))) {
        int r;

        text += strspn(text, " ");
        if (!*text)
            continue;
        if (*ret_count == GATE_ROLES_MAX)
            return error_set(error, EINVAL, "%s has more than %d names.", key, GATE_ROLES_MAX);
        r = read_one(key, text, are_users, &(*ret_items)[*ret_count], error);
        if (r < 0)
            return r;
        ++*ret_count;
    }
    return 0;
}

int gate_roles_read(struct gate_roles *roles, const struct config *config, bool can_identify,
                    struct error *error)
{
    int r = 0;

    *roles = (struct gate_roles){.own = geteuid(), .anonymous = can_identify ? ROLE_NONE : ROLE_ADMIN};
    if (*config->anonymous_role && role_parse(config->anonymous_role, &roles->anonymous) < 0)
        return error_set(error, EINVAL,
                         "anonymous-role = '%.60s' is not none, reader, operator, dumper or admin.",
                         config->anonymous_role);
    r = read_list("socket-roles", config->socket_roles, true, &roles->users, &roles->user_count, error);
    if (r == 0)
        r = read_list("certificate-roles", config->certificate_roles, false, &roles->certificates,
                      &roles->certificate_count, error);
    return r;
}

void gate_roles_release(struct gate_roles *roles)
{
    for (size_t i = 0; i < roles->user_count; i++)
        free(roles->users[i].name);
    for (size_t i = 0; i < roles->certificate_count; i++)
        free(roles->certificates[i].name);
    free(roles->users);
    free(roles->certificates);
    *roles = (struct gate_roles){0};
}

void gate_roles_of_user(const struct gate_roles *roles, uid_t user, struct principal *ret_principal)
{
    struct principal principal = {.kind = PRINCIPAL_USER, .user = user};
    bool is_named = false;

    for (size_t i = 0; i < roles->user_count; i++) {
        const struct gate_role *item = &roles->users[i];
        bool is_rest = item->user == (uid_t)-1;
        /* a name is stronger than "*", wherever it stands */
        if (item->user == user || (is_rest && !is_named))
            principal.role = item->role;
        is_named = is_named || item->user == user;
    }
    if (user == 0 || user == roles->own)
        principal.role = ROLE_ADMIN;
    principal_set_name(&principal, user_name(user));
    *ret_principal = principal;
}

void gate_roles_of_certificate(const struct gate_roles *roles, const char *name, int64_t expires,
                               struct principal *ret_principal)
{
    struct principal principal = {.kind = PRINCIPAL_CERTIFICATE, .user = (uid_t)-1, .expires = expires};
    bool is_named = false;

    for (size_t i = 0; i < roles->certificate_count; i++) {
        const struct gate_role *item = &roles->certificates[i];
        bool is_own = strcmp(item->name, name) == 0;
        if (is_own || (strcmp(item->name, "*") == 0 && !is_named))
            principal.role = item->role;
        is_named = is_named || is_own;
    }
    principal_set_name(&principal, name);
    *ret_principal = principal;
}

void gate_roles_of_anonymous(const struct gate_roles *roles, struct principal *ret_principal)
{
    *ret_principal =
        (struct principal){.kind = PRINCIPAL_ANONYMOUS, .role = roles->anonymous, .user = (uid_t)-1};
    principal_set_name(ret_principal, "anonymous");
}
