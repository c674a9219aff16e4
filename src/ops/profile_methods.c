/* Names of methods of .NET in a profile. Its runtime alone knows them, and tells all at once: so it is asked
 * when sampling is over. Code stays where it was made, but for methods that are made at run time. */
#include "ops/profile_wish.h"

#include "runtime/dotnet_names.h"

/* Of no file, and without a name that the runtime has written down. */
static bool is_unnamed(const struct profile_frame *frame)
{
    return frame->function == STRING_NONE && frame->module == MODULE_NONE && frame->address != 0 &&
           !frame->kernel;
}

int profile_name_methods(const struct pidref *target, uint64_t patience_ms, struct profile *profile)
{
    _cleanup_dotnet_names_ struct dotnet_names names = DOTNET_NAMES_INIT(target, patience_ms);
    int r = 0;

    for (uint32_t i = FRAMES_OWN; i < profile->frames.count && r == 0; i++) {
        const char *name;
        uint64_t offset;

        if (is_unnamed(&profile->frames.items[i]) &&
            dotnet_names_find(&names, profile->frames.items[i].address, &name, &offset))
            r = profile_name_frame(profile, i, name);
    }
    if (names.runtime.kind == RUNTIME_DOTNET)
        profile->unnamed = names.error;
    return r;
}
