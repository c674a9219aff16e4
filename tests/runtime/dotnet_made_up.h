/* A heap as a runtime of .NET would tell it, small and known. */
#pragma once

#include "dotnet_stream.h"

/* Forms by their own numbers, so that an event's form is its id; those of the rundown are 200 more. */
static inline void put_forms(struct buffer *out)
{
    static const uint32_t ids[] = {1, 2, 3, 9, 15, 16, 17, 18, 19, 38, 152};
    struct buffer events = BUFFER_INIT(0);

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        put_form(&events, ids[i], "Microsoft-Windows-DotNETRuntime", ids[i]);
    put_form(&events, 354, "Microsoft-Windows-DotNETRuntimeRundown", 154);
    put_form(&events, 400, "Other", 18);
    put_block(out, "MetadataBlock", &events);
    buffer_release(&events);
}

struct made_up {
    struct buffer events, payload;
    uint64_t nodes_told, edges_told;
};

#define MADE_UP_INIT ((struct made_up){.events = BUFFER_INIT(0), .payload = BUFFER_INIT(0)})

static inline void made_up_release(struct made_up *made)
{
    buffer_release(&made->events);
    buffer_release(&made->payload);
}

/* What stands in payload becomes an event. */
static inline void tell(struct made_up *made, uint32_t form)
{
    put_event(&made->events, form, 1000, &made->payload);
    buffer_clear(&made->payload);
}

static inline void tell_start(struct made_up *made, uint32_t number, uint32_t generation, uint32_t reason,
                              uint32_t kind)
{
    put32(&made->payload, 0);
    put32(&made->payload, 1);
    put16(&made->payload, 1);
    tell(made, 9);
    put32(&made->payload, number);
    put32(&made->payload, generation);
    put32(&made->payload, reason);
    put32(&made->payload, kind);
    put16(&made->payload, 1);
    put64(&made->payload, 0);
    tell(made, 1);
}

static inline void tell_end(struct made_up *made, uint32_t number)
{
    put32(&made->payload, number);
    put32(&made->payload, 2);
    put16(&made->payload, 1);
    tell(made, 2);
    put16(&made->payload, 1);
    tell(made, 3);
}

static inline void put_list(struct buffer *out, uint32_t index, uint32_t count)
{
    put32(out, index);
    put32(out, count);
    put16(out, 1);
}

static inline void tell_type(struct made_up *made, uint64_t id, uint64_t module, const char *name)
{
    put32(&made->payload, 1);
    put16(&made->payload, 1);
    put64(&made->payload, id);
    put64(&made->payload, module);
    put32(&made->payload, 7);
    put32(&made->payload, 0);
    put8(&made->payload, 18);
    put_text(&made->payload, name);
    put32(&made->payload, 1);
    put64(&made->payload, 42);
    tell(made, 15);
}

struct told_node {
    uint64_t address, size, type, edges;
};

static inline void tell_nodes(struct made_up *made, uint32_t index, const struct told_node *nodes,
                              size_t count)
{
    put_list(&made->payload, index, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        put64(&made->payload, nodes[i].address);
        put64(&made->payload, nodes[i].size);
        put64(&made->payload, nodes[i].type);
        put64(&made->payload, nodes[i].edges);
    }
    tell(made, 18);
}

static inline void tell_edges(struct made_up *made, uint32_t index, const uint64_t *targets, size_t count)
{
    put_list(&made->payload, index, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        put64(&made->payload, targets[i]);
        put32(&made->payload, 0);
    }
    tell(made, 19);
}

static inline void tell_root(struct made_up *made, uint64_t address, uint8_t kind, uint32_t flags)
{
    put_list(&made->payload, 0, 1);
    put64(&made->payload, address);
    put8(&made->payload, kind);
    put32(&made->payload, flags);
    put64(&made->payload, 9);
    tell(made, 16);
}

static inline void tell_static(struct made_up *made, uint64_t object, uint64_t type, uint32_t flags,
                               const char *name)
{
    put32(&made->payload, 1);
    put64(&made->payload, 5);
    put16(&made->payload, 1);
    put64(&made->payload, 8);
    put64(&made->payload, object);
    put64(&made->payload, type);
    put32(&made->payload, flags);
    put_text(&made->payload, name);
    tell(made, 38);
}

static inline void tell_module(struct made_up *made, uint32_t form, uint64_t id, const char *path)
{
    put64(&made->payload, id);
    put64(&made->payload, 3);
    put64(&made->payload, 0);
    put_text(&made->payload, path);
    put_text(&made->payload, "");
    tell(made, form);
}
