#include "access/principal.h"

#include <string.h>

static const char *const kinds[] = {
    [PRINCIPAL_ANONYMOUS] = "anonymous", [PRINCIPAL_USER] = "user", [PRINCIPAL_TOKEN] = "token",
    [PRINCIPAL_PASSWORD] = "password",   [PRINCIPAL_JWT] = "jwt",   [PRINCIPAL_CERTIFICATE] = "certificate",
    [PRINCIPAL_INSTANCE] = "instance",
};

const char *principal_kind_name(enum principal_kind kind)
{
    return (size_t)kind < ELEMENTS_OF(kinds) ? kinds[kind] : "anonymous";
}

void principal_set_name(struct principal *principal, const char *name)
{
    size_t size = strnlen(name, PRINCIPAL_NAME_SIZE - 1);

    for (size_t i = 0; i < size; i++)
        principal->name[i] = name[i] >= 0x20 && name[i] < 0x7f ? name[i] : '?';
    memset(principal->name + size, 0, PRINCIPAL_NAME_SIZE - size);
}

bool principal_is_sound(const struct principal *principal)
{
    size_t size = strnlen(principal->name, sizeof principal->name);

    if ((unsigned)principal->role > ROLE_ADMIN || (unsigned)principal->kind >= ELEMENTS_OF(kinds) ||
        size == sizeof principal->name || principal->expires < 0)
        return false;
    for (size_t i = 0; i < size; i++)
        if (principal->name[i] < 0x20 || principal->name[i] >= 0x7f)
            return false;
    return true;
}
