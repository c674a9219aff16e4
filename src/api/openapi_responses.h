/* What each route may answer, in openapi.json. */
#pragma once

#include "base/json.h"
#include "ops/request.h"

/* The member "responses" of a route that leads to this operation, or answers from memory under this name. */
void openapi_responses(struct json *json, const char *operation, enum dialect dialect);
