/* What listens in place of Node's inspector, and goes on and on. */
#include "runtime/node_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const char list[] = "HTTP/1.0 200 OK\r\n\r\n[ {\n  \"id\": \"35ed-2A\",\n";
static const char upgrade[] = "HTTP/1.1 101 Switching Protocols\r\n\r\n";

struct listener {
    int fd;
    const char *says; /* over and over, after the upgrade ... */
    size_t size;
    bool once; /* ... or once, and closes */
};

/* One connection for the list, one for the websocket. */
static void *serve(void *data)
{
    const struct listener *listener = data;
    char request[4096];
    int one = accept(listener->fd, NULL, NULL);

    (void)!recv(one, request, sizeof request, 0);
    (void)!send(one, list, sizeof list - 1, MSG_NOSIGNAL);
    (void)close(one);
    one = accept(listener->fd, NULL, NULL);
    (void)!recv(one, request, sizeof request, 0);
    (void)!send(one, upgrade, sizeof upgrade - 1, MSG_NOSIGNAL);
    (void)!recv(one, request, sizeof request, 0);
    while (send(one, listener->says, listener->size, MSG_NOSIGNAL) > 0 && !listener->once)
        ;
    (void)close(one);
    return NULL;
}

static int evaluate(const char *says, size_t size, bool once, struct error *error)
{
    const struct pidref process = {.pid = getpid(), .dir_fd = -1, .pid_fd = -1};
    const struct runtime_place place = {.process = &process, .tmp_fd = -1};
    struct node_guard guard = {.place = &place, .parent = -1};
    struct node_port port = {.family = AF_INET, .address = {127, 0, 0, 1}};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct listener listener = {
        .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .says = says, .size = size, .once = once};
    socklen_t length = sizeof address;
    pthread_t thread;
    int r;

    assert_int_equal(bind(listener.fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener.fd, 2), 0);
    assert_int_equal(getsockname(listener.fd, (struct sockaddr *)&address, &length), 0);
    port.port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&thread, NULL, serve, &listener), 0);
    r = node_inspector_evaluate(&guard, &port, "1", error);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)close(listener.fd);
    return r;
}

/* Pings, which say nothing, and a message without an end. */
static void endless_frames_are_no_inspector(void **state)
{
    static const char ping[] = {(char)0x89, 2, 'h', 'i'}, continued[] = {0x00, 2, 'h', 'i'};
    struct error error = {0};
    (void)state;

    assert_int_equal(evaluate(ping, sizeof ping, false, &error), -EBADMSG);
    assert_non_null(strstr(error.text, "does not answer as Node's inspector does"));
    assert_int_equal(evaluate(continued, sizeof continued, false, &error), -EBADMSG);
}

static void an_end_is_well(void **state)
{
    static const char closes[] = {(char)0x88, 0}, refuses[] = "\x81\x0b{\"error\":1}";
    struct error error = {0};
    (void)state;

    assert_int_equal(evaluate(closes, sizeof closes, true, &error), 0);
    assert_int_equal(evaluate(refuses, sizeof refuses - 1, true, &error), -EREMOTEIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endless_frames_are_no_inspector),
        cmocka_unit_test(an_end_is_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
