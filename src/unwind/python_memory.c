#include "unwind/python_memory.h"

#include <errno.h>
#include <string.h>

enum { PAGE = 4096, BLOCK = 64 /* pages */ };

static struct python_page *place_of(const struct python_memory *self, uint64_t number)
{
    size_t at = (size_t)(number * 0x9e3779b97f4a7c15u >> 32); /* 2^64 over the golden ratio */

    for (;; at++) {
        struct python_page *page = &self->pages[at & (self->place_count - 1)];

        if (!page->bytes || page->number == number)
            return page;
    }
}

static uint8_t *new_page(struct python_memory *self)
{
    size_t block = self->read_count / BLOCK;

    if (block == self->block_count) {
        self->blocks[block] = malloc((size_t)BLOCK * PAGE);
        if (!self->blocks[block])
            return NULL;
        self->block_count++;
    }
    return self->blocks[block] + self->read_count % BLOCK * PAGE;
}

/* Of the stack that has the beginning of the page. */
static bool find_copied(const struct python_memory *self, struct python_page *page)
{
    uint64_t address = page->number * PAGE, left;
    size_t low = 0, high = self->stack_count;
    const struct capture_thread *thread;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (self->stacks[middle]->stack_start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return false;
    thread = self->stacks[low - 1];
    if (address - thread->stack_start >= thread->stack_size)
        return false;
    left = thread->stack_size - (address - thread->stack_start);
    page->bytes = thread->stack + (address - thread->stack_start);
    page->size = left < PAGE ? (uint32_t)left : PAGE;
    return true;
}

/* Where nothing can be read, the page is remembered as empty. */
static int read_page(struct python_memory *self, struct python_page *page)
{
    uint8_t *bytes = self->read_count < self->most ? new_page(self) : NULL;
    ssize_t n;

    if (!bytes)
        return self->read_count < self->most ? -ENOMEM : -ENOBUFS;
    n = memory_read(self->of, page->number * PAGE, bytes, PAGE);
    if (n == -ESRCH)
        return -ESRCH;
    page->bytes = bytes;
    page->size = n > 0 ? (uint32_t)n : 0;
    self->read_count++;
    return 0;
}

static const struct python_page *page_at(struct python_memory *self, uint64_t number)
{
    struct python_page *place = place_of(self, number), page = {.number = number};

    if (place->bytes || self->error < 0)
        return place->bytes ? place : NULL;
    if (self->count >= self->place_count / 2)
        self->error = -ENOBUFS;
    else if (!find_copied(self, &page))
        self->error = read_page(self, &page);
    if (self->error < 0)
        return NULL;
    self->count++;
    *place = page;
    return place;
}

static ssize_t paged_read(const struct memory *memory, uint64_t address, void *bytes, size_t size)
{
    struct python_memory *self = (struct python_memory *)memory; /* what it remembers is not what it is */
    size_t done = 0;

    while (done < size) {
        const struct python_page *page = page_at(self, (address + done) / PAGE);
        uint32_t inside = (uint32_t)((address + done) % PAGE);
        size_t left = size - done;

        if (!page || page->size <= inside)
            break;
        left = left < page->size - inside ? left : page->size - inside;
        memcpy((char *)bytes + done, page->bytes + inside, left);
        done += left;
    }
    return done > 0 || size == 0 ? (ssize_t)done : -EIO;
}

static int by_address(const void *left, const void *right)
{
    const struct capture_thread *a = *(const struct capture_thread *const *)left;
    const struct capture_thread *b = *(const struct capture_thread *const *)right;

    return (a->stack_start > b->stack_start) - (a->stack_start < b->stack_start);
}

static int find_stacks(struct python_memory *memory, const struct capture *capture)
{
    memory->stacks = calloc(capture->thread_count + 1, sizeof(void *));
    if (!memory->stacks)
        return -ENOMEM;
    for (size_t i = 0; i < capture->thread_count; i++)
        if (capture->threads[i].stack)
            memory->stacks[memory->stack_count++] = &capture->threads[i];
    qsort(memory->stacks, memory->stack_count, sizeof(void *), by_address);
    return 0;
}

int python_memory_init(struct python_memory *memory, const struct capture *capture, const struct memory *of,
                       size_t most)
{
    static const struct memory_ops ops = {.name = "python", .read = paged_read};
    size_t places = 1024;

    while (places < most * 4) /* half of them are taken, and stacks are pages, too */
        places *= 2;
    *memory = (struct python_memory){.memory.ops = &ops, .of = of, .most = most, .place_count = places};
    memory->pages = calloc(places, sizeof memory->pages[0]);
    memory->blocks = calloc(most / BLOCK + 1, sizeof memory->blocks[0]);
    if (memory->pages && memory->blocks && find_stacks(memory, capture) == 0)
        return 0;
    python_memory_release(memory);
    return -ENOMEM;
}

void python_memory_release(struct python_memory *memory)
{
    for (size_t i = 0; i < memory->block_count; i++)
        free(memory->blocks[i]);
    free(memory->blocks);
    free(memory->pages);
    free(memory->stacks);
    *memory = (struct python_memory){0};
}
