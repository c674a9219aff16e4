/* Writes the made-up profile for other people's readers: write_profile FORMAT FILE [full]. */
#include "made_up.h"
#include "profile/formats.h"

#include <string.h>

int main(int count, char **arguments)
{
    _cleanup_profile_ struct profile profile = {0};
    _cleanup_sink_ struct sink *file = NULL;
    const struct profile_format *format;
    struct error error = {0};
    int r;

    if (count != 3 && (count != 4 || strcmp(arguments[3], "full") != 0))
        return 2;
    format = profile_format_find(arguments[1]);
    if (!format)
        return 2;
    r = made_up_profile(count == 4, &profile);
    if (r == 0)
        r = sink_file_new(arguments[2], &file, &error);
    if (r == 0)
        r = format->write(&profile, file);
    if (r == 0)
        r = sink_finish(file, &error);
    if (r < 0)
        (void)fprintf(stderr, "%s: %s %s\n", arguments[1], strerror(-r), error.text);
    return r < 0;
}
