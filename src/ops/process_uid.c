#include "ops/process_uid.h"

#include "base/clock.h"
#include "proc/pidref.h"
#include "runtime/dotnet_info.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum {
    ONE_MS = 200,     /* for one runtime to answer ... */
    ALL_MS = 1000,    /* ... and what a request has for all that do not */
    REMEMBERED = 256, /* runtimes */
    AGAIN_MS = 60000, /* one that did not answer is asked again */
};

/* Workers have one thread. */
static struct remembered {
    pid_t pid; /* 0: free */
    uint64_t start_ticks, asked_ms;
    char cookie[GUID_TEXT_SIZE]; /* "": it did not answer */
} remembered[REMEMBERED];
static size_t next_place;

void process_uids_init(struct process_uids *uids, const struct operation_context *context)
{
    *uids = (struct process_uids){.procfs = context->procfs, .patience_ms = ALL_MS};
    process_guid_boot(context->procfs, uids->boot);
}

static struct remembered *find(pid_t pid, uint64_t start_ticks)
{
    for (size_t i = 0; i < REMEMBERED; i++)
        if (remembered[i].pid == pid && remembered[i].start_ticks == start_ticks)
            return &remembered[i];
    return NULL;
}

static int ask(const struct procfs *procfs, pid_t pid, uint64_t start_ticks, uint64_t deadline_ms,
               char ret_cookie[GUID_TEXT_SIZE])
{
    _cleanup_pidref_ struct pidref process = PIDREF_INIT;
    _cleanup_dotnet_ struct dotnet dotnet = DOTNET_INIT;
    struct dotnet_info info;
    int r = pidref_open(procfs, pid, &process, NULL);

    if (r == 0 && process.start_time != start_ticks)
        r = -ESRCH;
    if (r == 0)
        r = dotnet_find(&process, &dotnet, NULL);
    if (r == 0)
        r = dotnet_info_read(&dotnet, deadline_ms, &info, NULL);
    if (r == 0)
        memcpy(ret_cookie, info.cookie, GUID_TEXT_SIZE);
    return r;
}

/* "" where there is none, or none is told. again: also of one that did not answer a moment ago. */
static const char *cookie_of(struct process_uids *uids, pid_t pid, uint64_t start_ticks,
                             const struct runtime *runtime, bool again)
{
    uint64_t now = clock_monotonic_ms(), wait_ms = uids->patience_ms < ONE_MS ? uids->patience_ms : ONE_MS;
    struct remembered *known = find(pid, start_ticks);

    if (runtime->kind != RUNTIME_DOTNET)
        return "";
    if (known && (known->cookie[0] || (!again && now - known->asked_ms < AGAIN_MS)))
        return known->cookie;
    if (wait_ms == 0)
        return "";
    if (!known)
        known = &remembered[next_place++ % REMEMBERED];
    *known = (struct remembered){.pid = pid, .start_ticks = start_ticks, .asked_ms = now};
    if (ask(uids->procfs, pid, start_ticks, now + wait_ms, known->cookie) < 0) {
        uint64_t took = clock_monotonic_ms() - now;
        uids->patience_ms -= took < uids->patience_ms ? took : uids->patience_ms;
    }
    return known->cookie;
}

static void derived(const struct process_uids *uids, pid_t pid, uint64_t start_ticks,
                    char ret_uid[GUID_TEXT_SIZE])
{
    uint8_t guid[GUID_SIZE];

    process_guid(uids->boot, pid, start_ticks, guid);
    guid_text(guid, ret_uid);
}

void process_uid(struct process_uids *uids, pid_t pid, uint64_t start_ticks, const struct runtime *runtime,
                 char ret_uid[GUID_TEXT_SIZE])
{
    const char *cookie = cookie_of(uids, pid, start_ticks, runtime, false);

    if (*cookie)
        memcpy(ret_uid, cookie, GUID_TEXT_SIZE);
    else
        derived(uids, pid, start_ticks, ret_uid);
}

bool process_uid_is(struct process_uids *uids, pid_t pid, uint64_t start_ticks, const struct runtime *runtime,
                    const char *uid)
{
    char own[GUID_TEXT_SIZE];

    derived(uids, pid, start_ticks, own);
    return strcasecmp(own, uid) == 0 ||
           strcasecmp(cookie_of(uids, pid, start_ticks, runtime, true), uid) == 0;
}
