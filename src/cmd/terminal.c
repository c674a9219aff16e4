#include "cmd/terminal.h"

#include "base/parse.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

enum { COLUMNS_LEAST = 20, COLUMNS_USUAL = 80 };

static unsigned width_of(int fd)
{
    const char *variable = getenv("COLUMNS");
    uint64_t columns = 0;
    if (variable && parse_u64(variable, &columns) == 0 && columns >= COLUMNS_LEAST && columns < 100000)
        return (unsigned)columns;
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= COLUMNS_LEAST)
        return size.ws_col;
    return COLUMNS_USUAL;
}

int terminal_look(int fd, const char *when, struct terminal *ret_terminal)
{
    struct terminal terminal = {.is_terminal = isatty(fd) == 1};
    if (!when || strcmp(when, "auto") == 0) {
        const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
        terminal.color =
            terminal.is_terminal && !(no_color && *no_color) && term && *term && strcmp(term, "dumb") != 0;
    } else if (strcmp(when, "always") == 0) {
        terminal.color = true;
    } else if (strcmp(when, "never") != 0) {
        return -EINVAL;
    }
    if (terminal.is_terminal)
        terminal.columns = width_of(fd);
    *ret_terminal = terminal;
    return 0;
}

const char *terminal_style(const struct terminal *terminal, enum style style)
{
    static const char *const sequences[] = {
        [STYLE_PLAIN] = "\033[0m", [STYLE_TITLE] = "\033[1m", [STYLE_KEY] = "\033[36m",
        [STYLE_NAME] = "\033[1m",  [STYLE_QUIET] = "\033[2m", [STYLE_GOOD] = "\033[32m",
        [STYLE_BAD] = "\033[31m",
    };
    return terminal->color ? sequences[style] : "";
}
