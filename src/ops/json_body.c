#include "ops/json_body.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

int json_body_read(const char *text, const char *what, json_t **ret_root, struct error *error)
{
    json_error_t problem;
    json_t *root = json_loads(text, 0, &problem);

    if (!root)
        return error_set(error, EINVAL, "%s is no JSON: line %d, %.100s.", what, problem.line, problem.text);
    if (!json_is_object(root)) {
        json_decref(root);
        return error_set(error, EINVAL, "%s is JSON, but no object.", what);
    }
    *ret_root = root;
    return 0;
}

const json_t *json_body_member(const json_t *object, const char *name)
{
    json_t *members = (json_t *)(uintptr_t)object; /* jansson's iterators are not const */

    for (void *at = json_object_iter(members); at; at = json_object_iter_next(members, at))
        if (strcasecmp(json_object_iter_key(at), name) == 0)
            return json_is_null(json_object_iter_value(at)) ? NULL : json_object_iter_value(at);
    return NULL;
}

int json_body_bool(const json_t *object, const char *name, bool *ret_value, struct error *error)
{
    const json_t *member = json_body_member(object, name);

    if (member && !json_is_boolean(member))
        return error_set(error, EINVAL, "%s is true or false.", name);
    if (member)
        *ret_value = json_is_true(member);
    return 0;
}

int json_body_string(const json_t *object, const char *name, const char **ret_value, struct error *error)
{
    const json_t *member = json_body_member(object, name);

    if (member && !json_is_string(member))
        return error_set(error, EINVAL, "%s is a string.", name);
    if (member)
        *ret_value = json_string_value(member);
    return 0;
}

int json_body_number(const json_t *object, const char *name, uint64_t least, uint64_t most,
                     uint64_t *ret_value, struct error *error)
{
    const json_t *member = json_body_member(object, name);
    json_int_t value = member ? json_integer_value(member) : 0;

    if (!member)
        return 0;
    if (!json_is_integer(member) || value < 0 || (uint64_t)value < least || (uint64_t)value > most)
        return error_set(error, EINVAL, "%s is a number from %llu to %llu.", name, (unsigned long long)least,
                         (unsigned long long)most);
    *ret_value = (uint64_t)value;
    return 0;
}

int json_body_list(const json_t *object, const char *name, bool of_strings, size_t most,
                   const json_t **ret_list, struct error *error)
{
    const json_t *member = json_body_member(object, name);

    if (!member)
        return 0;
    if (!json_is_array(member) || json_array_size(member) > most)
        return error_set(error, EINVAL, "%s is a list of at most %zu.", name, most);
    for (size_t i = 0; i < json_array_size(member); i++) {
        const json_t *element = json_array_get(member, i);

        if (of_strings ? !json_is_string(element) : !json_is_object(element))
            return error_set(error, EINVAL, "%s is a list of %s.", name, of_strings ? "strings" : "objects");
    }
    *ret_list = member;
    return 0;
}
