#include "cmd/help.h"

#include <string.h>

static const struct command_example overview_examples[] = {
    {"procscope ps", "which processes there are"},
    {"procscope show nginx", "one of them in full, by name where it is the only one, else by pid"},
    {"procscope doctor 4711", "what you may do to it, and the mend for what you may not"},
    {"procscope dump 4711 --type 2 -o app.dmp", "a minidump with all of its memory, for lldb"},
    {"procscope --url http://web1:7420 ps", "the same on another machine"},
    {0},
};

/* Column where the explanations begin; longer names put theirs on a line of its own. */
enum { HELP_COLUMN = 26 };

static void print_pair(FILE *out, const char *left, const char *right)
{
    if (strlen(left) + 4 > HELP_COLUMN)
        (void)fprintf(out, "  %s\n%*s%s\n", left, HELP_COLUMN, "", right); /* a lost help is seen at once */
    else
        (void)fprintf(out, "  %-*s%s\n", HELP_COLUMN - 2, left, right);
}

static void print_options(FILE *out, const struct command_option *options)
{
    for (; options && options->name; options++) {
        char left[80];
        const char *argument = options->argument ? options->argument : "";
        const char *blank = options->argument ? " " : "";
        if (options->letter < 0x100) /* cut at the size, which no name of ours reaches */
            (void)snprintf(left, sizeof left, "-%c, --%s%s%s", options->letter, options->name, blank,
                           argument);
        else
            (void)snprintf(left, sizeof left, "    --%s%s%s", options->name, blank, argument);
        print_pair(out, left, options->help);
    }
}

static void print_examples(FILE *out, const struct command_example *examples)
{
    (void)fputs("\nExamples:\n", out);
    for (; examples->command; examples++)
        (void)fprintf(out, "  %s\n      %s\n", examples->command, examples->meaning);
}

void help_overview(FILE *out)
{
    (void)fputs("Shows what the processes of this machine, or of another, are doing, and takes what is\n"
                "needed to explain them.\n\n"
                "Usage: procscope [--url URL] VERB [ARGUMENTS] [OPTIONS]\n\nVerbs:\n",
                out);
    for (const struct verb *const *verb = verbs; *verb; verb++) {
        char left[80];
        (void)snprintf(left, sizeof left, "%s %s", (*verb)->name, (*verb)->arguments); /* as above */
        print_pair(out, left, (*verb)->summary);
    }
    (void)fputs("\nOptions of every verb:\n", out);
    print_options(out, common_options);
    print_options(
        out, (const struct command_option[]){{OPTION_VERSION, "version", NULL, "print the version"}, {0}});
    print_examples(out, overview_examples);
    (void)fputs(
        "\nprocscope VERB --help explains one verb; procscope(1) has all of it, exit codes included.\n", out);
}

void help_verb(FILE *out, const struct verb *verb)
{
    (void)fprintf(out, "Usage: procscope %s%s%s [OPTIONS]\n\n%s\n", verb->name, *verb->arguments ? " " : "",
                  verb->arguments, verb->description);
    if (verb->options) {
        (void)fputs("\nOptions:\n", out);
        print_options(out, verb->options);
    }
    (void)fputs("\nOptions of every verb:\n", out);
    print_options(out, common_options);
    print_examples(out, verb->examples);
}
