#include "runtime/java_line.h"

#include "base/parse.h"

#include <string.h>

static bool begins(const char *text, const char *words)
{
    return strncmp(text, words, strlen(words)) == 0;
}

/* NULL where the text doesn't begin with the words. */
static char *behind(char *text, const char *words)
{
    return begins(text, words) ? text + strlen(words) : NULL;
}

static const char *end_of(const char *text)
{
    return text + strlen(text);
}

/* Decimal, or hexadecimal behind 0x. */
static bool scan_number(const char *text, const char *end, uint64_t *ret_value)
{
    if (end - text > 2 && begins(text, "0x")) {
        text += 2;
        return scan_hex(&text, end, ret_value) && text == end;
    }
    return scan_u64(&text, end, ret_value) && text == end;
}

bool java_line_number(const char *line, const char *words, uint64_t *ret_number)
{
    return begins(line, words) && scan_number(line + strlen(words), end_of(line), ret_number);
}

/* One of #12 [4711] daemon nid=0x1267; the rest (priorities, times, addresses, what it waits for) others
 * tell. */
static void take_attribute(const char *word, const char *end, struct java_thread *thread)
{
    uint64_t value;

    if (word[0] == '#' && scan_number(word + 1, end, &value))
        thread->number = value;
    else if (word[0] == '[' && end[-1] == ']' && end - word > 2 && word[1] != '0' &&
             scan_number(word + 1, end - 1, &value) && thread->nid == 0)
        thread->nid = value; /* [0x...] is an address */
    else if (begins(word, "nid=") && scan_number(word + 4, end, &value))
        thread->nid = value;
    else if (end - word == 6 && begins(word, "daemon"))
        thread->is_daemon = true;
}

/* Behind the name nothing has quotes, while names may have any. */
bool java_line_thread(char *line, struct java_thread *ret_thread)
{
    struct java_thread thread = {.name = line + 1};
    char *quote = strrchr(line, '"');

    if (line[0] != '"' || quote == line || quote[1] != ' ')
        return false;
    *quote = '\0';
    for (const char *word = quote + 1; *word;) {
        size_t size = strcspn(word, " ");

        if (size > 0)
            take_attribute(word, word + size, &thread);
        word += size + strspn(word + size, " ");
    }
    *ret_thread = thread;
    return true;
}

/* java.base@17.0.15/ or app.module/ before a file, which may have slashes of its own. */
static char *take_module(char *place, const char **ret_module)
{
    char *slash = strchr(place, '/');

    if (!slash || slash == place)
        return place;
    if (!memchr(place, '@', (size_t)(slash - place)) && strchr(slash + 1, '/'))
        return place;
    *slash = '\0';
    *ret_module = place;
    return slash + 1;
}

static void take_place(char *place, struct java_frame *frame)
{
    uint64_t line;
    char *colon;

    place = take_module(place, &frame->module);
    if (strcmp(place, "Native Method") == 0) {
        frame->is_native = true;
        return;
    }
    if (strcmp(place, "Unknown Source") == 0 || strcmp(place, "Redefined") == 0 || !*place)
        return;
    frame->file = place;
    colon = strrchr(place, ':');
    if (colon && scan_number(colon + 1, end_of(place), &line) && line <= INT32_MAX) {
        frame->line = (unsigned)line;
        *colon = '\0';
    }
}

/* Names of methods have no dots, but may have parentheses; names of files seldom have them. */
bool java_line_frame(char *line, struct java_frame *ret_frame)
{
    struct java_frame frame = {.class_name = ""};
    char *place, *end, *dot;

    if (!begins(line, "\tat "))
        return false;
    line += 4;
    place = strrchr(line, '(');
    end = strrchr(line, ')');
    if (!place || !end || end < place || place == line)
        return false;
    *place++ = '\0';
    *end = '\0';
    dot = strrchr(line, '.');
    frame.method = line;
    if (dot) {
        *dot = '\0';
        frame.class_name = line;
        frame.method = dot + 1;
    }
    take_place(place, &frame);
    *ret_frame = frame;
    return true;
}

/* <0x00000000ffd1a850> (a java.lang.Object); instead of the address there may be words. */
static bool take_object(char *text, struct java_lock *lock)
{
    char *end = strchr(text, '>'), *last;

    if (text[0] != '<' || !end)
        return false;
    (void)scan_number(text + 1, end, &lock->address); /* words: it stays 0 */
    last = strrchr(end, ')');
    if (begins(end + 1, " (a ") && last) {
        *last = '\0';
        lock->class_name = end + 5;
    }
    return true;
}

static const struct {
    const char *words;
    enum java_lock_kind kind;
} lock_words[] = {
    {"locked", JAVA_LOCKED},
    {"waiting on", JAVA_WAITING_ON},
    {"waiting to lock", JAVA_WAITING_TO_LOCK},
    {"waiting to re-lock in wait()", JAVA_WAITING_TO_RELOCK},
    {"parking to wait for", JAVA_PARKING},
    {"waiting on the Class initialization monitor for", JAVA_WAITING_FOR_CLASS},
    {"eliminated", JAVA_ELIMINATED},
};

const char *java_lock_words(enum java_lock_kind kind)
{
    for (size_t i = 0; i < ELEMENTS_OF(lock_words); i++)
        if (lock_words[i].kind == kind)
            return lock_words[i].words;
    return NULL;
}

bool java_line_lock(char *line, struct java_lock *ret_lock)
{
    if (!begins(line, "\t- "))
        return false;
    line += 3;
    for (size_t i = 0; i < ELEMENTS_OF(lock_words); i++) {
        struct java_lock lock = {.kind = lock_words[i].kind};
        char *rest = line + strlen(lock_words[i].words);

        if (!begins(line, lock_words[i].words) || *rest != ' ')
            continue;
        rest += strspn(rest, " ");
        if (lock.kind == JAVA_WAITING_FOR_CLASS && *rest)
            lock.class_name = rest;
        else if (!take_object(rest, &lock))
            continue;
        *ret_lock = lock;
        return true;
    }
    return false;
}

bool java_line_owned(char *line, struct java_lock *ret_lock)
{
    struct java_lock lock = {.kind = JAVA_LOCKED};

    if (!begins(line, "\t- ") || !take_object(line + 3, &lock))
        return false;
    *ret_lock = lock;
    return true;
}

/* WAITING (parking) */
bool java_line_state(char *line, struct java_thread *thread)
{
    char *state = behind(line, "   java.lang.Thread.State: "), *reason, *end;

    if (!state)
        return false;
    thread->state = state;
    reason = strstr(state, " (");
    end = strrchr(state, ')');
    if (reason && end && end > reason) {
        *reason = *end = '\0';
        thread->state_reason = reason + 2;
    }
    return true;
}

/* Full thread dump OpenJDK 64-Bit Server VM (17.0.15+6-Debian-1deb12u1 mixed mode, sharing): */
bool java_line_machine(char *line, const char **ret_machine, const char **ret_version)
{
    char *machine = behind(line, "Full thread dump "), *version;

    if (!machine)
        return false;
    version = strstr(machine, " (");
    if (version) {
        *version = '\0';
        version += 2;
        version[strcspn(version, " )")] = '\0';
    }
    *ret_machine = machine;
    *ret_version = version;
    return true;
}

bool java_line_deadlocks(const char *line, uint64_t *ret_count)
{
    const char *end = end_of(line);

    if (!begins(line, "Found "))
        return false;
    line += strlen("Found ");
    return scan_u64(&line, end, ret_count) && begins(line, " deadlock");
}
