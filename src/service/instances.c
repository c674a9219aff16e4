#include "service/instances.h"

#include <strings.h>

void instances_read(const struct config *config, struct instances *ret_instances)
{
    *ret_instances = (struct instances){
        .items = {{.id = config->instance_id, .machine_name = config->machine_name, .is_own = true}},
        .count = 1,
    };
}

const struct instance *instances_find(const struct instances *instances, const char *id)
{
    for (size_t i = 0; i < instances->count; i++)
        if (strcasecmp(instances->items[i].id, id) == 0)
            return &instances->items[i];
    return NULL;
}
