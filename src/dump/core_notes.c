#include "dump/core_notes.h"

#include "base/limits.h"
#include "proc/stat.h"
#include "proc/status.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

enum {
    NAME_SIZE = 8,      /* "CORE" and "LINUX" with their NUL, padded to 4 */
    SIGINFO_SIZE = 128, /* siginfo_t of all 64-bit machines */
    NOTES_MAX = CORE_MACHINE_NOTES_MAX + 2,
};

/* Nothing in a note is aligned to more than 4 bytes, in the files of 64-bit machines neither: what the kernel
 * writes goes before what the gABI says. */
static uint32_t padding_of(uint32_t size)
{
    return (4 - size % 4) % 4;
}

static uint64_t note_size(const struct core_note *note)
{
    return sizeof(Elf64_Nhdr) + NAME_SIZE + (uint64_t)note->size + padding_of(note->size);
}

struct note_head {
    Elf64_Nhdr header;
    char name[NAME_SIZE];
};

static struct note_head note_head(const struct core_note *note)
{
    struct note_head head = {.header = {.n_namesz = (uint32_t)strlen(note->name) + 1,
                                        .n_descsz = note->size,
                                        .n_type = note->type}};

    memcpy(head.name, note->name, head.header.n_namesz);
    return head;
}

static int append_note(struct buffer *notes, const struct core_note *note)
{
    struct note_head head = note_head(note);
    int r = buffer_append(notes, &head, sizeof head);

    if (r == 0)
        r = buffer_append(notes, note->bytes, note->size);
    return r == 0 ? buffer_append_zeros(notes, padding_of(note->size)) : r;
}

static struct timeval timeval_of(int64_t ns)
{
    return (struct timeval){.tv_sec = ns / 1000000000, .tv_usec = ns % 1000000000 / 1000};
}

static void read_stat(const struct capture *capture, struct proc_stat *stat)
{
    if (proc_stat_parse(buffer_string(&capture->stat_text), capture->stat_text.size, stat) < 0)
        *stat = (struct proc_stat){.pid = capture->pid, .parent = capture->parent};
}

/* As the kernel's fill_psinfo() has it. */
static int append_process(const struct capture *capture, struct buffer *notes)
{
    static const char states[] = "RSDTZW";
    struct elf_prpsinfo info = {.pr_pid = capture->pid, .pr_ppid = capture->parent, .pr_uid = capture->user};
    struct proc_stat stat;
    struct proc_status status;
    const char *state;

    read_stat(capture, &stat);
    state = stat.state ? strchr(states, stat.state) : NULL;
    info.pr_state = (char)(state ? state - states : 0);
    info.pr_sname = stat.state ? stat.state : 'R';
    info.pr_zomb = stat.state == 'Z';
    info.pr_nice = (char)stat.nice;
    info.pr_flag = stat.flags;
    info.pr_pgrp = stat.group;
    info.pr_sid = stat.session;
    if (proc_status_parse(buffer_string(&capture->status_text), capture->status_text.size, &status) == 0) {
        info.pr_uid = status.uid[0];
        info.pr_gid = status.gid[0];
    }
    memcpy(info.pr_fname, capture->name, strnlen(capture->name, sizeof info.pr_fname - 1));
    for (size_t i = 0; i < capture->cmdline.size && i < sizeof info.pr_psargs - 1; i++)
        info.pr_psargs[i] = capture->cmdline.data[i] ? capture->cmdline.data[i] : ' ';
    return append_note(notes, &(struct core_note){"CORE", NT_PRPSINFO, sizeof info, &info});
}

/* What the kernel takes for a mapped file: anything with an inode that has a name. */
static bool is_of_file(const struct map *map)
{
    return map->inode != 0 && map->path[0] == '/';
}

static const char gone[] = " (deleted)";

/* How many files fit; their names' bytes go into ret_names. */
static uint64_t count_files(const struct map_list *maps, uint64_t *ret_names)
{
    uint64_t count = 0, names = 0;

    for (size_t i = 0; i < maps->count; i++) {
        const struct map *map = &maps->items[i];
        size_t name = strlen(map->path) + 1 + (map->deleted ? strlen(gone) : 0);

        if (!is_of_file(map))
            continue;
        if ((count + 1) * 3 * sizeof(uint64_t) + names + name > LIMIT_FILE_NOTE)
            break;
        count++;
        names += name;
    }
    *ret_names = names;
    return count;
}

static int append_file_places(const struct capture *capture, uint64_t count, struct buffer *notes)
{
    const struct map *map = capture->maps.items;
    uint64_t head[2] = {count, capture->page_size};
    int r = buffer_append(notes, head, sizeof head);

    for (uint64_t left = count; r == 0 && left > 0; map++) {
        uint64_t place[3] = {map->start, map->end, map->offset / capture->page_size};

        if (!is_of_file(map))
            continue;
        r = buffer_append(notes, place, sizeof place);
        left--;
    }
    return r;
}

static int append_file_names(const struct capture *capture, uint64_t count, struct buffer *notes)
{
    const struct map *map = capture->maps.items;
    int r = 0;

    for (uint64_t left = count; r == 0 && left > 0; map++) {
        if (!is_of_file(map))
            continue;
        r = buffer_append_string(notes, map->path);
        /* so that no reader takes the file which stands there now for this one */
        if (r == 0 && map->deleted)
            r = buffer_append_string(notes, gone);
        if (r == 0)
            r = buffer_append_zeros(notes, 1);
        left--;
    }
    return r;
}

static int append_files(const struct capture *capture, struct buffer *notes)
{
    uint64_t names, count = count_files(&capture->maps, &names);
    struct core_note note = {"CORE", NT_FILE, (uint32_t)((2 + count * 3) * sizeof(uint64_t) + names), NULL};
    struct note_head head = note_head(&note);
    int r = buffer_append(notes, &head, sizeof head);

    if (r == 0)
        r = append_file_places(capture, count, notes);
    if (r == 0)
        r = append_file_names(capture, count, notes);
    return r == 0 ? buffer_append_zeros(notes, padding_of(note.size)) : r;
}

int core_process_notes(const struct capture *capture, struct buffer *notes)
{
    int r = append_process(capture, notes);

    if (r == 0 && capture->auxv.size > 0)
        r = append_note(
            notes, &(struct core_note){"CORE", NT_AUXV, (uint32_t)capture->auxv.size, capture->auxv.data});
    return r == 0 ? append_files(capture, notes) : r;
}

static size_t thread_notes(const struct capture_thread *thread, const struct elf_prstatus *status,
                           struct core_note notes[NOTES_MAX])
{
    notes[0] = (struct core_note){"CORE", NT_PRSTATUS, sizeof *status, status};
    notes[1] = (struct core_note){"CORE", NT_SIGINFO, SIGINFO_SIZE, NULL}; /* no signal: it lives */
    return 2 + core_machine_notes(thread, notes + 2);
}

uint64_t core_thread_notes_size(const struct capture_thread *thread)
{
    struct core_note notes[NOTES_MAX];
    size_t count = thread_notes(thread, NULL, notes);
    uint64_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += note_size(&notes[i]);
    return size;
}

static int put_note(const struct core_note *note, struct batch *batch)
{
    struct note_head head = note_head(note);
    int r = batch_put(batch, &head, sizeof head);

    if (r == 0)
        r = batch_put(batch, note->bytes, note->size);
    return r == 0 ? batch_put(batch, NULL, padding_of(note->size)) : r;
}

int core_put_thread_notes(const struct capture *capture, const struct capture_thread *thread,
                          struct batch *batch)
{
    struct elf_prstatus status = {.pr_pid = thread->id, .pr_ppid = capture->parent, .pr_fpvalid = 1};
    struct core_note notes[NOTES_MAX];
    size_t count = thread_notes(thread, &status, notes);
    int r = 0;

    status.pr_utime = timeval_of(thread->user_time);
    status.pr_stime = timeval_of(thread->system_time);
    core_general_registers(&thread->registers, &status.pr_reg);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = put_note(&notes[i], batch);
    return r;
}
