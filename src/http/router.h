/* Which route a path is. A pattern is a path whose variable parts stand in braces with their kind:
 *
 *     {id:int}      a decimal number, minus sign allowed
 *     {base:hex}    a number of base 16, with or without 0x
 *     {filter:text} anything
 *
 * A part that is not of its kind makes the route not match (404), as ASP.NET's route constraints do. Tables
 * are short, so they are walked. */
#pragma once

#include "http/method.h"
#include "http/target.h"

#include <stdbool.h>
#include <stdint.h>

enum { ROUTE_CAPTURES_MAX = 4, ROUTE_NAME_MAX = 24 };

struct route {
    enum http_method method;
    const char *pattern; /* "/{id:int}/threads"; "/" or "" for the root itself */
    const char *name;    /* of what it leads to; NULL ends a table */
};

enum capture_kind { CAPTURE_INT, CAPTURE_HEX, CAPTURE_TEXT };

struct route_capture {
    enum capture_kind kind;
    int64_t number;   /* INT, and HEX as bits */
    const char *text; /* as it stands in the target */
};

struct route_match {
    const struct route *route;                         /* NULL: none for this path and method */
    unsigned allowed;                                  /* methods that the path has; 0: no such path */
    struct route_capture captures[ROUTE_CAPTURES_MAX]; /* in order */
    size_t capture_count;
};

/* Looks up the segments from `first` on. HEAD finds GET. */
void route_find(const struct route *routes, const struct target *target, size_t first,
                enum http_method method, struct route_match *ret_match);

/* Walks a pattern: takes the segment at *cursor and moves it on. False at the end. For a variable part `name`
 * is its name and is_variable is set. */
struct route_part {
    const char *text; /* not terminated */
    size_t size;
    bool is_variable;
    enum capture_kind kind;
};
bool route_part_next(const char **cursor, struct route_part *ret_part);
