/* How a Node process is asked for its heap, by its guard. */
#include "runtime/node_parts.h"

#include "base/clock.h"
#include "proc/status.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

enum { STEP_FIRST_MS = 1, STEP_LAST_MS = 5, STEP_HUNG_MS = 250, LONG_MS = 60 * 1000, IDLE_LOOKS = 40 };

/* Closes the inspector, and nothing else. */
static const char shut[] = "process._debugEnd()";

/* SIGUSR1 wakes Node in three ways, each of which opens the inspector where it is closed: so it is looked at
 * again in the next turns, and when all is written. The FIFO is opened without waiting for a reader: is there
 * none, nobody wants the heap any more. V8 then gets it as a descriptor, so that no file can come to be where
 * the FIFO has lost its name. What Node could not write to it leaves open. */
static const char write_heap[] =
    "(()=>{"
    "const get=process.getBuiltinModule||require,fs=get('fs'),v8=get('v8'),inspector=get('inspector');"
    "let turns=0;"
    "const shut=()=>{try{if(inspector.url())process._debugEnd()}catch{}};"
    "const write=()=>{"
    "let to=-1;"
    "try{"
    "to=fs.openSync('/tmp/%s',fs.constants.O_WRONLY|fs.constants.O_NONBLOCK|fs.constants.O_NOFOLLOW);"
    "const own=fs.fstatSync(to);"
    "if(own.isFIFO())try{fs.writeSync(to,'procscope'+String.fromCharCode(10));"
    "v8.writeHeapSnapshot('/proc/self/fd/'+to)"
    "}catch(e){"
    "try{fs.writeSync(to,'!'+e.message)}catch{}"
    "for(const name of fs.readdirSync('/proc/self/fd'))try{"
    "const one=fs.fstatSync(+name);"
    "if(+name!==to&&one.ino===own.ino&&one.dev===own.dev)fs.closeSync(+name)"
    "}catch{}"
    "}"
    "}catch{}"
    "finally{if(to>=0)try{fs.closeSync(to)}catch{}setImmediate(shut)}"
    "};"
    "const turn=()=>{shut();if(++turns<4)setImmediate(turn);else write()};"
    "setImmediate(turn);"
    "process._debugEnd()"
    "})()";

static int pause_for(struct node_guard *guard, int ms)
{
    uint64_t until = clock_monotonic_ms() + (uint64_t)ms, now;
    bool had_parent = guard->parent >= 0;

    while ((now = clock_monotonic_ms()) < until) {
        int r = node_guard_wait(guard, -1, 0, (int)(until - now));

        if (r < 0)
            return r;
        if (guard->parent < 0 && had_parent)
            return 0;
    }
    return 0;
}

static bool is_near(const struct node_port *port)
{
    static const uint8_t any[16] = {0}, loopback[16] = {[15] = 1};
    size_t size = port->family == AF_INET ? 4 : 16;

    return memcmp(port->address, any, size) == 0 ||
           (port->family == AF_INET ? port->address[0] == 127 : memcmp(port->address, loopback, 16) == 0);
}

/* Whether it listens already. 1: it does, because one of us was killed; 0: it does not; -EBUSY: another has
 * it open, or its place. */
static int check_ports(struct node_guard *guard, const struct node_options *options,
                       struct node_port *ret_port, struct error *error)
{
    for (size_t i = 0; i < guard->before.count; i++) {
        const struct node_port *port = &guard->before.items[i];
        int r = port->port == options->port && is_near(port) ? node_port_is_own(guard->place->process, port)
                                                             : -ENOENT;

        if (r > 0 && !options->is_told && guard->files.left_count > 0) {
            *ret_port = *port;
            return 1;
        }
        if (r > 0)
            return error_set(
                error, EBUSY,
                "Node's inspector is open already, at port %u (--inspect, or a debugger); take the "
                "heap snapshot there, or close it first.",
                options->port);
        if (r == 0)
            return error_set(error, EBUSY,
                             "Node opens its inspector at port %u, where another process listens.",
                             options->port);
        if (r < 0 && r != -ENOENT)
            return error_errno(error, -r, "It can't be seen who listens at Node's ports");
    }
    /* so that it can be seen later */
    return guard->before.count > 0 ? (node_port_is_own(guard->place->process, &guard->before.items[0]) < 0
                                          ? error_set(error, EACCES, "Node's descriptors can't be seen.")
                                          : 0)
                                   : 0;
}

static int check_signal(const struct node_guard *guard, struct error *error)
{
    struct proc_status status;
    int r = proc_status_read(guard->place->process->dir_fd, &status);

    if (r < 0)
        return r;
    if (status.state == 'T' || status.state == 't')
        return error_set(error, EBUSY, "Node is stopped.");
    if (status.tracer != 0)
        return error_set(error, EBUSY,
                         "Node is traced by process %d, which would get the signal by which its inspector is "
                         "opened.",
                         (int)status.tracer);
    if (!(status.signals_caught >> (SIGUSR1 - 1) & 1))
        return error_set(error, EBUSY,
                         "Node does not catch SIGUSR1, by which its inspector is opened (it is starting, or "
                         "--disable-sigusr1).");
    return 0;
}

static int check_options(struct node_guard *guard, struct node_options *options, struct error *error)
{
    int r = node_options_read(guard->place->process, options);

    if (r < 0)
        return error_errno(error, -r, "Node's environment can't be read");
    guard->inspector_port = options->port;
    if (options->is_restricted)
        return error_set(error, EBUSY, "Node has no inspector under --permission.");
    if (options->is_secret)
        return error_set(error, EBUSY,
                         "Node says only by its standard error how its inspector is reached "
                         "(--inspect-publish-uid).");
    return 0;
}

/* Nothing is sent to a program that waits for something else than its loop's events: it would open its
 * inspector when that is over, and who knows when. One that was seen so and runs again is about to do what it
 * waited for, such as to handle SIGUSR1 no more: it is left to that until it is at its loop, or for a while.
 */
static int await_loop(struct node_guard *guard)
{
    enum { SETTLED_LOOKS = 20 };
    enum node_state state = NODE_ELSEWHERE;
    int r = 0, running = SETTLED_LOOKS;

    while (r == 0 && guard->parent >= 0) {
        r = node_state_read(guard->place->process, &state);
        if (r < 0 || state == NODE_AT_LOOP)
            return r;
        running = state == NODE_RUNNING ? running + 1 : 0;
        if (running >= SETTLED_LOOKS)
            return 0;
        r = pause_for(guard, STEP_LAST_MS);
    }
    return r < 0 ? r : -ECANCELED;
}

/* Until the inspector is open. -ENOENT: it was not opened, and will not be. */
static int await_port(struct node_guard *guard, struct node_port *ret_port)
{
    uint64_t begun_ms = clock_monotonic_ms();
    int step_ms = STEP_FIRST_MS, most_ms, idle = 0;

    for (;;) {
        int r = node_port_find_new(guard->place->process, &guard->before, guard->inspector_port, ret_port);

        if (r != 0)
            return r < 0 ? r : 0;
        idle += node_is_idle(guard->place->process);
        if (idle == IDLE_LOOKS)
            return -ENOENT;
        r = pause_for(guard, step_ms);
        if (r < 0)
            return r;
        /* a program that hangs may do so for ever */
        most_ms = clock_monotonic_ms() - begun_ms > LONG_MS ? STEP_HUNG_MS : STEP_LAST_MS;
        step_ms = step_ms * 2 < most_ms ? step_ms * 2 : most_ms;
    }
}

/* Whether what listens there is no inspector: one answers as soon as the program runs at all, whatever its
 * main thread does. Where the inspector belongs there is no other. */
static bool is_another(const struct node_guard *guard, const struct node_port *port, int r)
{
    enum node_state state;

    return r == -EBADMSG || (r == -ETIMEDOUT && port->port != guard->inspector_port &&
                             node_state_read(guard->place->process, &state) == 0 && state != NODE_ELSEWHERE);
}

/* What is no inspector is not looked at again. */
static int pass_over(struct node_guard *guard, const struct node_port *port)
{
    if (guard->before.count == NODE_PORTS_MAX)
        return -EFBIG;
    guard->before.items[guard->before.count++] = *port;
    return 0;
}

/* It is open: one message, and it is closed. */
static int converse(struct node_guard *guard, const struct node_port *port, bool is_wanted,
                    struct error *error)
{
    char expression[sizeof write_heap + HEAP_FIFO_NAME];

    guard->has_asked = true;
    (void)snprintf(expression, sizeof expression, write_heap, guard->files.own.name); /* fits */
    return node_inspector_evaluate(guard, port, is_wanted ? expression : shut, error);
}

/* Nothing was asked, but may be yet. */
static bool is_passing(int r)
{
    return r == -ECONNREFUSED || r == -ECONNRESET || r == -ETIMEDOUT || r == -EPIPE;
}

static int open_and_ask(struct node_guard *guard, struct error *error)
{
    struct node_port port;
    int r = check_signal(guard, error); /* it may be long since it was looked at */

    if (r < 0)
        return r;
    r = pidref_signal(guard->place->process, SIGUSR1);
    if (r < 0)
        return error_errno(error, -r, "Node can't be signalled");
    guard->has_asked = true;
    do {
        r = await_port(guard, &port);
        if (r == -ENOENT)
            return error_set(
                error, EBUSY,
                "Node was sent SIGUSR1 and has not opened its inspector: the program handles that signal "
                "itself, its inspector is open already at another port, or it can't listen there.");
        if (r == 0)
            r = converse(guard, &port, guard->parent >= 0, error);
        if (is_another(guard, &port, r) && pass_over(guard, &port) < 0)
            return -EFBIG;
    } while (r == -EBADMSG || is_passing(r));
    return r;
}

int node_ask(struct node_guard *guard, struct error *error)
{
    struct node_options options;
    struct node_port port;
    int r = check_signal(guard, error);

    if (r == 0)
        r = check_options(guard, &options, error);
    if (r == 0)
        r = node_ports_read(guard->place->process, &guard->before);
    if (r == 0)
        r = check_ports(guard, &options, &port, error);
    if (r > 0) /* opened by one of us that was killed */
        return converse(guard, &port, true, error);
    if (r == 0)
        r = await_loop(guard);
    return r < 0 ? r : open_and_ask(guard, error);
}

/* The signal may still be on its way. */
int node_ask_nothing(struct node_guard *guard)
{
    enum { MOST_MS = 60 * 1000 };
    uint64_t until = clock_monotonic_ms() + MOST_MS;
    struct node_options options;
    int idle = 0, r = node_options_read(guard->place->process, &options);

    while (r == 0 && idle < IDLE_LOOKS && clock_monotonic_ms() < until) {
        struct node_ports now;
        struct node_port port;

        idle += node_is_idle(guard->place->process);
        r = node_ports_read(guard->place->process, &now);
        if (r < 0)
            break;
        node_ports_release(&guard->before);
        guard->before = now;
        r = check_ports(guard, &options, &port, NULL);
        if (r > 0)
            return converse(guard, &port, false, NULL);
        if (r == 0)
            r = pause_for(guard, STEP_LAST_MS);
    }
    return r;
}

int node_close_again(struct node_guard *guard)
{
    struct node_port port;
    int r = node_port_find_new(guard->place->process, &guard->before, guard->inspector_port, &port);

    if (r <= 0)
        return r;
    r = converse(guard, &port, false, NULL);
    if (is_another(guard, &port, r))
        r = pass_over(guard, &port);
    return r == -ESRCH ? r : 1; /* others: it is tried again */
}
