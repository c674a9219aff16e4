/* What was asked of a .NET runtime beside stacks. Both accept NULL: it was not asked. */
#pragma once

#include "base/json.h"
#include "runtime/dotnet_names.h"

/* The member "runtime": which one it is, when it told its methods, and what is wrong. */
void dotnet_member_runtime(struct json *json, const struct dotnet_names *names);
/* The same for people. */
int dotnet_text_runtime(struct buffer *out, const struct dotnet_names *names) _must_check_;
