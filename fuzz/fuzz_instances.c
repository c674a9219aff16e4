/* What other instances and etcd answer, by the first byte: one instance, the answers of etcd, a line of a
 * head; and what a configuration says of them. */
#include "instances/forward_head.h"
#include "instances/member_json.h"
#include "instances/registry_config.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct member_facts *facts)
{
    if (!instance_id_is_valid(facts->id) || (facts->url[0] && !url_is_valid(facts->url, strlen(facts->url))))
        abort();
}

static void take(void *context, const struct member_facts *facts)
{
    (void)context;
    check(facts);
}

static void read_member(const char *text, size_t size)
{
    struct member_facts facts, again;
    _cleanup_buffer_ struct buffer out = {0};

    if (member_json_read(text, size, &facts) < 0)
        return;
    check(&facts);
    if (member_json_write(&facts, &out) < 0 || member_json_read(out.data, out.size, &again) < 0 ||
        memcmp(&facts, &again, sizeof facts) != 0)
        abort();
}

static void read_url(const char *text)
{
    char port[6];

    if (!url_is_valid(text, strlen(text)))
        return;
    (void)url_is_loopback(text); /* only that nothing breaks */
    (void)url_path(text);
    url_port(text, port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_registry_config_ struct registry_config registry = {0};
    struct forward_head head = {.length = -1};
    _cleanup_free_ char *text = size > 0 ? strndup((const char *)data + 1, size - 1) : NULL;
    const char *bytes = (const char *)data + 1;
    int64_t number;
    char words[64];

    if (!text)
        return 0;
    switch (data[0] % 4) {
    case 0:
        read_member(bytes, size - 1);
        break;
    case 1:
        (void)!etcd_read_lease(bytes, size - 1, &number);
        (void)!etcd_read_keepalive(bytes, size - 1, &number);
        (void)!etcd_read_range(bytes, size - 1, take, NULL);
        etcd_read_problem(bytes, size - 1, words, sizeof words);
        break;
    case 2:
        forward_head_line(&head, bytes, size - 1);
        forward_head_release(&head);
        break;
    default:
        read_url(text);
        (void)!registry_config_parse(text, &registry, NULL);
        break;
    }
    return 0;
}
