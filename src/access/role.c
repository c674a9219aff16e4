#include "access/role.h"

#include <errno.h>
#include <string.h>

static const char *const names[] = {
    [ROLE_NONE] = "none",     [ROLE_READER] = "reader", [ROLE_OPERATOR] = "operator",
    [ROLE_DUMPER] = "dumper", [ROLE_ADMIN] = "admin",
};

const char *role_name(enum role role)
{
    return (size_t)role < ELEMENTS_OF(names) ? names[role] : "none";
}

int role_parse(const char *text, enum role *ret_role)
{
    for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
        if (strcmp(names[i], text) == 0) {
            *ret_role = (enum role)i;
            return 0;
        }
    }
    return -EINVAL;
}
