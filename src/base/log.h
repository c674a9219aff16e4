/* The program's log: one line an event on stderr, with the systemd priority prefix (<6>) where stderr is the
 * journal's. Libraries below src/service do not call anything above log_debug: they fill a struct error. */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* Sets the most detailed level that is written (default info) and the word each line begins with. */
void log_configure(enum log_level most, const char *program);

/* Writes one line. Control characters in it are written as \xNN: names of targets can hold newlines. */
void log_write(enum log_level level, const char *format, ...) _printf_(2, 3);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
