#include "base/networks.h"

#include "base/parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

enum { WORD_SIZE = INET6_ADDRSTRLEN + sizeof "/128", MAPPED_BITS = 96 };

static void map_ipv4(const void *address, uint8_t ret_address[16])
{
    memset(ret_address, 0, 10);
    memset(ret_address + 10, 0xff, 2);
    memcpy(ret_address + 12, address, 4);
}

/* word is changed. */
static int parse_network(char *word, struct network *ret_network)
{
    struct network network = {.bits = 128};
    char *length = strchr(word, '/');
    unsigned before = 0;
    uint8_t ipv4[4];

    if (length)
        *length++ = 0;
    if (inet_pton(AF_INET, word, ipv4) == 1) {
        map_ipv4(ipv4, network.address);
        before = MAPPED_BITS;
    } else if (inet_pton(AF_INET6, word, network.address) != 1) {
        return -EINVAL;
    }
    if (length) {
        uint64_t bits;
        if (parse_u64(length, &bits) < 0 || bits > 128 - before)
            return -EINVAL;
        network.bits = before + (unsigned)bits;
    }
    *ret_network = network;
    return 0;
}

int networks_parse(const char *text, struct networks *ret_networks)
{
    static const char between[] = ", \t";
    struct networks networks = {0};

    for (text += strspn(text, between); *text; text += strspn(text, between)) {
        size_t size = strcspn(text, between);
        char word[WORD_SIZE + 1];
        int r;

        if (size > WORD_SIZE)
            return -EINVAL;
        (void)snprintf(word, sizeof word, "%.*s", (int)size, text); /* fits: measured */
        text += size;
        if (strcmp(word, "unix") == 0) {
            networks.has_unix = true;
            continue;
        }
        if (networks.count == NETWORKS_MAX)
            return -ENOBUFS;
        r = parse_network(word, &networks.items[networks.count]);
        if (r < 0)
            return r;
        networks.count++;
    }
    *ret_networks = networks;
    return 0;
}

static bool holds(const struct network *network, const uint8_t address[16])
{
    unsigned whole = network->bits / 8, rest = network->bits % 8;

    if (memcmp(network->address, address, whole) != 0)
        return false;
    return rest == 0 || (network->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}

bool networks_hold(const struct networks *networks, const struct sockaddr *peer)
{
    uint8_t address[16];

    if (!peer)
        return false;
    if (peer->sa_family == AF_UNIX)
        return networks->has_unix;
    if (peer->sa_family == AF_INET)
        map_ipv4(&((const struct sockaddr_in *)(const void *)peer)->sin_addr, address);
    else if (peer->sa_family == AF_INET6)
        memcpy(address, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr, sizeof address);
    else
        return false;
    for (size_t i = 0; i < networks->count; i++)
        if (holds(&networks->items[i], address))
            return true;
    return false;
}
