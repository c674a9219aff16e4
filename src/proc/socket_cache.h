/* What was said of sockets a moment ago. To find one TCP socket the kernel walks its whole hash table, of
 * which a large machine has 262,144 rows: about a millisecond, whatever the number of sockets. A page that
 * shows many processes, or one again and again, pays it once in SOCKET_CACHE_MS. Sockets are known by network
 * namespace and inode; the kernel gives an inode number again only after 2^32 others. Private to src/proc. */
#pragma once

#include <stdint.h>

enum { SOCKET_CACHE_MS = 100 };

/* A copy that the caller owns; NULL where nothing was said in time, or there is no memory for a copy. */
char *socket_cache_get(uint64_t network_namespace, uint64_t inode);
/* Keeps a copy; where there is no memory for one, nothing. */
void socket_cache_put(uint64_t network_namespace, uint64_t inode, const char *text);
