/* From the command line to the verb. */
#pragma once

/* All of the program but its name as a function: main() without the linker's main, so that tests can call it.
 * Returns the exit code. */
int command_run(int argc, char **argv);
