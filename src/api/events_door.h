/* GET /api/events: asks the inspector whether the client may watch, and as whom; then he is one of those who
 * share the events of his role. */
#pragma once

#include "access/role.h"
#include "api/events.h"

struct events_door {
    struct events of_role[ROLE_ADMIN + 1]; /* of ROLE_NONE nobody */
};

void events_door_init(struct events_door *door, const struct config *config, int channel);
void events_door_set_server(struct events_door *door, struct http_server *server);
void events_door_release(struct events_door *door); /* as events_release */

/* Answers a GET or HEAD. */
void events_door_handle(struct events_door *door, struct http_exchange *exchange);
void events_door_stop(struct events_door *door); /* as events_stop */
