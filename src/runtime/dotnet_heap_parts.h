/* What dotnet_heap*.c have between them. */
#pragma once

#include "runtime/dotnet_bytes.h"
#include "runtime/dotnet_heap.h"

/* The type's place, made where it is new. */
int dotnet_heap_type(struct dotnet_heap *heap, uint64_t id, uint32_t *ret_type) _must_check_;
/* The events that tell types, and modules. */
int dotnet_heap_types(struct dotnet_heap *heap, struct dotnet_bytes *bytes) _must_check_;
int dotnet_heap_module(struct dotnet_heap *heap, struct dotnet_bytes *bytes) _must_check_;
/* What such an event says of a field from its type on. */
int dotnet_heap_field(struct dotnet_heap *heap, struct dotnet_bytes *bytes, uint32_t *ret_group) _must_check_;
/* Objects by ascending address. */
void dotnet_heap_sort(struct dotnet_heap *heap);
/* Now that all types and modules are known: fields, and types, of which those with the same name become one.
 */
int dotnet_heap_name(struct dotnet_heap *heap) _must_check_;
