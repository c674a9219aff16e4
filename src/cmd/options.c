#include "cmd/options.h"

#include "cmd/exit_code.h"

#include <getopt.h>
#include <string.h>

const struct command_option common_options[] = {
    {OPTION_URL, "url", "URL", "ask the procscope at URL (http://HOST:PORT, https://..., unix:PATH)"},
    {OPTION_INSTANCE, "instance", "ID",
     "with --url: that instance, through the one at URL (procscope instances)"},
    {OPTION_CA_FILE, "ca-file", "FILE", "certificates to trust with https, in PEM form"},
    {OPTION_TOKEN_FILE, "token-file", "FILE",
     "a token to show with --url (- standard input); else PROCSCOPE_TOKEN is one"},
    {OPTION_MAIN_PID, "main-pid", "PID", "the process that the word 'main' means"},
    {OPTION_MAIN_NAME, "main-name", "NAME", "the same, by name"},
    {OPTION_JSON, "json", NULL, "print the JSON itself: indented on a terminal, else as it came"},
    {OPTION_NO_HEADER, "no-header", NULL, "tables without their first line"},
    {OPTION_COLOR, "color", "WHEN", "auto (on a terminal, unless NO_COLOR is set), always or never"},
    {OPTION_HELP, "help", NULL, "explain"},
    {0},
};

enum { GETOPT_MAX = 32 };

/* What getopt_long wants, made of our tables. */
struct getopt_tables {
    struct option longs[GETOPT_MAX + 1];
    char shorts[2 * GETOPT_MAX + 4];
    size_t count;
};

static void tables_add(struct getopt_tables *tables, const struct command_option *options)
{
    for (; options && options->name && tables->count < GETOPT_MAX; options++) {
        tables->longs[tables->count++] = (struct option){
            .name = options->name, .has_arg = options->argument != NULL, .val = options->letter};
        if (options->letter >= 0x100)
            continue;
        size_t size = strlen(tables->shorts);
        tables->shorts[size] = (char)options->letter;
        if (options->argument)
            tables->shorts[size + 1] = ':';
    }
}

static int parse(int argc, char **argv, const struct getopt_tables *tables, struct invocation *invocation)
{
    const char *verb = invocation->verb ? invocation->verb->name : NULL;
    optind = 0; /* glibc: begin anew, also with the order of arguments */
    opterr = 0;
    for (;;) {
        int letter = getopt_long(argc, argv, tables->shorts, tables->longs, NULL);
        if (letter == -1)
            return 0;
        const char *text = argv[optind - 1 > 0 ? optind - 1 : 0];
        if (letter == ':')
            return complain_usage("%s takes a value: see procscope %s%s--help.", text, verb ? verb : "",
                                  verb ? " " : "");
        if (letter == '?' && optopt > ' ' && optopt < 0x7f && text[0] == '-' && text[1] != '-')
            return complain_usage("There is no option -%c: see procscope %s%s--help.", optopt,
                                  verb ? verb : "", verb ? " " : "");
        if (letter == '?')
            return complain_usage("There is no option %s, or it takes no value: see procscope %s%s--help.",
                                  text, verb ? verb : "", verb ? " " : "");
        if (invocation->given_count == OPTIONS_GIVEN_MAX)
            return complain_usage("More than %d options.", OPTIONS_GIVEN_MAX);
        invocation->given[invocation->given_count].letter = letter;
        invocation->given[invocation->given_count++].value = optarg ? optarg : "";
    }
}

int options_before_verb(int argc, char **argv, struct invocation *invocation, int *ret_next)
{
    static const struct command_option version[] = {{OPTION_VERSION, "version", NULL, "print the version"},
                                                    {0}};
    struct getopt_tables tables = {.shorts = "+:"};
    tables_add(&tables, common_options);
    tables_add(&tables, version);
    int r = parse(argc, argv, &tables, invocation);
    if (r == 0)
        *ret_next = optind;
    return r;
}

/* -1 is Kudu's id of the main process, and no option. */
static void spell_out_main(int argc, char **argv)
{
    static char word[] = "main";
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "-1") == 0)
            argv[i] = word;
}

int options_of_verb(int argc, char **argv, struct invocation *invocation)
{
    const struct verb *verb = invocation->verb;
    struct getopt_tables tables = {.shorts = ":"};
    tables_add(&tables, common_options);
    tables_add(&tables, verb->options);
    spell_out_main(argc, argv);
    int r = parse(argc, argv, &tables, invocation);
    if (r != 0)
        return r;
    if (invocation_option(invocation, OPTION_HELP))
        return 0;
    unsigned count = (unsigned)(argc - optind);
    if (count < verb->least)
        return complain_usage("%s wants %s: see procscope %s --help.", verb->name, verb->arguments,
                              verb->name);
    if (count > verb->most)
        return complain_usage("%s takes no '%s': see procscope %s --help.", verb->name,
                              argv[optind + (int)verb->most], verb->name);
    for (unsigned i = 0; i < count; i++)
        invocation->arguments[invocation->argument_count++] = argv[optind + (int)i];
    return 0;
}

const char *invocation_option(const struct invocation *invocation, int letter)
{
    for (size_t i = invocation->given_count; i > 0; i--)
        if (invocation->given[i - 1].letter == letter)
            return invocation->given[i - 1].value;
    return NULL;
}

const char *invocation_argument(const struct invocation *invocation, size_t index)
{
    return index < invocation->argument_count ? invocation->arguments[index] : NULL;
}
