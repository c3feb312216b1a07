#include "dsl/letters.h"

/*
 * Upper-case letters from first to last, every `step`-th, and how far the lower
 * one is away. Source: Unicode 15, UnicodeData.txt, fields 12 and 13.
 */
struct range {
	uint32_t first, last;
	int32_t step, away;
};

static const struct range ranges[] = {
	{ 0x0041, 0x005a, 1, 32 }, { 0x00c0, 0x00d6, 1, 32 },	{ 0x00d8, 0x00de, 1, 32 },
	{ 0x0100, 0x012e, 2, 1 },  { 0x0132, 0x0136, 2, 1 },	{ 0x0139, 0x0147, 2, 1 },
	{ 0x014a, 0x0176, 2, 1 },  { 0x0178, 0x0178, 1, -121 }, { 0x0179, 0x017d, 2, 1 },
	{ 0x01cd, 0x01db, 2, 1 },  { 0x01de, 0x01ee, 2, 1 },	{ 0x01f4, 0x01f4, 1, 1 },
	{ 0x01f8, 0x021e, 2, 1 },  { 0x0222, 0x0232, 2, 1 },	{ 0x0386, 0x0386, 1, 38 },
	{ 0x0388, 0x038a, 1, 37 }, { 0x038c, 0x038c, 1, 64 },	{ 0x038e, 0x038f, 1, 63 },
	{ 0x0391, 0x03a1, 1, 32 }, { 0x03a3, 0x03ab, 1, 32 },	{ 0x0400, 0x040f, 1, 80 },
	{ 0x0410, 0x042f, 1, 32 }, { 0x0460, 0x0480, 2, 1 },	{ 0x048a, 0x04be, 2, 1 },
	{ 0x04c1, 0x04cd, 2, 1 },  { 0x04d0, 0x052e, 2, 1 },	{ 0x0531, 0x0556, 1, 48 },
	{ 0x1e00, 0x1e94, 2, 1 },  { 0x1ea0, 0x1efe, 2, 1 },	{ 0xff21, 0xff3a, 1, 32 },
};

#define RANGES (sizeof(ranges) / sizeof(ranges[0]))

static uint32_t decode(const char *p, size_t len)
{
	uint32_t c = (unsigned char)p[0];

	if (len > 1)
		c &= 0x7fu >> len;
	for (size_t i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)p[i] & 0x3f);
	return c;
}

static void encode(struct str *out, uint32_t c)
{
	if (c < 0x80) {
		str_add_char(out, (char)c);
	} else if (c < 0x800) {
		str_add_char(out, (char)(0xc0 | c >> 6));
		str_add_char(out, (char)(0x80 | (c & 0x3f)));
	} else {
		str_add_char(out, (char)(0xe0 | c >> 12));
		str_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		str_add_char(out, (char)(0x80 | (c & 0x3f)));
	}
}

static uint32_t to_lower(uint32_t c)
{
	for (size_t i = 0; i < RANGES; i++) {
		const struct range *r = &ranges[i];
		if (c >= r->first && c <= r->last)
			return (c - r->first) % (uint32_t)r->step
				       ? c
				       : (uint32_t)((int32_t)c + r->away);
	}
	return c;
}

static uint32_t to_upper(uint32_t c)
{
	if (c == 0x03c2) /* the final sigma */
		return 0x03a3;
	for (size_t i = 0; i < RANGES; i++) {
		const struct range *r = &ranges[i];
		uint32_t upper = (uint32_t)((int32_t)c - r->away);
		if (upper >= r->first && upper <= r->last &&
		    (upper - r->first) % (uint32_t)r->step == 0)
			return upper;
	}
	return c;
}

/* Behind these a new word begins; not behind ' (Don't), though O'Neil loses by it. */
static bool ends_word(uint32_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '-' || c == '/' || c == '(' ||
	       c == 0xa0 || c == 0x2010 || c == 0x2011 || c == 0x2013;
}

void letters_add(struct str *out, struct slice text, enum letters how)
{
	const char *p = text.ptr ? text.ptr : "", *end = p + text.len;
	bool first = true;

	while (p < end) {
		size_t len = utf8_length(p, end);
		if (len == 0 || len > 3) {
			str_add(out, p, len ? len : 1);
			p += len ? len : 1;
			continue;
		}
		uint32_t c = decode(p, len);
		bool upper = how == LETTERS_UPPER || (how == LETTERS_TITLE && first);
		encode(out, upper ? to_upper(c) : to_lower(c));
		first = ends_word(c);
		p += len;
	}
}
