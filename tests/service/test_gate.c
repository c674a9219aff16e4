/* What a front that was taken over could try: it has the channel, its connections and its listening sockets,
 * and says what it likes. And what becomes of roles, tokens and passwords. */
#include "inspector_harness.h"

#include "access/token.h"

#include <crypt.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <sys/stat.h>

enum { STRANGER = 54321 };

static struct answer_reader ask_by(struct harness *harness, const char *operation, int connection,
                                   const char *authorization)
{
    struct request request = {.authorization = (char *)authorization};
    struct error error = {0};
    int fd, r;

    (void)snprintf(request.operation, sizeof request.operation, "%s", operation);
    while ((r = inspector_call(harness->channel, &request, connection, &fd, &error)) == -EAGAIN)
        (void)poll(NULL, 0, 1);
    if (r < 0)
        fail_msg("%s", error.text);
    return ANSWER_READER_INIT(fd);
}

static int code_by(struct harness *harness, const char *operation, int connection, const char *authorization)
{
    _cleanup_answer_reader_ struct answer_reader reader =
        ask_by(harness, operation, connection, authorization);
    return code_of(&reader);
}

static void expect_who(struct harness *harness, int connection, const char *authorization, const char *wanted)
{
    _cleanup_answer_reader_ struct answer_reader reader = ask_by(harness, "who", connection, authorization);
    char text[200] = "";

    assert_int_equal(code_of(&reader), 0);
    assert_true(body_of(&reader, text, sizeof text) > 0);
    assert_string_equal(text, wanted);
}

/* A connection that another user made; -1 where we may not become one. */
static int connection_of_stranger(struct harness *harness)
{
    pid_t pid;
    int fd;

    if (geteuid() != 0)
        return -1;
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (setgroups(0, NULL) < 0 || setresgid(STRANGER, STRANGER, STRANGER) < 0 ||
            setresuid(STRANGER, STRANGER, STRANGER) < 0)
            _exit(1);
        (void)connect_to(harness->listener);
        _exit(0);
    }
    fd = accept4(harness->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return fd;
}

static void who_connects_is_known_by_the_kernel(void **state)
{
    const char *const arguments[] = {"--socket-roles", "54321:operator", NULL};
    struct harness *strict = start_inspector(NULL), *harness = start_inspector(arguments);
    int stranger = connection_of_stranger(strict), operator_ = connection_of_stranger(harness);
    (void)state;

    assert_int_equal(code_by(strict, "rule", strict->connection, NULL), 0);
    if (stranger >= 0) {
        assert_int_equal(code_by(strict, "who", stranger, NULL), EACCES);
        expect_who(harness, operator_, NULL, "54321 operator user");
        assert_int_equal(code_by(harness, "operate", operator_, NULL), 0);
        assert_int_equal(code_by(harness, "take", operator_, NULL), EACCES);
        assert_int_equal(code_by(harness, "rule", operator_, NULL), EACCES);
        (void)close(stranger);
        (void)close(operator_);
    }
    end_inspector(harness);
    end_inspector(strict);
}

/* Each of these is one that the kernel calls root's, or ours, or of this machine. */
static void no_other_descriptor_is_a_client(void **state)
{
    struct harness *harness = start_inspector(NULL);
    struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof loopback;
    int pair[2], pipes[2], tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int tcp_client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), other = listen_somewhere();
    int other_client = connect_to(other), other_connection = accept4(other, NULL, NULL, SOCK_CLOEXEC);
    (void)state;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(bind(tcp, (struct sockaddr *)&loopback, size), 0);
    assert_int_equal(listen(tcp, 1), 0);
    assert_int_equal(getsockname(tcp, (struct sockaddr *)&loopback, &size), 0);
    assert_int_equal(connect(tcp_client, (struct sockaddr *)&loopback, size), 0);
    const int tried[] = {
        -1,  harness->listener, harness->client, harness->channel, pair[0],      pipes[0],     pipes[1],
        tcp, tcp_client,        other,           other_connection, other_client, STDERR_FILENO};
    for (size_t i = 0; i < ELEMENTS_OF(tried); i++)
        if (code_by(harness, "who", tried[i], NULL) != ENOKEY)
            fail_msg("the descriptor %zu was taken for a client", i);
    assert_int_equal(code_by(harness, "who", harness->connection, NULL), 0);
    for (size_t i = 4; i < 12; i++)
        if (tried[i] != harness->channel)
            (void)close(tried[i]);
    (void)close(pair[1]);
    end_inspector(harness);
}

/* Who asks is not the front's to say: what only the inspector may write is no request. */
static void a_front_can_not_say_who_asks(void **state)
{
    static const char *const fields[] = {"who", "role", "kind", "user", "expires", "number"};
    struct harness *harness = start_inspector(NULL);
    (void)state;

    for (size_t i = 0; i <= ELEMENTS_OF(fields); i++) {
        _cleanup_fields_ struct fields message = {0};
        _cleanup_buffer_ struct buffer bytes = {0};
        int ends[2], sent[2];

        assert_int_equal(fields_add(&message, "operation", "rule"), 0);
        for (size_t k = 0; k < ELEMENTS_OF(fields); k++)
            if (k == i || i == ELEMENTS_OF(fields))
                assert_int_equal(fields_add(&message, fields[k], k == 1 ? "4" : "0"), 0);
        assert_int_equal(fields_encode(&message, &bytes), 0);
        assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        sent[0] = ends[1];
        sent[1] = harness->connection;
        assert_int_equal(channel_send_several(harness->channel, bytes.data, bytes.size, sent, 2), 0);
        (void)close(ends[1]);
        _cleanup_answer_reader_ struct answer_reader reader = ANSWER_READER_INIT(ends[0]);
        assert_int_equal(code_of(&reader), EBADMSG);
    }
    end_inspector(harness);
}

static char folder[] = "/tmp/test_gate_XXXXXX", tokens_file[100], passwords_file[100];

static void write_file(const char *path, const char *text)
{
    char temporary[128];
    FILE *file;

    (void)snprintf(temporary, sizeof temporary, "%s.new", path);
    file = fopen(temporary, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(temporary, 0600), 0);
    assert_int_equal(rename(temporary, path), 0);
}

static void write_tokens(const struct token_list *list)
{
    _cleanup_buffer_ struct buffer text = {0};

    assert_int_equal(token_list_write(list, &text), 0);
    write_file(tokens_file, text.data);
}

static const char *bearer(const char *token)
{
    static char text[100];

    (void)snprintf(text, sizeof text, "Bearer %s", token);
    return text;
}

/* Until what the inspector says of it is `wanted`: it looks at its files once a second. */
static void expect_soon(struct harness *harness, const char *operation, const char *authorization, int wanted)
{
    int code = -1;

    for (int i = 0; i < 600 && code != wanted; i++) {
        code = code_by(harness, operation, -1, authorization);
        if (code != wanted)
            (void)poll(NULL, 0, 50);
    }
    assert_int_equal(code, wanted);
}

static void tokens_give_their_roles_until_they_are_revoked(void **state)
{
    const char *const arguments[] = {"--tokens", tokens_file, NULL};
    _cleanup_token_list_ struct token_list list = {0};
    char reader[TOKEN_TEXT_SIZE], dumper[TOKEN_TEXT_SIZE], late[TOKEN_TEXT_SIZE], wrong[TOKEN_TEXT_SIZE];
    struct harness *harness;
    (void)state;

    assert_int_equal(token_list_add(&list, "late", ROLE_ADMIN, 1, 2, late, NULL), 0);
    assert_int_equal(token_list_add(&list, "dora", ROLE_DUMPER, 1, 0, dumper, NULL), 0);
    assert_int_equal(token_list_add(&list, "rita", ROLE_READER, 1, 0, reader, NULL), 0);
    write_tokens(&list);
    harness = start_inspector(arguments);

    expect_who(harness, -1, bearer(reader), "rita reader token");
    expect_who(harness, -1, bearer(reader), "rita reader token"); /* now remembered */
    expect_who(harness, -1, bearer(dumper), "dora dumper token");
    assert_int_equal(code_by(harness, "operate", -1, bearer(reader)), EACCES);
    assert_int_equal(code_by(harness, "take", -1, bearer(dumper)), 0);
    assert_int_equal(code_by(harness, "rule", -1, bearer(dumper)), EACCES);
    assert_int_equal(code_by(harness, "who", -1, bearer(late)), ENOKEY);
    assert_int_equal(code_by(harness, "who", -1, NULL), ENOKEY);
    assert_int_equal(code_by(harness, "who", -1, "Bearer "), ENOKEY);
    assert_int_equal(code_by(harness, "who", -1, "Negotiate abc"), ENOKEY);
    /* a connection of root's does not help a credential that is wrong */
    assert_int_equal(code_by(harness, "who", harness->connection, bearer(late)), ENOKEY);
    for (size_t i = 0; i < strlen(reader); i++) {
        memcpy(wrong, reader, sizeof wrong);
        wrong[i] = wrong[i] == 'x' ? 'y' : 'x';
        assert_int_equal(code_by(harness, "who", -1, bearer(wrong)), ENOKEY);
    }
    list.count--; /* rita's */
    write_tokens(&list);
    expect_soon(harness, "who", bearer(reader), ENOKEY);
    expect_who(harness, -1, bearer(dumper), "dora dumper token");
    /* a file that can't be read leaves what was */
    write_file(tokens_file, "rubbish\n");
    assert_int_equal(kill(harness->pid, SIGHUP), 0);
    (void)poll(NULL, 0, 50);
    expect_who(harness, -1, bearer(dumper), "dora dumper token");
    end_inspector(harness);
}

static const char *basic(const char *name_and_password)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static char text[300];
    size_t size = strlen(name_and_password), at = 6;

    memcpy(text, "Basic ", at);
    for (size_t i = 0; i < size; i += 3) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (i + k < size ? (unsigned char)name_and_password[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            text[at++] = i + k > size ? '=' : digits[bits >> (18 - 6 * k) & 63];
    }
    text[at] = '\0';
    return text;
}

static void passwords_are_checked_and_guessing_is_slow(void **state)
{
    const char *const arguments[] = {"--passwords", passwords_file, NULL};
    struct crypt_data data = {0};
    struct harness *harness;
    char line[300];
    int refused = 0, late;
    uint64_t began_ms;
    (void)state;

    (void)snprintf(line, sizeof line, "# comment\nola:operator:%s\n",
                   crypt_r("s3:cret", "$y$j75$abcd", &data));
    write_file(passwords_file, line);
    began_ms = clock_monotonic_ms();
    harness = start_inspector(arguments);
    expect_who(harness, -1, basic("ola:s3:cret"), "ola operator password");
    assert_int_equal(code_by(harness, "take", -1, basic("ola:s3:cret")), EACCES);
    assert_int_equal(code_by(harness, "who", -1, basic("nobody:s3:cret")), ENOKEY);
    for (int i = 0; i < 30; i++) {
        char guess[32];
        int code;
        (void)snprintf(guess, sizeof guess, "ola:guess%d", i);
        code = code_by(harness, "who", -1, basic(guess));
        assert_true(code == ENOKEY || code == EUSERS);
        refused += code == EUSERS;
    }
    /* one more comes through every ten seconds */
    late = (int)((clock_monotonic_ms() - began_ms) / 10000);
    assert_in_range(refused, late < 19 ? 19 - late : 0, 20);
    assert_true(late > 0 || refused == 20);
    /* from elsewhere, and what is remembered, it goes on */
    assert_int_equal(code_by(harness, "who", harness->connection, basic("ola:guess")), ENOKEY);
    expect_who(harness, -1, basic("ola:s3:cret"), "ola operator password");
    end_inspector(harness);
}

/* Also of the process for passwords, which nobody has needed until then. */
static void a_file_that_breaks_leaves_what_was(void **state)
{
    const char *const arguments[] = {"--passwords", passwords_file, NULL};
    struct crypt_data data = {0};
    struct harness *harness;
    char line[300];
    (void)state;

    (void)snprintf(line, sizeof line, "ola:operator:%s\n", crypt_r("s3:cret", "$y$j75$abcd", &data));
    write_file(passwords_file, line);
    harness = start_inspector(arguments);
    assert_int_equal(code_by(harness, "who", -1, NULL), ENOKEY); /* it runs */
    for (int i = 0; i < 3; i++) {
        char password[32];
        write_file(passwords_file, "rubbish\n");
        assert_int_equal(kill(harness->pid, SIGHUP), 0);
        (void)poll(NULL, 0, 50);
        (void)snprintf(password, sizeof password, "ola:guess%d", i); /* none that is remembered */
        assert_int_equal(code_by(harness, "who", -1, basic(password)), ENOKEY);
        expect_who(harness, -1, basic("ola:s3:cret"), "ola operator password");
    }
    end_inspector(harness);
}

/* The processes of the inspector that check credentials get the signal; how many. */
static int signal_checkers(const struct harness *harness, int number)
{
    char path[64], children[4096] = "", *at = children;
    ssize_t size;
    int fd, count = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)harness->pid, (int)harness->pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    size = read(fd, children, sizeof children - 1);
    (void)close(fd);
    assert_true(size > 0);
    for (char *word; (word = strsep(&at, " "));) {
        char name[64] = "";
        int comm;
        if (!*word)
            continue;
        (void)snprintf(path, sizeof path, "/proc/%s/comm", word);
        comm = open(path, O_RDONLY | O_CLOEXEC);
        if (comm >= 0 && read(comm, name, sizeof name - 1) > 0 && strcmp(name, "procscope-auth\n") == 0) {
            pid_t pid = 0;
            for (const char *c = word; *c >= '0' && *c <= '9'; c++)
                pid = pid * 10 + (*c - '0');
            assert_int_equal(kill(pid, number), 0);
            count++;
        }
        (void)fd_close(comm);
    }
    return count;
}

/* The process that checks is killed again and again: at worst a client has to come back. */
static void a_dead_authenticator_is_replaced(void **state)
{
    const char *const arguments[] = {"--tokens", tokens_file, NULL};
    _cleanup_token_list_ struct token_list list = {0};
    char token[TOKEN_TEXT_SIZE];
    struct harness *harness;
    (void)state;

    assert_int_equal(token_list_add(&list, "tom", ROLE_READER, 1, 0, token, NULL), 0);
    write_tokens(&list);
    harness = start_inspector(arguments);
    for (int i = 0; i < 20; i++) {
        assert_true(code_by(harness, "who", -1, bearer("pst_00000000_wrong")) != 0); /* it runs */
        (void)signal_checkers(harness, SIGKILL);
        expect_soon(harness, "who", bearer(token), 0);
    }
    end_inspector(harness);
}

/* Who waits for it when files are read again is told to come back, and the one in its place stays. */
static void an_authenticator_is_replaced_while_it_checks(void **state)
{
    const char *const arguments[] = {"--tokens", tokens_file, NULL};
    _cleanup_token_list_ struct token_list list = {0};
    char token[TOKEN_TEXT_SIZE];
    struct harness *harness;
    (void)state;

    assert_int_equal(token_list_add(&list, "tom", ROLE_READER, 1, 0, token, NULL), 0);
    write_tokens(&list);
    harness = start_inspector(arguments);
    assert_true(code_by(harness, "who", -1, bearer("pst_00000000_wrong")) != 0); /* it runs */
    assert_int_equal(signal_checkers(harness, SIGSTOP), 2); /* and the one for passwords */
    {
        _cleanup_answer_reader_ struct answer_reader waits = ask_by(harness, "who", -1, bearer(token));
        (void)poll(NULL, 0, 20); /* it has been asked */
        assert_int_equal(kill(harness->pid, SIGHUP), 0);
        assert_int_equal(code_of(&waits), EAGAIN);
    }
    assert_int_equal(signal_checkers(harness, SIGSTOP), 2);
    assert_int_equal(signal_checkers(harness, SIGCONT), 2);
    expect_who(harness, -1, bearer(token), "tom reader token");
    end_inspector(harness);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(tokens_file, sizeof tokens_file, "%s/tokens", folder);
    (void)snprintf(passwords_file, sizeof passwords_file, "%s/passwords", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(tokens_file);
    (void)unlink(passwords_file);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_connects_is_known_by_the_kernel),
        cmocka_unit_test(no_other_descriptor_is_a_client),
        cmocka_unit_test(a_front_can_not_say_who_asks),
        cmocka_unit_test(tokens_give_their_roles_until_they_are_revoked),
        cmocka_unit_test(passwords_are_checked_and_guessing_is_slow),
        cmocka_unit_test(a_file_that_breaks_leaves_what_was),
        cmocka_unit_test(a_dead_authenticator_is_replaced),
        cmocka_unit_test(an_authenticator_is_replaced_while_it_checks),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
