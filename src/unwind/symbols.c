#include "unwind/symbols.h"

#include "base/array.h"
#include "base/sorted.h"

#include <errno.h>
#include <string.h>

enum {
    TABLES_MAX = 4,    /* .symtab or .dynsym, .gnu_debugdata, of a separate file, of linkage */
    CHUNK = 64 * 1024, /* tables are read in pieces of this size */
    COMPARED =
        128, /* bytes of a name; a file can give a million functions one address and one endless name */
};

#define NONE UINT32_MAX

/* Sized, a function rather than a label, binding: in this order the better of two at one address. */
enum rank { RANK_LOCAL = 1, RANK_WEAK = 2, RANK_GLOBAL = 3, RANK_FUNCTION = 4, RANK_SIZED = 8 };

struct symbol {
    uint64_t address;
    uint32_t size;      /* reach, where the table has none */
    uint32_t name;      /* in the strings of its table */
    uint32_t enclosing; /* index of the function that this one stands in; NONE */
    uint8_t table, rank;
};

struct symbols {
    struct symbol *items; /* ascending address once sorted, each address once */
    size_t count, capacity;
    struct {
        char *strings;
        size_t size;
    } tables[TABLES_MAX];
    size_t table_count;
};

/* Where symbols can be, and where one without a size has to end. */
struct room {
    uint64_t start, end;
    bool is_code;
};

struct rooms {
    struct room *items; /* by section index */
    size_t count, capacity;
};

static void rooms_release(struct rooms *rooms)
{
    free(rooms->items);
}

struct symbols *symbols_new(void)
{
    return calloc(1, sizeof(struct symbols));
}

void symbols_free(struct symbols *symbols)
{
    if (!symbols)
        return;
    for (size_t i = 0; i < symbols->table_count; i++)
        free(symbols->tables[i].strings);
    free(symbols->items);
    free(symbols);
}

size_t symbols_count(const struct symbols *symbols)
{
    return symbols->count;
}

size_t symbols_size(const struct symbols *symbols)
{
    size_t size = sizeof *symbols + symbols->capacity * sizeof symbols->items[0];

    for (size_t i = 0; i < symbols->table_count; i++)
        size += symbols->tables[i].size;
    return size;
}

static const char *name_of(const struct symbols *symbols, const struct symbol *symbol)
{
    return symbols->tables[symbol->table].strings + symbol->name;
}

static uint64_t end_of(const struct symbol *symbol)
{
    uint64_t end;

    return __builtin_add_overflow(symbol->address, symbol->size, &end) ? UINT64_MAX : end;
}

static int rooms_read(const struct elf_file *file, struct rooms *rooms)
{
    int r = ARRAY_RESERVE(rooms, 1, LIMIT_ELF_SECTIONS);

    if (r < 0)
        return r;
    rooms->items[rooms->count++] = (struct room){0}; /* SHN_UNDEF */
    for (Elf_Scn *section = NULL; (section = elf_nextscn(file->elf, section));) {
        GElf_Shdr header;
        struct room room = {0};

        r = ARRAY_RESERVE(rooms, 1, LIMIT_ELF_SECTIONS);
        if (r < 0)
            return r;
        if (gelf_getshdr(section, &header) && (header.sh_flags & SHF_ALLOC) &&
            !__builtin_add_overflow(header.sh_addr, header.sh_size, &room.end)) {
            room.start = header.sh_addr;
            room.is_code = header.sh_flags & SHF_EXECINSTR;
        }
        rooms->items[rooms->count++] = room;
    }
    return 0;
}

/* What a function is made of in hand-written assembly is often only labels; those that assemblers and linkers
 * make for themselves ("$x" on ARM, ".L1") name nothing. */
static bool is_function(const Elf64_Sym *entry, const struct room *room, const char *name)
{
    unsigned type = ELF64_ST_TYPE(entry->st_info);

    if (entry->st_value < room->start || entry->st_value >= room->end || !*name)
        return false;
    if (type == STT_FUNC || type == STT_GNU_IFUNC)
        return true;
    return type == STT_NOTYPE && room->is_code && name[0] != '$' && name[0] != '.';
}

static uint8_t rank_of(const Elf64_Sym *entry)
{
    unsigned binding = ELF64_ST_BIND(entry->st_info), rank = RANK_LOCAL;

    if (binding == STB_GLOBAL || binding == STB_GNU_UNIQUE)
        rank = RANK_GLOBAL;
    else if (binding == STB_WEAK)
        rank = RANK_WEAK;
    if (ELF64_ST_TYPE(entry->st_info) != STT_NOTYPE)
        rank |= RANK_FUNCTION;
    return (uint8_t)(entry->st_size ? rank | RANK_SIZED : rank);
}

/* The entry, if it is of a function, of the newest table. */
static int entry_add(struct symbols *symbols, const Elf64_Sym *entry, const struct room *room)
{
    size_t table = symbols->table_count - 1;
    uint64_t size = entry->st_size ? entry->st_size : room->end - entry->st_value;
    int r;

    if (entry->st_name >= symbols->tables[table].size ||
        !is_function(entry, room, symbols->tables[table].strings + entry->st_name))
        return 0;
    r = ARRAY_RESERVE(symbols, 1, LIMIT_SYMBOLS);
    if (r < 0)
        return r == -ENOBUFS ? 0 : r;
    symbols->items[symbols->count++] = (struct symbol){
        .address = entry->st_value,
        .size = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX,
        .name = entry->st_name,
        .enclosing = NONE,
        .table = (uint8_t)table,
        .rank = rank_of(entry),
    };
    return 0;
}

static int table_begin(struct symbols *symbols, char *strings, size_t size)
{
    if (symbols->table_count == TABLES_MAX) {
        free(strings);
        return -ENOBUFS;
    }
    symbols->tables[symbols->table_count].strings = strings;
    symbols->tables[symbols->table_count++].size = size;
    return 0;
}

int symbols_add_read(struct symbols *symbols, const Elf64_Sym *entries, size_t count, char *strings,
                     size_t strings_size, uint64_t end)
{
    const struct room room = {.end = end, .is_code = true};
    int r = table_begin(symbols, strings, strings_size);

    for (size_t i = 0; i < count && r == 0; i++)
        if (entries[i].st_shndx != SHN_UNDEF && entries[i].st_shndx < SHN_LORESERVE)
            r = entry_add(symbols, &entries[i], &room);
    return r;
}

static Elf64_Sym widen(const Elf32_Sym *narrow)
{
    return (Elf64_Sym){.st_name = narrow->st_name,
                       .st_info = narrow->st_info,
                       .st_other = narrow->st_other,
                       .st_shndx = narrow->st_shndx,
                       .st_value = narrow->st_value,
                       .st_size = narrow->st_size};
}

/* Both are in the byte order of this machine: elf_file.h lets no other in. */
static int entries_read(struct symbols *symbols, const struct elf_file *file, const GElf_Shdr *table,
                        const struct rooms *rooms)
{
    bool is_64 = gelf_getclass(file->elf) == ELFCLASS64;
    size_t size = is_64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym), most = CHUNK / size;
    uint64_t left = table->sh_size / size, at = table->sh_offset;
    _cleanup_free_ char *chunk = malloc(CHUNK);

    if (!chunk)
        return -ENOMEM;
    left = left < LIMIT_SYMBOL_ENTRIES ? left : LIMIT_SYMBOL_ENTRIES;
    while (left) {
        size_t wanted = left < most ? (size_t)left : most;
        ssize_t n = memory_read(file->memory, at, chunk, wanted * size);

        if (n < (ssize_t)size)
            return 0; /* what is there counts */
        for (size_t i = 0; i < (size_t)n / size; i++) {
            Elf32_Sym narrow;
            Elf64_Sym entry;
            int r;

            if (is_64)
                memcpy(&entry, chunk + i * size, sizeof entry);
            else
                memcpy(&narrow, chunk + i * size, sizeof narrow);
            entry = is_64 ? entry : widen(&narrow);
            if (entry.st_shndx == SHN_UNDEF || entry.st_shndx >= rooms->count)
                continue;
            r = entry_add(symbols, &entry, &rooms->items[entry.st_shndx]);
            if (r < 0)
                return r;
        }
        at += (uint64_t)n / size * size;
        left -= (uint64_t)n / size;
    }
    return 0;
}

int symbols_add(struct symbols *symbols, const struct elf_file *file, uint32_t type)
{
    _cleanup_(rooms_release) struct rooms rooms = {0};
    GElf_Shdr table, strings_header;
    char *strings;
    int r;

    if (!file->memory || !elf_file_section(file, NULL, type, &table) ||
        !gelf_getshdr(elf_getscn(file->elf, table.sh_link), &strings_header) ||
        strings_header.sh_type != SHT_STRTAB)
        return -ENOENT;
    r = elf_file_read(file, &strings_header, LIMIT_SYMBOL_NAMES, &strings);
    if (r < 0)
        return r == -ENOMEM ? r : -ENOENT;
    r = table_begin(symbols, strings, strings_header.sh_size);
    if (r == 0)
        r = rooms_read(file, &rooms);
    return r < 0 ? r : entries_read(symbols, file, &table, &rooms);
}

static size_t underscores(const char *name)
{
    size_t count = 0;

    while (count < COMPARED && name[count] == '_')
        count++;
    return count;
}

/* Not by name: a sort compares each twenty times, and a file can give a million functions one address. */
static int compare(const void *one, const void *other)
{
    const struct symbol *a = one, *b = other;

    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    return 0;
}

/* Of two at one address the one to be shown stands first. */
static int compare_shown(const struct symbols *symbols, const struct symbol *a, const struct symbol *b)
{
    const char *name_a, *name_b;
    size_t size_a, size_b;

    if (a->rank != b->rank)
        return a->rank > b->rank ? -1 : 1;
    name_a = name_of(symbols, a);
    name_b = name_of(symbols, b);
    size_a = underscores(name_a);
    size_b = underscores(name_b);
    if (size_a != size_b)
        return size_a < size_b ? -1 : 1;
    size_a = strnlen(name_a, COMPARED);
    size_b = strnlen(name_b, COMPARED);
    if (size_a != size_b)
        return size_a < size_b ? -1 : 1;
    return strncmp(name_a, name_b, COMPARED);
}

static struct symbol shown_of(const struct symbols *symbols, size_t first, size_t *ret_end)
{
    size_t best = first, i = first + 1;

    for (; i < symbols->count && symbols->items[i].address == symbols->items[first].address; i++)
        if (compare_shown(symbols, &symbols->items[i], &symbols->items[best]) < 0)
            best = i;
    *ret_end = i;
    return symbols->items[best];
}

/* Gives every function its end and the one that it stands in. A label inside a function of known size is none
 * of its own. */
static void arrange(struct symbols *symbols)
{
    size_t kept = 0;

    for (size_t i = 0, end; i < symbols->count; i = end) {
        struct symbol symbol = shown_of(symbols, i, &end);
        uint32_t around = kept ? (uint32_t)(kept - 1) : NONE;

        while (around != NONE && end_of(&symbols->items[around]) <= symbol.address)
            around = symbols->items[around].enclosing;
        if (!(symbol.rank & RANK_SIZED)) {
            if (around != NONE)
                continue;
            if (end < symbols->count && symbols->items[end].address - symbol.address < symbol.size)
                symbol.size = (uint32_t)(symbols->items[end].address - symbol.address);
        }
        symbol.enclosing = around;
        symbols->items[kept++] = symbol;
    }
    symbols->count = kept;
}

void symbols_sort(struct symbols *symbols)
{
    struct symbol *fitting;

    if (!symbols->count)
        return;
    qsort(symbols->items, symbols->count, sizeof symbols->items[0], compare);
    arrange(symbols);
    fitting = realloc(symbols->items, symbols->count * sizeof symbols->items[0]);
    if (fitting) {
        symbols->items = fitting;
        symbols->capacity = symbols->count;
    }
}

bool symbols_find(const struct symbols *symbols, uint64_t address, const char **ret_name, uint64_t *ret_start)
{
    size_t begun = SORTED_UP_TO(symbols->items, symbols->count, address, address);
    uint32_t at;

    at = begun ? (uint32_t)(begun - 1) : NONE;
    for (unsigned i = 0; i < LIMIT_ENCLOSING && at != NONE && end_of(&symbols->items[at]) <= address; i++)
        at = symbols->items[at].enclosing;
    if (at == NONE || end_of(&symbols->items[at]) <= address)
        return false;
    *ret_name = name_of(symbols, &symbols->items[at]);
    *ret_start = symbols->items[at].address;
    return true;
}
