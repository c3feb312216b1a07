#include "base/map.h"

#include <string.h>

/* ---- hashes ------------------------------------------------------------ */

/* Odd numbers without a pattern in their bits. */
#define ODD_1 0x9e3779b97f4a7c15u
#define ODD_2 0xd6e8feb86659fd93u

static uint64_t load_8(const unsigned char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

static uint64_t load_4(const unsigned char *p)
{
	uint32_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* Both halves of the product: each bit of either factor reaches all of the result. */
static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Words of 8 bytes; the last two may overlap, so that no byte behind the text is read. */
uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	uint64_t h = seed ^ ODD_1, a = 0, b = 0;
	size_t rest = len;

	for (; rest > 16; rest -= 16, p += 16)
		h = fold(load_8(p) ^ ODD_2, load_8(p + 8) ^ h);
	if (rest >= 8) {
		a = load_8(p);
		b = load_8(p + rest - 8);
	} else if (rest >= 4) {
		a = load_4(p);
		b = load_4(p + rest - 4);
	} else if (rest) {
		a = (uint64_t)p[0] << 16 | (uint64_t)p[rest / 2] << 8 | p[rest - 1];
	}
	return fold(a ^ ODD_2 ^ len, fold(b ^ h, ODD_1));
}

/* ---- maps -------------------------------------------------------------- */

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

static uint32_t upper_half(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

/* The slot that holds key, or the free one where it belongs. */
static size_t find_slot(const struct map *m, struct slice key, uint64_t hash)
{
	size_t i = hash & (m->slots - 1);

	while (m->slot[i].index) {
		if (m->slot[i].hash == upper_half(hash) &&
		    slice_eq(m->entry[m->slot[i].index - 1].key, key))
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
	return m->slot[i].index ? m->entry[m->slot[i].index - 1].value : NULL;
}

static void rehash(struct map *m)
{
	m->slots = m->slots ? m->slots * 2 : 16;
	mem_free(m->slot);
	m->slot = mem_alloc(m->slots * sizeof(*m->slot));
	for (size_t n = 0; n < m->count; n++) {
		uint64_t hash = m->entry[n].hash;
		size_t i = hash & (m->slots - 1);
		while (m->slot[i].index)
			i = (i + 1) & (m->slots - 1);
		m->slot[i] = (struct map_slot){ (uint32_t)n + 1, upper_half(hash) };
	}
}

static void *put(struct map *m, struct slice key, void *value, bool lent)
{
	uint64_t hash = hash_bytes(0, key.ptr, key.len);

	if ((m->count + 1) * 2 > m->slots)
		rehash(m);
	size_t i = find_slot(m, key, hash);
	if (m->slot[i].index) {
		struct map_entry *e = &m->entry[m->slot[i].index - 1];
		void *before = e->value;
		e->value = value;
		return before;
	}
	m->entry = mem_grow(m->entry, &m->cap, m->count + 1, sizeof(*m->entry));
	m->entry[m->count++] = (struct map_entry){ lent ? key : arena_slice(&m->keys, key), value,
						   hash };
	m->slot[i] = (struct map_slot){ (uint32_t)m->count, upper_half(hash) };
	return NULL;
}

void *map_put(struct map *m, struct slice key, void *value)
{
	return put(m, key, value, false);
}

void *map_put_lent(struct map *m, struct slice key, void *value)
{
	return put(m, key, value, true);
}
