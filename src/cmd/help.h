/* Help that teaches, made from the tables that the parser uses. */
#pragma once

#include "cmd/verb.h"

#include <stdio.h>

void help_overview(FILE *out);
void help_verb(FILE *out, const struct verb *verb);
