#include "service/debuginfo.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/log.h"
#include "service/channel.h"
#include "service/sandbox.h"
#include "unwind/debug_file.h"

#include <dlfcn.h>
#include <elfutils/debuginfod.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GRACE_SECONDS = 5 };

static struct {
    const struct config *config;
    bool drops;
    char *text; /* owned: the directories in it */
    const char *directories[CONFIG_DIRECTORIES_MAX + 1];
    uint64_t left_ms;
    pid_t pid;     /* of the process that asks; 0: there is none */
    pid_t leaving; /* of the one before, which may still put away what it has; 0: none */
    int channel;   /* to it */
} state = {.channel = -1};

/* libdebuginfod, loaded in that process alone: for the reasons in instances/curl.h. */
struct library {
    __typeof__(&debuginfod_begin) begin;
    __typeof__(&debuginfod_find_debuginfo) find;
    __typeof__(&debuginfod_set_progressfn) set_progress;
};

static bool library_load(struct library *library)
{
    void *handle = dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL);

    if (!handle)
        return false;
    *(void **)&library->begin = dlsym(handle, "debuginfod_begin");
    *(void **)&library->find = dlsym(handle, "debuginfod_find_debuginfo");
    *(void **)&library->set_progress = dlsym(handle, "debuginfod_set_progressfn");
    return library->begin && library->find && library->set_progress;
}

static int remove_entry(const char *path, const struct stat *facts, int type, struct FTW *place)
{
    (void)facts, (void)place;
    /* not remove(), which tries unlink() on a directory, too, and believes what Landlock says of that */
    (void)!(type == FTW_DP ? rmdir(path) : unlink(path)); /* it is a temporary directory's */
    return 0;
}

/* The variables that libdebuginfod reads. False: there is no place for what it fetches. */
static bool set_variables(char *private_cache)
{
    char size[32];

    (void)snprintf(size, sizeof size, "%llu", LIMIT_DEBUG_FILE); /* fits */
    if (setenv("DEBUGINFOD_URLS", state.config->debuginfod_urls, 1) < 0 ||
        setenv("DEBUGINFOD_MAXSIZE", size, 1) < 0 || unsetenv("DEBUGINFOD_PROGRESS") < 0)
        return false;
    if (state.config->debuginfod_cache[0])
        return setenv("DEBUGINFOD_CACHE_PATH", state.config->debuginfod_cache, 1) == 0;
    if (!state.drops)
        return true; /* the user's own, which gdb has, too */
    return mkdtemp(private_cache) && setenv("DEBUGINFOD_CACHE_PATH", private_cache, 1) == 0;
}

static int asking_channel = -1; /* in that process */

/* Called every second at least. Not 0: nobody waits any more. The library removes what it has by then, which
 * a signal would leave behind. */
static int on_progress(debuginfod_client *client, long done, long all)
{
    struct pollfd channel = {.fd = asking_channel};

    (void)client, (void)done, (void)all;
    return poll(&channel, 1, 0) > 0;
}

static void answer_requests(int channel, const struct library *library, bool is_private)
{
    debuginfod_client *client = library->begin();
    uint8_t build_id[LIMIT_BUILD_ID];
    int unexpected;
    ssize_t n;

    asking_channel = channel;
    if (client)
        library->set_progress(client, on_progress);
    while (client && (n = channel_receive(channel, build_id, sizeof build_id, &unexpected)) > 0) {
        int32_t result;
        char *path = NULL;
        int fd;

        (void)alarm((unsigned)(state.config->debuginfod_timeout / 1000) + GRACE_SECONDS);
        fd = library->find(client, build_id, (int)n, &path);
        (void)alarm(0);
        result = fd < 0 ? fd : 0;
        if (fd >= 0 && is_private && path)
            (void)unlink(path); /* else it goes with the directory */
        free(path);
        n = channel_send(channel, &result, sizeof result, fd);
        (void)fd_close(fd);
        if (n < 0)
            return;
    }
}

/* What is sent is parsed from here on. */
static int close_off(const char *folder, struct error *error)
{
    if (mkdir(folder, 0777) < 0 && errno != EEXIST) /* as the library would */
        return error_errno(error, errno, "%.300s can't be made", folder);
    return sandbox_seal_fetch(folder, error);
}

/* Ends with the channel, also in the middle of a request; should the library hang there, by the alarm. */
static _Noreturn void ask_main(int channel)
{
    char cache[] = "/tmp/procscope-debuginfod-XXXXXX";
    struct library library;
    struct error error = {0};
    bool is_private = state.drops && !state.config->debuginfod_cache[0];

    (void)prctl(PR_SET_NAME, "procscope-fetch"); /* only a name */
    io_close_all_but(STDERR_FILENO + 1, &channel, 1);
    (void)signal(SIGALRM, SIG_DFL); /* neither can fail */
    (void)signal(SIGTERM, SIG_IGN); /* of a service that is stopped: its worker ends, and so the channel */
    if (state.drops && sandbox_drop_front(state.config, &error) < 0) {
        log_error("debuginfod is not asked: %s", error.text);
        _exit(EXIT_FAILURE);
    }
    if (!library_load(&library)) {
        log_error("debuginfod is not asked: libdebuginfod can't be loaded (package libdebuginfod1).");
        _exit(EXIT_FAILURE);
    }
    if (!set_variables(cache)) {
        log_error("debuginfod is not asked: there is no place for what it sends: %s.", strerror(errno));
        _exit(EXIT_FAILURE);
    }
    if (state.drops && close_off(is_private ? cache : state.config->debuginfod_cache, &error) < 0) {
        log_error("debuginfod is not asked: %s", error.text);
        _exit(EXIT_FAILURE);
    }
    answer_requests(channel, &library, is_private);
    if (is_private)
        (void)nftw(cache, remove_entry, 8, FTW_DEPTH | FTW_PHYS); /* what is left is empty */
    _exit(EXIT_SUCCESS);
}

/* One that leaves takes a second for it, and nobody waits so long. */
static void collect(bool at_once)
{
    if (state.leaving > 0 && at_once)
        (void)kill(state.leaving, SIGKILL); /* ours and not waited for yet */
    if (state.leaving > 0 && waitpid(state.leaving, NULL, at_once ? 0 : WNOHANG) != 0)
        state.leaving = 0;
}

static void stop(void)
{
    if (state.pid > 0) {
        collect(true);
        state.leaving = state.pid;
    }
    state.channel = fd_close(state.channel); /* tells it */
    state.pid = 0;
    collect(false);
}

static int start(void)
{
    int ends[2], r = channel_pair(0, ends);

    if (r < 0)
        return r;
    state.pid = fork();
    if (state.pid == 0)
        ask_main(ends[1]);
    (void)fd_close(ends[1]); /* always -1 */
    state.channel = ends[0];
    if (state.pid > 0)
        return 0;
    state.pid = 0;
    stop();
    return -EAGAIN;
}

/* Waits for the answer as long as there is time. */
static int take_answer(int *ret_fd)
{
    struct pollfd waited = {.fd = state.channel, .events = POLLIN};
    uint64_t began_ms = clock_monotonic_ms(), used_ms;
    int32_t result;
    int fd = -1;
    ssize_t n;

    do
        n = poll(&waited, 1, (int)state.left_ms);
    while (n < 0 && errno == EINTR);
    used_ms = clock_monotonic_ms() - began_ms;
    state.left_ms = n > 0 && used_ms < state.left_ms ? state.left_ms - used_ms : 0;
    if (n <= 0)
        return -ETIMEDOUT;
    n = channel_receive(state.channel, &result, sizeof result, &fd);
    if (n != sizeof result || (result == 0 && fd < 0)) {
        (void)fd_close(fd);
        state.left_ms = 0; /* it ended: no second try in this answer */
        return -EIO;
    }
    if (result < 0)
        return result;
    *ret_fd = fd;
    return 0;
}

static int fetch(const uint8_t *build_id, size_t size, int *ret_fd)
{
    int r = state.left_ms == 0 ? -ETIMEDOUT : 0;

    if (r == 0 && state.channel < 0)
        r = start();
    if (r == 0)
        r = channel_send(state.channel, build_id, size, -1);
    if (r == 0)
        r = take_answer(ret_fd);
    if (r == -ETIMEDOUT || r == -EIO || r == -EPIPE)
        stop();
    return r;
}

void debuginfo_begin_answer(void)
{
    collect(false);
    if (state.config)
        state.left_ms = state.config->debuginfod_timeout;
}

/* Of what config_set_directories() has let through. */
static void set_directories(void)
{
    size_t count = 0;

    for (char *next = state.text, *name; (name = strsep(&next, ":"));)
        if (name[0] && count < CONFIG_DIRECTORIES_MAX)
            state.directories[count++] = name;
    state.directories[count] = NULL;
    debug_file_set_directories(state.directories);
}

int debuginfo_configure(const struct config *config, bool drops, struct error *error)
{
    state.config = config;
    state.drops = drops;
    free(state.text);
    state.text = strdup(config->debug_directories);
    if (!state.text)
        return error_set(error, ENOMEM, "Out of memory.");
    set_directories();
    debug_file_set_fetch(config->debuginfod_urls[0] ? fetch : NULL);
    debuginfo_begin_answer();
    return 0;
}
