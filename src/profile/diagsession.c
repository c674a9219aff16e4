/* The profile in a .diagsession, as a .nettrace. */
#include "stream/diagsession.h"
#include "base/limits.h"
#include "profile/formats.h"
#include "profile/index.h"

/* More than the .nettrace can have. */
static uint64_t nettrace_bound(const struct profile *profile)
{
    enum { STRING_COPIES = 3, OF_A_ROW = 128, OF_AN_EVENT = 64 };
    uint64_t rows = profile->frames.count * 2 + profile->modules.count * 3 + profile->threads.count;
    uint64_t bound = 1024 * 1024 + rows * (OF_A_ROW + STRING_COPIES * LIMIT_PROFILE_NAME);
    uint32_t frames[LIMIT_PROFILE_DEPTH + 1];

    for (size_t i = 0; i < profile->counts.count; i++)
        bound +=
            (OF_AN_EVENT + profile_stack(profile, profile->counts.items[i].node, frames) * sizeof(uint64_t)) *
            (profile->counts.items[i].logged + 1ull);
    return bound;
}

int profile_write_diagsession(const struct profile *profile, struct sink *sink)
{
    struct diagsession_resource resource = {.type = "DiagnosticsHub.Resource.File",
                                            .extension = "nettrace",
                                            .name = *profile->facts.name ? profile->facts.name : "profile",
                                            .pid = (int)profile->facts.pid,
                                            .most = nettrace_bound(profile),
                                            .time = profile->facts.began};
    _cleanup_diagsession_ struct diagsession *session = NULL;
    struct sink *nettrace;
    int r;

    resource.id[0] = hash_mix((uint64_t)profile->facts.pid, (uint64_t)profile->facts.began);
    resource.id[1] = hash_mix(resource.id[0], profile->samples);
    r = diagsession_begin(&resource, sink, &session, &nettrace);
    if (r == 0)
        r = profile_write_nettrace(profile, nettrace);
    return r == 0 ? diagsession_finish(session) : r;
}
