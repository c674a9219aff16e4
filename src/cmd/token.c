/* procscope token */
#include "access/token.h"
#include "access/file.h"
#include "base/parse.h"
#include "cmd/exit_code.h"
#include "cmd/session.h"
#include "cmd/show.h"
#include "stream/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

enum { OPTION_ROLE = 'r', OPTION_NAME = 'n', OPTION_EXPIRES = 'e', OPTION_FILE = 'f' };

#define DEFAULT_FILE "/etc/procscope.tokens"
#define DEFAULT_EXPIRES "30d"

static const char *file_of(const struct invocation *invocation)
{
    const char *file = invocation_option(invocation, OPTION_FILE);
    return file ? file : DEFAULT_FILE;
}

/* A lock beside the file, since the file itself is replaced by every change. */
static int lock(const char *file, int *ret_fd, struct error *error)
{
    _cleanup_free_ char *path = NULL;
    if (asprintf(&path, "%s.lock", file) < 0) {
        path = NULL;
        return error_errno(error, ENOMEM, "%s could not be locked", file);
    }
    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        return error_errno(error, errno, "%s could not be locked", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* One that is not there yet has no tokens where `may_lack` says so. */
static int load(const char *file, bool may_lack, struct token_list *list, struct error *error)
{
    _cleanup_buffer_ struct buffer text = {0};
    int r = access_file_read(file, true, &text, NULL, error);
    if (r == -ENOENT && may_lack)
        return 0;
    if (r >= 0 && text.data)
        r = token_list_parse(list, file, text.data, error);
    return r;
}

static int store(const char *file, const struct token_list *list, struct error *error)
{
    _cleanup_buffer_ struct buffer text = {0};
    _cleanup_sink_ struct sink *sink = NULL;
    int r = token_list_write(list, &text);
    if (r >= 0)
        r = sink_file_new(file, &sink, error);
    if (r >= 0)
        r = sink_write(sink, text.data, text.size);
    if (r >= 0)
        r = sink_finish(sink, error);
    return error_ensure(error, r, "The tokens could not be written");
}

/* Days, too, which no other duration of ours needs. */
static int parse_expiry(const char *text, uint64_t *ret_ms)
{
    _cleanup_free_ char *days = strdup(text);
    size_t size = strlen(text);
    uint64_t count = 0;
    if (!days || size == 0 || text[size - 1] != 'd')
        return parse_duration_ms(text, ret_ms);
    days[size - 1] = '\0';
    int r = parse_u64(days, &count);
    if (r < 0 || count > INT32_MAX)
        return -EINVAL;
    *ret_ms = count * 86400 * 1000;
    return 0;
}

static int read_expiry(const struct invocation *invocation, int64_t now, int64_t *ret_expires)
{
    const char *text = invocation_option(invocation, OPTION_EXPIRES);
    uint64_t ms = 0;
    text = text ? text : DEFAULT_EXPIRES;
    if (strcmp(text, "never") == 0) {
        *ret_expires = 0;
        return 0;
    }
    if (parse_expiry(text, &ms) < 0 || ms < 1000 || ms / 1000 > INT32_MAX)
        return complain_usage("--expires takes a time such as 12h or 30d, or never; not '%.60s'.", text);
    *ret_expires = now + (int64_t)(ms / 1000);
    return 0;
}

static int run_new(const struct invocation *invocation)
{
    const char *file = file_of(invocation), *name = invocation_option(invocation, OPTION_NAME);
    const char *role_text = invocation_option(invocation, OPTION_ROLE);
    _cleanup_token_list_ struct token_list list = {0};
    _cleanup_close_ int locked = -1;
    char text[TOKEN_TEXT_SIZE] = "";
    enum role role = ROLE_NONE;
    struct error error = {0};
    int64_t now = (int64_t)time(NULL), expires = 0;
    if (!role_text || role_parse(role_text, &role) < 0 || role == ROLE_NONE)
        return complain_usage("--role is missing, or not reader, operator, dumper or admin.");
    if (!name)
        return complain_usage("--name is missing: who will have the token, for logs and for revoking it.");
    int exit = read_expiry(invocation, now, &expires);
    if (exit)
        return exit;
    int r = lock(file, &locked, &error);
    if (r >= 0)
        r = load(file, true, &list, &error);
    if (r >= 0)
        r = token_list_add(&list, name, role, now, expires, text, &error);
    if (r >= 0)
        r = store(file, &list, &error);
    if (r < 0)
        return complain(&error);
    (void)printf("%s\n", text); /* looked at when all is written */
    explicit_bzero(text, sizeof text);
    (void)fprintf(stderr, "It is not shown again. The service takes it with --tokens %s.\n", file);
    return EXIT_GOOD;
}

static void time_text(int64_t seconds, char *text, size_t size)
{
    time_t when = (time_t)seconds;
    struct tm parts;
    if (!gmtime_r(&when, &parts) || strftime(text, size, "%Y-%m-%d %H:%M", &parts) == 0)
        (void)snprintf(text, size, "?"); /* fits */
}

static int run_list(const struct invocation *invocation)
{
    static const struct column columns[] = {{"ID", 0, STYLE_PLAIN},
                                            {"ROLE", 0, STYLE_PLAIN},
                                            {"CREATED (UTC)", 0, STYLE_PLAIN},
                                            {"EXPIRES (UTC)", 0, STYLE_PLAIN},
                                            {"NAME", COLUMN_CUT, STYLE_NAME}};
    _cleanup_table_ struct table table = TABLE_INIT(columns);
    _cleanup_token_list_ struct token_list list = {0};
    _cleanup_session_ struct session session;
    struct error error = {0};
    int exit = session_open(invocation, &session);
    if (exit)
        return exit;
    if (load(file_of(invocation), false, &list, &error) < 0)
        return complain(&error);
    for (size_t i = 0; i < list.count; i++) {
        const struct token *token = &list.items[i];
        char created[32], expires[32];
        time_text(token->created, created, sizeof created);
        time_text(token->expires, expires, sizeof expires);
        table_cell(&table, token->id);
        table_cell(&table, role_name(token->role));
        table_cell(&table, created);
        table_cell(&table, token->expires == 0                     ? "never"
                           : token->expires <= (int64_t)time(NULL) ? "expired"
                                                                   : expires);
        table_cell(&table, token->name);
    }
    int r = table_print(&table, stdout, &session.out, session.header);
    return r < 0 ? complain((error_ensure(&error, r, "Could not show the tokens"), &error)) : EXIT_GOOD;
}

static int run_revoke(const struct invocation *invocation, const char *which)
{
    const char *file = file_of(invocation);
    _cleanup_token_list_ struct token_list list = {0};
    _cleanup_close_ int locked = -1;
    struct error error = {0};
    size_t kept = 0;
    int r = lock(file, &locked, &error);
    if (r >= 0)
        r = load(file, false, &list, &error);
    for (size_t i = 0; i < list.count; i++)
        if (strcmp(list.items[i].id, which) != 0 && strcmp(list.items[i].name, which) != 0)
            list.items[kept++] = list.items[i];
    if (r >= 0 && kept == list.count)
        r = error_set(&error, ENOENT, "%s has no token with the ID or the name '%.80s'.", file, which);
    size_t revoked = list.count - kept;
    list.count = kept;
    if (r >= 0)
        r = store(file, &list, &error);
    if (r < 0)
        return complain(&error);
    (void)fprintf(stderr, "%zu revoked; a service that runs notices within a second.\n", revoked);
    return EXIT_GOOD;
}

static int run(const struct invocation *invocation)
{
    const char *what = invocation_argument(invocation, 0), *which = invocation_argument(invocation, 1);
    if (invocation_option(invocation, OPTION_URL))
        return complain_usage("Tokens are made on the machine of the service: there is no --url for them.");
    if (strcmp(what, "revoke") == 0 && which)
        return run_revoke(invocation, which);
    if (which)
        return complain_usage("'%.60s' is one argument too many: see procscope token --help.", which);
    if (strcmp(what, "new") == 0)
        return run_new(invocation);
    if (strcmp(what, "list") == 0)
        return run_list(invocation);
    if (strcmp(what, "revoke") == 0)
        return complain_usage("Which one? procscope token list shows their IDs and names.");
    return complain_usage("'%.60s' is not new, list or revoke.", what);
}

static const struct command_option options[] = {
    {OPTION_ROLE, "role", "ROLE", "what it lets one do: reader, operator, dumper or admin"},
    {OPTION_NAME, "name", "NAME", "who has it"},
    {OPTION_EXPIRES, "expires", "TIME", "after so long it is good for nothing: 12h, 30d (default), never"},
    {OPTION_FILE, "file", "FILE", "where they are kept (" DEFAULT_FILE ")"},
    {0},
};

static const struct command_example examples[] = {
    {"procscope token new --role dumper --name ci --expires 90d", "prints a token, this once"},
    {"PROCSCOPE_TOKEN=pst_... procscope --url https://web1:7420 ps", "uses it"},
    {"curl -H \"Authorization: Bearer $TOKEN\" https://web1:7420/api/processes", "so does this"},
    {"procscope token revoke ci", "ends it"},
    {0},
};

const struct verb verb_token = {
    .name = "token",
    .arguments = "new|list|revoke [ID|NAME]",
    .summary = "make, list and revoke the tokens that a service takes",
    .description =
        "A token lets whoever has it ask a service (procscope serve --tokens FILE) for what its role\n"
        "allows: reader (lists, details, threads, modules), operator (also environments, open files,\n"
        "stacks, profiles, ending processes), dumper (also dumps and heaps), admin (also stopping the\n"
        "service). The file holds only salted hashes, so a token is shown once, when it is made.",
    .options = options,
    .examples = examples,
    .least = 1,
    .most = 2,
    .run = run,
};
