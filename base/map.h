/*
 * map - text keys to pointers, on the heap.
 *
 * Open addressing, doubling, no removal of single keys (nobody needs it).
 * Keys are copied. Iteration is in order of insertion, so that what depends on
 * it is the same in every run. Keys come from our own rule files or were
 * bounded before, so hashes have no secret.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct map_entry {
	struct slice key;
	void *value;
	uint64_t hash;
};

/* Part of the hash stands here, so that only the entry that is meant is looked at. */
struct map_slot {
	uint32_t index; /* into entry, + 1; 0 is free */
	uint32_t hash;	/* its upper half */
};

struct map {
	struct map_entry *entry; /* in order of insertion */
	size_t count;
	size_t cap;
	struct map_slot *slot;
	size_t slots;
	struct arena keys;
};

void map_init(struct map *m);
void map_release(struct map *m);
void *map_get(const struct map *m, struct slice key); /* NULL where absent */
/* Sets key to value (not NULL); answers the value that was there before, or NULL. */
void *map_put(struct map *m, struct slice key, void *value);
/* The same, but a new key's bytes are lent for the map's life. */
void *map_put_lent(struct map *m, struct slice key, void *value);

/* Differs between machines of different byte order. */
uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t len);

#endif
