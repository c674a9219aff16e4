#include "cmd/session.h"

#include "cmd/exit_code.h"
#include "cmd/interrupt.h"
#include "cmd/json_output.h"
#include "cmd/target.h"

#include "access/credential.h"
#include "access/file.h"
#include "base/parse.h"
#include "service/debuginfo.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

void session_close(struct session *session)
{
    if (session->token.data)
        explicit_bzero(session->token.data, session->token.size);
    buffer_release(&session->token);
    procfs_close(&session->procfs);
    config_release(&session->config);
}

static int open_local(struct session *session, struct error *error)
{
    int r = config_init(&session->config);
    if (r >= 0)
        r = config_settle(&session->config, error);
    if (r >= 0)
        r = procfs_open("/proc", &session->procfs, error);
    if (r < 0)
        return error_ensure(error, r, "Could not look at this machine");
    const char *pid = invocation_option(session->invocation, OPTION_MAIN_PID);
    uint64_t main_pid = 0;
    if (pid && (parse_u64(pid, &main_pid) < 0 || main_pid == 0 || main_pid > INT_MAX))
        return error_set(error, EINVAL, "--main-pid takes a process id, not '%s'.", pid);
    session->context = (struct operation_context){
        .procfs = &session->procfs,
        .service_pid = getpid(),
        .machine_name = session->config.machine_name,
        .instance_id = session->config.instance_id,
        .main_pid = (pid_t)main_pid,
        .main_name = invocation_option(session->invocation, OPTION_MAIN_NAME),
        .stall_ms = session->config.stall_timeout,
        .min_rate = session->config.min_rate,
    };
    return 0;
}

/* The first line of what comes in: what an agent or a keyring prints. */
static int read_line(FILE *from, struct buffer *line)
{
    int c;
    int r = 0;

    while (r == 0 && (c = getc(from)) != EOF && c != '\n') {
        char byte = (char)c;
        r = line->size < CREDENTIAL_MAX ? buffer_append(line, &byte, 1) : -EFBIG;
    }
    return r < 0 ? r : ferror(from) ? -EIO : buffer_append_string(line, "\n");
}

/* The file holds one line. */
static int read_token(struct session *session, struct error *error)
{
    const char *path = invocation_option(session->invocation, OPTION_TOKEN_FILE);
    const char *given = getenv("PROCSCOPE_TOKEN");
    int r = 0;
    if (path && strcmp(path, "-") == 0)
        r = read_line(stdin, &session->token);
    else if (path)
        r = access_file_read(path, true, &session->token, NULL, error);
    else if (given && *given)
        r = buffer_append_string(&session->token, given);
    if (r < 0)
        return error_ensure(error, r, "The token could not be read");
    if (!session->token.data)
        return 0;
    session->token.data[strcspn(session->token.data, "\r\n")] = '\0';
    if (!*session->token.data || strpbrk(session->token.data, " \t"))
        return error_set(error, EINVAL, "%s holds no token.", path ? path : "PROCSCOPE_TOKEN");
    session->remote.token = session->token.data;
    return 0;
}

int session_open(const struct invocation *invocation, struct session *ret_session)
{
    struct session *session = ret_session;
    struct error error = {0};
    *session = (struct session){.invocation = invocation, .procfs = {.fd = -1}};
    const char *color = invocation_option(invocation, OPTION_COLOR);
    if (terminal_look(STDOUT_FILENO, color, &session->out) < 0)
        return complain_usage("--color takes auto, always or never, not '%s'.", color);
    session->json = invocation_option(invocation, OPTION_JSON) != NULL;
    session->header = invocation_option(invocation, OPTION_NO_HEADER) == NULL;
    session->remote.is_unwanted = interrupt_came;
    session->remote.url = invocation_option(invocation, OPTION_URL);
    session->remote.instance = invocation_option(invocation, OPTION_INSTANCE);
    if (session->remote.instance && !session->remote.url)
        return complain_usage("--instance takes --url: through whom it is to be asked.");
    if (session->remote.instance && !instance_id_is_valid(session->remote.instance))
        return complain_usage("--instance '%.100s' is no id; 'procscope instances' lists them.",
                              session->remote.instance);
    session->remote.ca_file = invocation_option(invocation, OPTION_CA_FILE);
    if (session->remote.url &&
        (invocation_option(invocation, OPTION_MAIN_PID) || invocation_option(invocation, OPTION_MAIN_NAME)))
        return complain_usage(
            "With --url the service there knows its main process: no --main-pid or --main-name.");
    if (session->remote.url && read_token(session, &error) < 0)
        return complain(&error);
    if (!session->remote.url && open_local(session, &error) < 0)
        return complain(&error);
    return 0;
}

int session_run(struct session *session, const struct request *request, struct answer *answer,
                struct error *error)
{
    int r = session->remote.url ? remote_run(&session->remote, request, answer, error)
                                : operation_run(&session->context, request, answer, error);
    return r < 0 ? error_ensure(error, r, "It failed") : 0;
}

/* An answer into memory. */
struct memory_answer {
    struct answer answer;
    struct buffer *body;
    struct sink *sink;
};

static int memory_begin(struct answer *answer, const struct answer_head *head, struct sink **ret_sink,
                        struct error *error)
{
    struct memory_answer *memory = (struct memory_answer *)answer;
    (void)head; /* JSON: it ends where it ends */
    int r = sink_memory_new(memory->body, &memory->sink);
    if (r < 0)
        return error_set(error, -r, "Out of memory.");
    *ret_sink = memory->sink;
    return 0;
}

static int ask_text(struct session *session, const struct operation *own, const struct request *request,
                    struct buffer *ret_text, struct error *error)
{
    ret_text->limit = LIMIT_JSON_ANSWER;
    struct memory_answer memory = {.answer = {.begin = memory_begin}, .body = ret_text};
    int r = own ? operation_call(own, &session->context, request, &memory.answer, error)
                : session_run(session, request, &memory.answer, error);
    if (r >= 0)
        r = sink_finish(memory.sink, error);
    sink_free(memory.sink);
    return r;
}

static int read_json(const struct session *session, const struct buffer *text, json_t **ret_json,
                     struct error *error)
{
    json_error_t why;
    json_t *json = json_loadb(buffer_string(text), text->size, 0, &why);
    if (!json)
        return error_set(error, EBADMSG, "The answer is no JSON that can be read: %s (is %s a procscope?).",
                         why.text, session->remote.url ? session->remote.url : "this");
    *ret_json = json;
    return 0;
}

int session_ask_json(struct session *session, const struct request *request, json_t **ret_json,
                     struct error *error)
{
    _cleanup_buffer_ struct buffer text = {0};
    int r = ask_text(session, NULL, request, &text, error);
    return r < 0 ? r : read_json(session, &text, ret_json, error);
}

int session_print(struct session *session, const struct operation *own, const struct request *request)
{
    struct error error = {0};
    _cleanup_buffer_ struct buffer text = {0};
    int r = ask_text(session, own, request, &text, &error);
    if (r < 0)
        return complain(&error);
    (void)fwrite(buffer_string(&text), 1, text.size, stdout); /* looked at when all is written */
    return EXIT_GOOD;
}

int session_answer_keep(struct session *session, const struct request *request, session_show show,
                        json_t **ret_answer)
{
    struct error error = {0};
    _cleanup_json_ json_t *json = NULL;
    _cleanup_buffer_ struct buffer text = {0};
    int r = ask_text(session, NULL, request, &text, &error);
    if (r >= 0)
        r = read_json(session, &text, &json, &error);
    if (r >= 0 && session->json)
        json_output(stdout, &session->out, &text, json);
    else if (r >= 0)
        r = error_ensure(&error, show(session, json), "Could not show the answer");
    if (r < 0)
        return complain(&error);
    *ret_answer = TAKE_PTR(json);
    return EXIT_GOOD;
}

int session_answer(struct session *session, const struct request *request, session_show show)
{
    _cleanup_json_ json_t *answer = NULL;
    return session_answer_keep(session, request, show, &answer);
}

int session_request(struct session *session, const char *operation, struct request *ret_request)
{
    struct error error = {0};
    int64_t id = 0;
    const char *text = invocation_argument(session->invocation, 0);
    if (text && target_resolve(session, text, &id, &error) < 0)
        return complain(&error);
    *ret_request = (struct request){.id = id};
    (void)snprintf(ret_request->operation, sizeof ret_request->operation, "%s",
                   operation); /* ours: it fits */
    return 0;
}

/* Who waits at a terminal waits longer than a client of the service. */
enum { FETCH_MS = 60 * 1000 };

int session_symbols(struct session *session, const char *directories, const char *urls)
{
    struct config *config = &session->config;
    struct error error = {0};
    if (session->remote.url && (directories || urls))
        return complain_usage("With --url the service there looks for debug files, as it is configured.");
    if (session->remote.url)
        return 0;
    int r = directories ? config_set_directories(&config->debug_directories, directories) : 0;
    if (r == -EINVAL)
        return complain_usage("--debug-directories: '%.200s' is not up to %d absolute paths with : between.",
                              directories, CONFIG_DIRECTORIES_MAX);
    if (r == 0 && urls)
        r = config_set_urls(&config->debuginfod_urls, urls);
    if (r == -EINVAL)
        return complain_usage("--debuginfod-urls: '%.200s' is not URLs with blanks between, which begin with "
                              "http://, https:// or file://.",
                              urls);
    config->debuginfod_timeout = FETCH_MS;
    if (r == 0)
        r = debuginfo_configure(config, false, &error);
    return r < 0 ? complain((error_ensure(&error, r, "Debug files can't be looked for"), &error)) : 0;
}

int session_argument(struct request *request, const char *name, const char *value)
{
    struct error error = {0};
    int r = value ? fields_add(&request->arguments, name, value) : 0;
    if (r == -EMSGSIZE)
        return complain_usage("The value of %s is too long.", name);
    return r < 0 ? complain((error_ensure(&error, r, "Could not prepare the request"), &error)) : 0;
}
