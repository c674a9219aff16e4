#include "service/authenticator.h"

#include "access/credential.h"
#include "access/file.h"
#include "access/jwt.h"
#include "access/password.h"
#include "access/token.h"
#include "base/clock.h"
#include "base/io.h"
#include "service/attempts.h"
#include "service/channel.h"
#include "service/sandbox.h"
#include "service/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { START_MS = 10000 }; /* to read its files; it holds up the inspector meanwhile */

struct authenticator {
    struct token_list tokens;
    struct password_list passwords;
    struct jwt_keys keys;
    struct jwt_demands demands;
    struct attempts attempts;
};

/* What it says when it has read its files. */
struct readiness {
    int32_t code;
    char text[ERROR_TEXT_MAX];
};

bool authenticator_is_needed(const struct config *config)
{
    return *config->tokens || *config->passwords || *config->jwt_keys;
}

/* --- In the process itself --- */

static int load_tokens(struct authenticator *authenticator, const char *path, struct error *error)
{
    _cleanup_buffer_ struct buffer text = {0};
    int r = access_file_read(path, true, &text, NULL, error);

    return r < 0 ? r : token_list_parse(&authenticator->tokens, path, text.data, error);
}

static int load_passwords(struct authenticator *authenticator, const char *path, struct error *error)
{
    _cleanup_buffer_ struct buffer text = {0};
    int r = access_file_read(path, true, &text, NULL, error);

    return r < 0 ? r : password_list_parse(&authenticator->passwords, path, text.data, error);
}

static int load_keys(struct authenticator *authenticator, const char *path, struct error *error)
{
    _cleanup_buffer_ struct buffer text = {0};
    int r = access_file_read(path, false, &text, NULL, error);

    return r < 0 ? r : jwt_keys_parse(&authenticator->keys, path, text.data, text.size, error);
}

static int load(struct authenticator *authenticator, const struct config *config, struct error *error)
{
    int r = 0;

    if (*config->tokens)
        r = load_tokens(authenticator, config->tokens, error);
    if (r == 0 && *config->passwords)
        r = load_passwords(authenticator, config->passwords, error);
    if (r == 0 && *config->jwt_keys)
        r = load_keys(authenticator, config->jwt_keys, error);
    authenticator->demands = (struct jwt_demands){
        .issuer = *config->jwt_issuer ? config->jwt_issuer : NULL,
        .audience = config->jwt_audience,
        .role_claim = config->jwt_role_claim,
        .name_claim = config->jwt_name_claim,
    };
    return r;
}

static int unknown(const char *what, struct error *error)
{
    return error_set(error, ENOKEY, "%s is not known here, or has expired.", what);
}

static int check_password(struct authenticator *authenticator, const struct credential *credential,
                          const char *peer, struct principal *ret_principal, struct error *error)
{
    uint64_t now = clock_monotonic_ms();
    int r;

    if (authenticator->passwords.count == 0)
        return error_set(error, ENOKEY, "Passwords are not taken here.");
    if (!attempts_may_try(&authenticator->attempts, credential->name, peer, now))
        return error_set(error, EUSERS,
                         "There were too many wrong passwords for this name; try again in a minute.");
    r = password_list_check(&authenticator->passwords, credential->name, credential->text, ret_principal);
    if (r == 0)
        attempts_forget(&authenticator->attempts, credential->name, peer);
    else
        attempts_count(&authenticator->attempts, credential->name, peer, now);
    return r == 0 ? 0 : error_set(error, ENOKEY, "The name or the password is wrong.");
}

static int check_token(const struct authenticator *authenticator, const char *text,
                       struct principal *ret_principal, struct error *error)
{
    int r = token_list_check(&authenticator->tokens, text, (int64_t)time(NULL), ret_principal);

    return r == 0 ? 0 : unknown("The token", error);
}

static int check_jwt(const struct authenticator *authenticator, const char *text,
                     struct principal *ret_principal, struct error *error)
{
    int r;

    if (authenticator->keys.count == 0)
        return unknown("The token", error);
    r = jwt_check(&authenticator->keys, &authenticator->demands, text, (int64_t)time(NULL), ret_principal,
                  error);
    if (r == -ENOENT) /* its sentence stands */
        error->code = ENOKEY;
    return r;
}

static int check(struct authenticator *authenticator, const char *authorization, const char *peer,
                 struct principal *ret_principal, struct error *error)
{
    _cleanup_credential_ struct credential credential = {0};
    int r = credential_parse(authorization, &credential);

    if (r == -EINVAL)
        return error_set(error, ENOKEY,
                         "The Authorization header is neither Bearer nor Basic as they have to "
                         "be written.");
    if (r < 0)
        return error_errno(error, -r, "The Authorization header could not be checked");
    switch (credential.kind) {
    case CREDENTIAL_TOKEN:
        return check_token(authenticator, credential.text, ret_principal, error);
    case CREDENTIAL_PASSWORD:
        return check_password(authenticator, &credential, peer, ret_principal, error);
    case CREDENTIAL_JWT:
        return check_jwt(authenticator, credential.text, ret_principal, error);
    }
    return -EINVAL;
}

static int answer_one(struct authenticator *authenticator, int channel)
{
    static struct {
        struct authenticator_question question;
        char authorization[CREDENTIAL_MAX + 1];
    } message;
    struct verdict verdict = {0};
    struct error error = {0};
    int fd = -1, r;
    ssize_t n;

    memset(&message, 0, sizeof message);
    n = channel_receive(channel, &message, sizeof message - 1, &fd);
    (void)fd_close(fd); /* none is expected */
    if (n <= (ssize_t)sizeof message.question)
        return n < 0 ? (int)n : 0;
    message.question.peer[sizeof message.question.peer - 1] = '\0';
    r = check(authenticator, message.authorization, message.question.peer, &verdict.principal, &error);
    explicit_bzero(message.authorization, sizeof message.authorization);
    verdict.number = message.question.number;
    if (r < 0) {
        verdict.code = error.code ? error.code : -r;
        (void)snprintf(verdict.text, sizeof verdict.text, "%.*s", VERDICT_TEXT_SIZE - 1, error.text);
    }
    do {
        r = channel_send(channel, &verdict, sizeof verdict, -1);
        if (r == -EAGAIN) {
            struct pollfd room = {.fd = channel, .events = POLLOUT};
            (void)poll(&room, 1, -1); /* EINTR: it is tried again */
        }
    } while (r == -EAGAIN);
    return r < 0 ? r : 1;
}

static void say_readiness(int channel, int r, const struct error *error)
{
    struct readiness readiness = {.code = -r};

    (void)snprintf(readiness.text, sizeof readiness.text, "%s", error->text); /* fits: of the same size */
    if (channel_send(channel, &readiness, sizeof readiness, -1) < 0 || r < 0)
        _exit(EXIT_FAILURE);
}

_Noreturn static void authenticator_main(const struct config *config, int channel, pid_t inspector)
{
    static const int ignored[] = {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};
    static struct authenticator authenticator;
    struct error error = {0};
    int r;

    signals_ignore(ignored, ELEMENTS_OF(ignored));
    signals_unblock();
    (void)prctl(PR_SET_NAME, "procscope-auth"); /* only a name */
    io_close_all_but(STDERR_FILENO + 1, &channel, 1);
    r = load(&authenticator, config, &error);
    if (r == 0)
        r = sandbox_drop_front(config, &error);
    /* after the change of user, which clears it; then look whether the inspector was gone before */
    if (r == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != inspector))
        _exit(EXIT_FAILURE);
    if (r == 0)
        r = sandbox_seal_front(&error);
    say_readiness(channel, r, &error);
    do {
        r = answer_one(&authenticator, channel);
    } while (r > 0);
    _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* --- In the inspector --- */

static int wait_ready(int channel, struct error *error)
{
    struct pollfd waited = {.fd = channel, .events = POLLIN};
    struct readiness readiness = {0};
    int fd = -1;
    ssize_t n = poll(&waited, 1, START_MS) == 1 ? channel_receive(channel, &readiness, sizeof readiness, &fd)
                                                : -ETIMEDOUT;

    (void)fd_close(fd); /* none is expected */
    if (n != sizeof readiness)
        return error_set(error, EIO, "The process that checks tokens and passwords did not start.");
    readiness.text[sizeof readiness.text - 1] = '\0';
    return readiness.code == 0 ? 0 : error_set(error, readiness.code, "%s", readiness.text);
}

int authenticator_start(const struct config *config, pid_t *ret_pid, int *ret_channel, struct error *error)
{
    _cleanup_close_ int ours = -1, theirs = -1;
    pid_t inspector = getpid(), pid;
    int ends[2], r = channel_pair(0, ends);

    if (r < 0)
        return error_errno(error, -r, "Tokens and passwords can't be checked");
    ours = ends[0];
    theirs = ends[1];
    pid = fork();
    if (pid == 0)
        authenticator_main(config, theirs, inspector);
    if (pid < 0)
        return error_errno(error, errno, "Tokens and passwords can't be checked");
    theirs = fd_close(theirs);
    r = wait_ready(ours, error);
    if (r == 0 && fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
        r = error_errno(error, errno, "Tokens and passwords can't be checked");
    if (r < 0) {
        (void)kill(pid, SIGKILL); /* ours and not waited for yet */
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        return r;
    }
    *ret_pid = pid;
    *ret_channel = TAKE_FD(ours);
    return 0;
}
