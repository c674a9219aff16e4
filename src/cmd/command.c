#include "cmd/command.h"

#include "cmd/exit_code.h"
#include "cmd/help.h"
#include "cmd/options.h"

#include <errno.h>
#include <string.h>

const struct verb *verb_find(const char *name)
{
    for (const struct verb *const *verb = verbs; *verb; verb++)
        if (strcmp((*verb)->name, name) == 0)
            return *verb;
    return NULL;
}

/* Output that could not be written (a full disk) must not look like success. */
static int flushed(int exit)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return exit;
    struct error error = {0};
    (void)error_errno(&error, errno, "Could not write the output"); /* returned as the exit code */
    return complain(&error);
}

static int print_version(void)
{
    (void)printf("procscope %s\n", PROCSCOPE_VERSION); /* flushed() looks */
    return flushed(EXIT_GOOD);
}

static int print_help(const struct verb *verb)
{
    if (verb)
        help_verb(stdout, verb);
    else
        help_overview(stdout);
    return flushed(EXIT_GOOD);
}

static int help_for(int argc, char **argv)
{
    if (argc < 2)
        return print_help(NULL);
    const struct verb *verb = verb_find(argv[1]);
    if (!verb)
        return complain_usage("There is no verb '%s': see procscope --help.", argv[1]);
    if (verb->run_raw)
        return verb->run_raw(2, (char *[]){argv[1], (char[]){"--help"}, NULL});
    return print_help(verb);
}

int command_run(int argc, char **argv)
{
    struct invocation invocation = {0};
    int next = 0;
    int r = options_before_verb(argc, argv, &invocation, &next);
    if (r != 0)
        return r;
    if (invocation_option(&invocation, OPTION_VERSION))
        return print_version();
    if (invocation_option(&invocation, OPTION_HELP))
        return print_help(NULL);
    if (next >= argc) {
        help_overview(stderr);
        return EXIT_USAGE;
    }
    argc -= next, argv += next;
    if (strcmp(argv[0], "help") == 0)
        return help_for(argc, argv);
    if (strcmp(argv[0], "version") == 0)
        return print_version();
    invocation.verb = verb_find(argv[0]);
    if (!invocation.verb)
        return complain_usage("There is no verb '%s': see procscope --help.", argv[0]);
    if (invocation.verb->run_raw && invocation.given_count)
        return complain_usage("Options of %s stand behind it: see procscope %s --help.", argv[0], argv[0]);
    if (invocation.verb->run_raw)
        return invocation.verb->run_raw(argc, argv);
    r = options_of_verb(argc, argv, &invocation);
    if (r != 0)
        return r;
    if (invocation_option(&invocation, OPTION_HELP))
        return print_help(invocation.verb);
    return flushed(invocation.verb->run(&invocation));
}
