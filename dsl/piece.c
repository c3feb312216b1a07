#include "dsl/piece.h"

#include <string.h>

#include "base/map.h"

#define LEAST_BYTES (4u * 1024)
#define MOST_BYTES (64u * 1024)
#define ONE_LINE_IN 256

/* What a line says decides whether a piece ends with it, so cuts move with the text. */
static bool ends_here(struct slice line, size_t bytes)
{
	return bytes >= MOST_BYTES ||
	       (bytes >= LEAST_BYTES && hash_bytes(0, line.ptr, line.len) % ONE_LINE_IN == 0);
}

static struct slice next_piece(struct slice *rest)
{
	struct slice piece = { rest->ptr, 0 }, line = { rest->ptr, 0 };

	do {
		const char *end = memchr(line.ptr, '\n', rest->len);
		line.len = end ? (size_t)(end - line.ptr) + 1 : rest->len;
		piece.len += line.len;
		rest->len -= line.len;
		rest->ptr += line.len;
		if (ends_here(line, piece.len))
			break;
		line.ptr = rest->ptr;
	} while (rest->len);
	return piece;
}

size_t pieces_cut(struct slice text, struct arena *memory, const struct piece **out)
{
	struct slice rest = text;
	size_t n = 0;

	while (rest.len) {
		(void)next_piece(&rest);
		n++;
	}
	struct piece *piece = arena_alloc(memory, (n + 1) * sizeof(*piece));
	rest = text;
	for (size_t i = 0; i < n; i++) {
		piece[i].text = next_piece(&rest);
		digest_sha256(piece[i].text, piece[i].digest);
	}
	*out = piece;
	return n;
}
