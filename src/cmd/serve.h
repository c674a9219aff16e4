/* The verb `serve`. */
#pragma once

/* argv[0] is "serve". Returns the exit code. */
int cmd_serve(int argc, char **argv);
