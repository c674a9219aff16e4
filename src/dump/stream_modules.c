/* The streams that list modules. */
#include "dump/layout.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

/* The module that holds AT_ENTRY of the auxiliary vector: the program itself. */
static size_t main_module(const struct capture *capture)
{
    const struct module *module = modules_find(&capture->modules, capture_auxv(capture, AT_ENTRY));

    return module ? (size_t)(module - capture->modules.items) : 0;
}

static int module_name(struct minidump *minidump, const struct module *module, uint32_t *ret_rva)
{
    const char *name = module->path, *slash;

    /* the name under which Breakpad's symbol stores know the vdso */
    if (strcmp(name, "[vdso]") == 0)
        name = "linux-gate.so";
    slash = strrchr(name, '/');
    if (slash && slash[1] && layout_wants(minidump, MD_TYPE_FILTER_MODULE_PATHS))
        name = slash + 1;
    return layout_append_string(minidump, name, ret_rva);
}

/* Readers refuse a whole list for one module that is empty or reaches into the next. */
static uint32_t module_size(const struct capture *capture, size_t index)
{
    const struct module *module = &capture->modules.items[index];
    uint64_t size = module->size;

    if (index + 1 < capture->modules.count) {
        uint64_t next = capture->modules.items[index + 1].base;
        if (next > module->base && next - module->base < size)
            size = next - module->base;
    }
    if (size == 0)
        size = capture->page_size;
    return size > UINT32_MAX ? UINT32_MAX & ~(uint32_t)(capture->page_size - 1) : (uint32_t)size;
}

static int build_module(struct minidump *minidump, size_t index, struct md_module *ret_module)
{
    const struct module *from = &minidump->capture->modules.items[index];
    uint32_t signature = MD_CV_ELF;
    struct md_module module = {.base = from->base, .size = module_size(minidump->capture, index)};
    size_t rva, ignored;
    int r = module_name(minidump, from, &module.name_rva);

    if (r == 0 && from->build_id_size > 0) {
        r = layout_append(minidump, &signature, sizeof signature, 4, &rva);
        if (r == 0)
            r = layout_append(minidump, from->build_id, from->build_id_size, 1, &ignored);
        if (r == 0)
            module.cv_record = (struct md_location){
                .size = (uint32_t)(sizeof signature + from->build_id_size), .rva = (uint32_t)rva};
    }
    if (r == 0)
        *ret_module = module;
    return r;
}

int stream_module_list(struct minidump *minidump, size_t *ret_rva, size_t *ret_size)
{
    const struct module_list *modules = &minidump->capture->modules;
    size_t program = main_module(minidump->capture), first, wanted = 0, at = 0;
    uint32_t count;
    int r;

    for (size_t i = 0; i < modules->count; i++)
        wanted += !minidump->module_wanted || minidump->module_wanted[i];
    count = (uint32_t)wanted;
    r = layout_append(minidump, &count, sizeof count, 4, ret_rva);
    if (r == 0)
        r = layout_append(minidump, NULL, wanted * sizeof(struct md_module), 1, &first);
    /* the program comes first, as readers expect it; the others by address */
    for (size_t turn = 0; r == 0 && turn <= modules->count; turn++) {
        size_t i = turn ? turn - 1 : program;
        struct md_module module;

        if (i >= modules->count || (turn && i == program) ||
            (minidump->module_wanted && !minidump->module_wanted[i]))
            continue;
        r = build_module(minidump, i, &module);
        if (r == 0)
            ((struct md_module *)layout_at(minidump, first))[at++] = module;
    }
    *ret_size = sizeof count + wanted * sizeof(struct md_module);
    return r;
}

/* Files that were removed or replaced since: still mapped, and also in the list of modules. */
int stream_unloaded_modules(struct minidump *minidump, size_t *ret_rva, size_t *ret_size)
{
    const struct module_list *modules = &minidump->capture->modules;
    struct md_list_head head = {.head_size = sizeof head, .entry_size = sizeof(struct md_unloaded_module)};
    size_t first, at = 0;
    int r;

    for (size_t i = 0; i < modules->count; i++)
        head.count += modules->items[i].deleted;
    r = layout_append(minidump, &head, sizeof head, 4, ret_rva);
    if (r == 0)
        r = layout_append(minidump, NULL, head.count * sizeof(struct md_unloaded_module), 1, &first);
    for (size_t i = 0; r == 0 && i < modules->count; i++) {
        struct md_unloaded_module module = {.base = modules->items[i].base,
                                            .size = module_size(minidump->capture, i)};

        if (!modules->items[i].deleted)
            continue;
        r = module_name(minidump, &modules->items[i], &module.name_rva);
        if (r == 0)
            ((struct md_unloaded_module *)layout_at(minidump, first))[at++] = module;
    }
    *ret_size = sizeof head + head.count * sizeof(struct md_unloaded_module);
    return r;
}
