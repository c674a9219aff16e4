#include "perf/ring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

int perf_ring_map(struct perf_ring *ring, int fd, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    /* Writable, so that the kernel minds how far we have read, and counts what it loses. */
    void *memory = mmap(NULL, page + size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (memory == MAP_FAILED)
        return -errno;
    ring->fd = fd;
    ring->page = memory;
    ring->bytes = (const char *)memory + page;
    ring->size = size;
    ring->read = ring->head = 0;
    return 0;
}

void perf_ring_unmap(struct perf_ring *ring)
{
    if (ring->page)
        (void)munmap(ring->page, (size_t)sysconf(_SC_PAGESIZE) + ring->size); /* ours: can't fail */
    ring->page = NULL;
    ring->fd = -1;
}

void perf_ring_refresh(struct perf_ring *ring)
{
    ring->head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
}

/* Records and their parts are aligned to 8, so no word wraps. */
static uint64_t word_at(const struct perf_ring *ring, uint64_t position)
{
    uint64_t word;

    memcpy(&word, ring->bytes + (position & (ring->size - 1) & ~7ull), sizeof word);
    return word;
}

/* Where a record has its time: in samples behind pid and tid, in all others at the end, before the id. */
static uint64_t time_of(const struct perf_ring *ring, const struct perf_event_header *header, bool has_id)
{
    uint64_t end = ring->read + header->size;

    if (header->type == PERF_RECORD_SAMPLE)
        return word_at(ring, ring->read + 2 * sizeof(uint64_t));
    return word_at(ring, end - (has_id ? 2 : 1) * sizeof(uint64_t));
}

static bool names_a_process(uint32_t type)
{
    return type == PERF_RECORD_SAMPLE || type == PERF_RECORD_MMAP2 || type == PERF_RECORD_COMM ||
           type == PERF_RECORD_FORK || type == PERF_RECORD_EXIT;
}

bool perf_ring_glance(const struct perf_ring *ring, bool has_id, struct perf_glance *ret_glance)
{
    struct perf_glance glance = {0};
    uint64_t word = word_at(ring, ring->read);

    if (ring->head - ring->read < sizeof glance.header)
        return false;
    memcpy(&glance.header, &word, sizeof glance.header);
    glance.time_ns = time_of(ring, &glance.header, has_id);
    glance.names_process = names_a_process(glance.header.type);
    if (glance.names_process) {
        uint32_t pid;
        word = word_at(ring, ring->read + sizeof(uint64_t));
        memcpy(&pid, &word, sizeof pid);
        glance.pid = (pid_t)pid;
    }
    *ret_glance = glance;
    return true;
}

const void *perf_ring_record(const struct perf_ring *ring, size_t size, void *spare)
{
    size_t begin = (size_t)(ring->read & (ring->size - 1)), first = ring->size - begin;

    if (size <= first)
        return ring->bytes + begin;
    memcpy(spare, ring->bytes + begin, first);
    memcpy((char *)spare + first, ring->bytes, size - first);
    return spare;
}

void perf_ring_skip(struct perf_ring *ring, size_t size)
{
    ring->read += size;
}

void perf_ring_give_back(struct perf_ring *ring)
{
    __atomic_store_n(&ring->page->data_tail, ring->read, __ATOMIC_RELEASE);
}
