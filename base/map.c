#include "base/map.h"

void map_init(struct map *m)
{
	*m = (struct map){ 0 };
	arena_init(&m->keys);
}

void map_release(struct map *m)
{
	mem_free(m->entry);
	mem_free(m->slot);
	arena_release(&m->keys);
	map_init(m);
}

uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	uint64_t h = seed ^ 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15u;
	return h ^ (h >> 29);
}

/* The slot that holds key, or the free one where it belongs. */
static size_t find_slot(const struct map *m, struct slice key, uint64_t hash)
{
	size_t i = hash & (m->slots - 1);

	while (m->slot[i]) {
		const struct map_entry *e = &m->entry[m->slot[i] - 1];
		if (e->hash == hash && slice_eq(e->key, key))
			break;
		i = (i + 1) & (m->slots - 1);
	}
	return i;
}

void *map_get(const struct map *m, struct slice key)
{
	if (!m->slots)
		return NULL;
	size_t i = find_slot(m, key, hash_bytes(0, key.ptr, key.len));
	return m->slot[i] ? m->entry[m->slot[i] - 1].value : NULL;
}

static void rehash(struct map *m)
{
	m->slots = m->slots ? m->slots * 2 : 16;
	mem_free(m->slot);
	m->slot = mem_alloc(m->slots * sizeof(*m->slot));
	for (size_t n = 0; n < m->count; n++) {
		size_t i = m->entry[n].hash & (m->slots - 1);
		while (m->slot[i])
			i = (i + 1) & (m->slots - 1);
		m->slot[i] = (uint32_t)n + 1;
	}
}

void *map_put(struct map *m, struct slice key, void *value)
{
	uint64_t hash = hash_bytes(0, key.ptr, key.len);

	if ((m->count + 1) * 2 > m->slots)
		rehash(m);
	size_t i = find_slot(m, key, hash);
	if (m->slot[i]) {
		struct map_entry *e = &m->entry[m->slot[i] - 1];
		void *before = e->value;
		e->value = value;
		return before;
	}
	m->entry = mem_grow(m->entry, &m->cap, m->count + 1, sizeof(*m->entry));
	m->entry[m->count++] = (struct map_entry){ arena_slice(&m->keys, key), value, hash };
	m->slot[i] = (uint32_t)m->count;
	return NULL;
}
