/* Modules. `build_id`, `soname` and `deleted` are beyond Kudu. */
#include "view/kudu_member.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

void kudu_member_build_id(struct json *json, const struct module *module)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * LIMIT_BUILD_ID + 1];

    if (module->build_id_size == 0 || module->build_id_size > LIMIT_BUILD_ID)
        return;
    for (size_t i = 0; i < module->build_id_size; i++) {
        text[2 * i] = digits[module->build_id[i] >> 4];
        text[2 * i + 1] = digits[module->build_id[i] & 15];
    }
    text[2 * module->build_id_size] = '\0';
    json_member_string(json, "build_id", text);
}

/* What a Windows version resource says and no ELF file does (file_description, product, language) is left
 * out rather than made up. */
static void members_full(struct json *json, const struct module *module)
{
    kudu_member_text(json, "product_version", module->version);
    json_member_bool(json, "is_debug", module->is_debug); /* nullable in Kudu: false is written too */
    kudu_member_build_id(json, module);
    kudu_member_text(json, "soname", module->soname);
    kudu_member_flag(json, "deleted", module->deleted);
}

void kudu_module(struct json *json, const struct kudu_style *style, pid_t pid, const struct module *module,
                 bool full)
{
    char base[24];

    (void)snprintf(base, sizeof base, "%" PRIx64, module->base); /* fits */
    arm_object_begin(json, &style->arm, base);
    json_member_string(json, "base_address", base);
    json_member_string(json, "file_name", base_name(module->path));
    json_key(json, "href");
    json_format(json, "%s/%d/modules/%" PRIx64, kudu_collection(style), (int)pid, module->base);
    if (full) {
        json_member_string(json, "file_path", module->path);
        kudu_member_number(json, "module_memory_size", (int64_t)module->size);
    }
    kudu_member_text(json, "file_version", module->version);
    if (full) {
        members_full(json, module);
    } else {
        kudu_member_build_id(json, module);
        kudu_member_flag(json, "deleted", module->deleted);
    }
    arm_object_end(json, &style->arm);
}

/* By file name without regard to case, as .NET's OrderBy on a string does; the same name by its address. */
static int by_file_name(const void *left, const void *right)
{
    const struct module *a = *(const struct module *const *)left, *b = *(const struct module *const *)right;
    const char *a_name = base_name(a->path), *b_name = base_name(b->path);
    int order = strcasecmp(a_name, b_name);

    if (order == 0)
        order = strcmp(a_name, b_name);
    return order != 0 ? order : (a->base > b->base) - (a->base < b->base);
}

void kudu_modules(struct json *json, const struct kudu_style *style, pid_t pid,
                  const struct module_list *modules)
{
    _cleanup_free_ const struct module **sorted = NULL;
    struct kudu_style element;

    if (modules->count > 0) {
        sorted = calloc(modules->count, sizeof *sorted);
        if (!sorted) {
            json->error = json->error ? json->error : -ENOMEM;
            return;
        }
        for (size_t i = 0; i < modules->count; i++)
            sorted[i] = &modules->items[i];
        qsort(sorted, modules->count, sizeof *sorted, by_file_name);
    }
    element = kudu_array_begin(json, style);
    for (size_t i = 0; i < modules->count; i++)
        kudu_module(json, &element, pid, sorted[i], false);
    kudu_array_end(json, style);
}
