#include "capture/core_file.h"

#include "base/array.h"
#include "capture/core_memory.h"
#include "capture/core_modules.h"

#include <errno.h>
#include <gelf.h>
#include <string.h>
#include <sys/procfs.h>

struct core {
    Elf *elf;
    struct capture capture;
    struct core_segment_list segments;
    struct buffer files;  /* NT_FILE */
    uint64_t notes_bytes; /* which libelf keeps in memory */
};

static void core_release(struct core *core)
{
    (void)elf_end(core->elf); /* accepts NULL */
    capture_release(&core->capture);
    free(core->segments.items);
    buffer_release(&core->files);
}

static int add_segment(struct core *core, const GElf_Phdr *segment)
{
    struct map_list *maps = &core->capture.maps;
    int r;

    if (segment->p_memsz == 0 || segment->p_vaddr > UINT64_MAX - segment->p_memsz)
        return 0;
    /* cores have them in order; one that does not has no use for the rest */
    if (maps->count > 0 && segment->p_vaddr < maps->items[maps->count - 1].end)
        return 0;
    r = ARRAY_RESERVE(maps, 1, LIMIT_MAPS);
    if (r == 0 && segment->p_filesz > 0)
        r = ARRAY_RESERVE(&core->segments, 1, LIMIT_MAPS);
    if (r < 0)
        return r;
    maps->items[maps->count++] = (struct map){
        .start = segment->p_vaddr,
        .end = segment->p_vaddr + segment->p_memsz,
        .permissions = (segment->p_flags & PF_R ? MAP_READ : 0u) |
                       (segment->p_flags & PF_W ? MAP_WRITE : 0u) |
                       (segment->p_flags & PF_X ? MAP_EXECUTE : 0u),
        .path = "",
    };
    if (segment->p_filesz > 0)
        core->segments.items[core->segments.count++] = (struct core_segment){
            segment->p_vaddr, segment->p_filesz < segment->p_memsz ? segment->p_filesz : segment->p_memsz,
            segment->p_offset};
    return 0;
}

static int add_thread(struct core *core, const void *bytes, size_t size)
{
    struct capture *capture = &core->capture;
    struct capture_thread *thread;
    struct elf_prstatus status;
    int r;

    if (size < sizeof status)
        return 0;
    memcpy(&status, bytes, sizeof status);
    if (capture->thread_count == capture->thread_capacity) {
        void *threads = capture->threads;

        r = array_grow(&threads, capture->thread_count, &capture->thread_capacity, 1, sizeof *thread,
                       LIMIT_THREADS);
        capture->threads = threads;
        if (r < 0)
            return r;
    }
    thread = &capture->threads[capture->thread_count++];
    *thread = (struct capture_thread){.id = status.pr_pid};
    _Static_assert(sizeof status.pr_reg == sizeof thread->registers.general, "both are the kernel's");
    memcpy(&thread->registers.general, &status.pr_reg, sizeof status.pr_reg);
    return 0;
}

static void read_process(struct capture *capture, const void *bytes, size_t size)
{
    struct elf_prpsinfo process;

    if (size < sizeof process)
        return;
    memcpy(&process, bytes, sizeof process);
    capture->pid = process.pr_pid;
    capture->parent = process.pr_ppid;
    capture->user = process.pr_uid;
    (void)snprintf(capture->name, sizeof capture->name, "%.*s", (int)sizeof process.pr_fname,
                   process.pr_fname);
}

static int add_note(struct core *core, unsigned type, const void *bytes, size_t size)
{
    switch (type) {
    case NT_PRSTATUS:
        return add_thread(core, bytes, size);
    case NT_PRPSINFO:
        read_process(&core->capture, bytes, size);
        return 0;
    case NT_AUXV:
        return core->capture.auxv.size > 0 ? 0 : buffer_append(&core->capture.auxv, bytes, size);
    case NT_FILE:
        return core->files.size > 0 ? 0 : buffer_append(&core->files, bytes, size);
    default:
        return 0;
    }
}

/* All notes of note segments named CORE: those named LINUX have other meanings for the same numbers. */
static int add_notes(struct core *core, const GElf_Phdr *segment)
{
    Elf_Data *data;
    size_t at = 0, next, name, contents;
    GElf_Nhdr note;
    int r = 0;

    if (segment->p_filesz > LIMIT_CORE_NOTES - core->notes_bytes)
        return -ENOBUFS;
    core->notes_bytes += segment->p_filesz;
    data = elf_getdata_rawchunk(core->elf, (int64_t)segment->p_offset, segment->p_filesz, ELF_T_NHDR);
    while (data && r == 0 && (next = gelf_getnote(data, at, &note, &name, &contents)) > 0) {
        const char *bytes = data->d_buf;

        if (note.n_namesz == sizeof "CORE" && memcmp(bytes + name, "CORE", sizeof "CORE") == 0)
            r = add_note(core, note.n_type, bytes + contents, note.n_descsz);
        at = next;
    }
    return r;
}

static int read_segments(struct core *core)
{
    size_t count;
    int r = 0;

    if (elf_getphdrnum(core->elf, &count) < 0)
        return -EINVAL;
    for (size_t i = 0; i < count && r == 0; i++) {
        GElf_Phdr segment;

        if (!gelf_getphdr(core->elf, (int)i, &segment))
            return -EINVAL;
        if (segment.p_type == PT_LOAD)
            r = add_segment(core, &segment);
        else if (segment.p_type == PT_NOTE)
            r = add_notes(core, &segment);
    }
    return r;
}

static bool is_core_of_this_machine(Elf *elf)
{
    GElf_Ehdr header;

    return elf && elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &header) && header.e_type == ET_CORE &&
           header.e_ident[EI_CLASS] == ELFCLASS64 &&
#if defined(__x86_64__)
           header.e_machine == EM_X86_64;
#elif defined(__aarch64__)
           header.e_machine == EM_AARCH64;
#endif
}

static int find_modules(struct core *core, const struct memory *memory)
{
    int r = core_files_read(&core->capture, (const uint8_t *)core->files.data, core->files.size);

    return r < 0 ? r : core_modules_find(&core->capture, memory);
}

int capture_core(int fd, struct capture *ret_capture, struct memory **ret_memory, struct error *error)
{
    _cleanup_(core_release) struct core core = {0};
    _cleanup_memory_ struct memory *memory = NULL;
    int r;

    if (elf_version(EV_CURRENT) == EV_NONE)
        return error_set(error, EOPNOTSUPP, "This libelf is too old.");
    core.elf = elf_begin(fd, ELF_C_READ, NULL); /* not mapped: the file may be cut while it is read */
    if (!is_core_of_this_machine(core.elf))
        return error_set(error, EINVAL,
                         "The file is no ELF core of a 64-bit process of this kind of machine.");
    core.capture.page_size = (uint64_t)sysconf(_SC_PAGESIZE);
    core.files.limit = core.capture.auxv.limit = LIMIT_CORE_NOTES;
    core.capture.maps.paths.limit = LIMIT_CORE_NOTES + 1;
    r = read_segments(&core);
    if (r == -EINVAL)
        return error_set(error, EINVAL, "The core file is broken: its segments can't be read.");
    if (r == -ENOBUFS)
        return error_set(error, EFBIG, "The core file has more notes, threads or segments than can be.");
    if (r == 0 && core.capture.thread_count == 0)
        return error_set(error, EINVAL, "The core file holds no threads.");
    if (r == 0)
        r = core_memory_new(fd, &core.segments, &memory);
    if (r == 0)
        r = find_modules(&core, memory);
    if (r < 0)
        return error_errno(error, -r, "The core file could not be read");
    core.capture.requesting_thread = core.capture.threads[0].id;
    if (core.capture.pid == 0)
        core.capture.pid = core.capture.threads[0].id;
    *ret_capture = core.capture;
    core.capture = (struct capture){0};
    *ret_memory = TAKE_PTR(memory);
    return 0;
}
