#include "proc/users.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>

enum { USERS_MAX = 4096, SLOTS = 2 * USERS_MAX, NUMBER_TEXT = 12, PASSING = 64 };
enum { NAMELESS_FOR_MS = 60000, RECORD_MAX = 1024 * 1024 };

/* Open addressing. Names are never freed, since callers keep them; a nameless user's slot begins with its
 * number and may get a name later, once. */
struct user {
    uid_t uid;
    const char *name; /* NULL: a free slot */
    bool nameless;
    uint64_t asked_ms;
    char number[NUMBER_TEXT];
};

static struct user *users;
static unsigned user_count;
static pthread_mutex_t users_lock = PTHREAD_MUTEX_INITIALIZER;

/* An own copy of the login name, NULL where there is none or it can't be found out. */
static char *look_up(uid_t uid)
{
    for (size_t size = 1024; size <= RECORD_MAX; size *= 4) {
        _cleanup_free_ char *text = malloc(size);
        struct passwd record, *found = NULL;
        int r;

        if (!text)
            return NULL;
        do
            r = getpwuid_r(uid, &record, text, size, &found);
        while (r == EINTR);
        if (r == ERANGE)
            continue;
        return r == 0 && found && found->pw_name[0] ? strdup(found->pw_name) : NULL;
    }
    return NULL;
}

static void name_slot(struct user *user, uid_t uid, uint64_t now)
{
    char *name = look_up(uid);

    user->uid = uid;
    user->asked_ms = now;
    user->nameless = !name;
    if (!name)
        (void)snprintf(user->number, sizeof user->number, "%u", (unsigned)uid); /* 10 digits at most */
    user->name = name ? name : user->number;
}

static const char *passing_number(uid_t uid)
{
    static _Thread_local char numbers[PASSING][NUMBER_TEXT];
    static _Thread_local unsigned next;
    char *number = numbers[next++ % PASSING];

    (void)snprintf(number, NUMBER_TEXT, "%u", (unsigned)uid); /* 10 digits at most */
    return number;
}

static const char *remembered_name(uid_t uid)
{
    unsigned at = (uid * 2654435761u) % SLOTS;
    uint64_t now = clock_monotonic_ms();

    if (!users)
        users = calloc(SLOTS, sizeof *users);
    if (!users)
        return passing_number(uid);
    while (users[at].name && users[at].uid != uid)
        at = (at + 1) % SLOTS;
    if (!users[at].name && user_count == USERS_MAX)
        return passing_number(uid);
    if (!users[at].name) {
        name_slot(&users[at], uid, now);
        user_count++;
    } else if (users[at].nameless && now - users[at].asked_ms > NAMELESS_FOR_MS) {
        name_slot(&users[at], uid, now);
    }
    return users[at].name;
}

const char *user_name(uid_t uid)
{
    const char *name;

    (void)pthread_mutex_lock(&users_lock); /* can't fail for a plain mutex */
    name = remembered_name(uid);
    (void)pthread_mutex_unlock(&users_lock);
    return name;
}
