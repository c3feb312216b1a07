#include "dsl/decimal.h"

/* Exponents past this are as good as this one: no text has so many digits. */
#define FAR INT64_C(1000000000)

struct scan {
	const char *p, *end;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool take(struct scan *s, const char *any)
{
	for (; *any; any++) {
		if (s->p < s->end && *s->p == *any) {
			s->p++;
			return true;
		}
	}
	return false;
}

/* Counts digits; remembers the first that is not 0. */
static int64_t take_digits(struct scan *s, const char **significant)
{
	const char *from = s->p;

	for (; s->p < s->end && is_digit(*s->p); s->p++)
		if (!*significant && *s->p != '0')
			*significant = s->p;
	return s->p - from;
}

static bool take_exponent(struct scan *s, int64_t *out)
{
	int64_t n = 0;

	if (!take(s, "eE"))
		return true;
	bool negative = take(s, "-");
	if (!negative)
		(void)take(s, "+");
	if (s->p == s->end || !is_digit(*s->p))
		return false;
	for (; s->p < s->end && is_digit(*s->p); s->p++)
		n = n < FAR ? n * 10 + (*s->p - '0') : FAR;
	*out = negative ? -n : n;
	return true;
}

bool decimal_parse(struct slice text, struct decimal *out)
{
	const char *first = NULL;
	int64_t exponent = 0, fraction = 0;

	text = slice_trim(text);
	struct scan s = { text.ptr, slice_end(text) };
	bool negative = take(&s, "-");
	if (!negative)
		(void)take(&s, "+");
	int64_t whole = take_digits(&s, &first);
	const char *point = s.p;
	if (take(&s, ".")) {
		fraction = take_digits(&s, &first);
		if (!fraction)
			return false;
	}
	const char *last = s.p;
	if (whole + fraction == 0 || !take_exponent(&s, &exponent) || s.p != s.end)
		return false;
	*out = (struct decimal){ 0 };
	if (!first)
		return true;
	out->negative = negative;
	out->digits = (struct slice){ first, (size_t)(last - first) };
	out->power = exponent + (first < point ? point - first - 1 : point - first);
	return true;
}

/* The next digit, 0 behind the last. */
static char next_digit(struct slice *digits)
{
	if (digits->len && *digits->ptr == '.') {
		digits->ptr++;
		digits->len--;
	}
	if (!digits->len)
		return '0';
	digits->len--;
	return *digits->ptr++;
}

static int compare_size(const struct decimal *a, const struct decimal *b)
{
	struct slice x = a->digits, y = b->digits;

	if (!x.len || !y.len)
		return (x.len != 0) - (y.len != 0);
	if (a->power != b->power)
		return a->power < b->power ? -1 : 1;
	while (x.len || y.len) {
		char c = next_digit(&x), d = next_digit(&y);
		if (c != d)
			return c < d ? -1 : 1;
	}
	return 0;
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	return a->negative ? compare_size(b, a) : compare_size(a, b);
}
