/* What is watched -> the JSON of events (docs/EVENTS.md). */
#pragma once

#include "access/mask.h"
#include "base/json.h"
#include "watch/watch.h"

/* All that is there, for who begins to look. interval_ms: when to expect the next one. mask: of commands. */
void events_snapshot(struct json *json, const struct watch *watch, uint64_t interval_ms,
                     const struct mask *mask);
/* What has changed with the last sample. */
void events_tick(struct json *json, const struct watch *watch, uint64_t interval_ms, const struct mask *mask);
