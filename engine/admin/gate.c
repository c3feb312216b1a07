#include "engine/admin/gate.h"

#include <string.h>

#include "base/limits.h"
#include "base/str.h"

/* ---- Host ----------------------------------------------------------------- */

/* The host of HOST[:PORT]; false where it has another form. */
static bool cut_port(struct slice text, struct slice *host)
{
	const char *end = slice_start(text) + text.len, *p = slice_start(text);

	if (text.len && *p == '[') {
		while (p < end && *p != ']')
			p++;
		if (p == end)
			return false;
		p++;
	} else {
		while (p < end && *p != ':')
			p++;
	}
	*host = (struct slice){ text.ptr, (size_t)(p - slice_start(text)) };
	if (p < end && *p++ != ':')
		return false;
	for (; p < end; p++)
		if (*p < '0' || *p > '9')
			return false;
	return host->len > 0;
}

/* Digits and dots, or in brackets what IPv6 is written with: no name, so nobody can have it point elsewhere. */
static bool is_address(struct slice host)
{
	const char *digits = "0123456789.";

	if (host.ptr[0] == '[') {
		digits = "0123456789abcdefABCDEF:.";
		host = (struct slice){ host.ptr + 1, host.len - 2 };
	}
	for (size_t i = 0; i < host.len; i++)
		if (!host.ptr[i] || !strchr(digits, host.ptr[i]))
			return false;
	return host.len > 0;
}

static bool host_allowed(const struct gate *g, const char *header)
{
	struct slice host, name, rest = slice_of(g->hosts);

	if (!header || !cut_port(slice_of(header), &host))
		return false;
	if (is_address(host) || slice_eq_nocase(host, slice_of("localhost")))
		return true;
	for (bool more = rest.len > 0; more;) {
		more = slice_cut(&rest, ',', &name);
		if (slice_eq_nocase(slice_trim(name), host))
			return true;
	}
	return false;
}

/* ---- the token -------------------------------------------------------------- */

void gate_ask(struct gate *g, struct slice token)
{
	g->asks = true;
	digest_sha256(token, g->token);
}

/* Takes as long whether they differ at the first byte or at the last, or not at all. */
static bool is_token(const struct gate *g, struct slice given)
{
	char digest[DIGEST_HEX];
	unsigned char differ = 0;

	digest_sha256(given, digest);
	for (size_t i = 0; i + 1 < DIGEST_HEX; i++)
		differ |= (unsigned char)(digest[i] ^ g->token[i]);
	return differ == 0;
}

static int base64_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Of whole groups of four, with `=` at the end only. */
static bool decode_base64(struct slice text, struct str *out)
{
	while (text.len && text.ptr[text.len - 1] == '=')
		text.len--;
	unsigned bits = 0, have = 0;
	for (size_t i = 0; i < text.len; i++) {
		int digit = base64_digit(text.ptr[i]);
		if (digit < 0)
			return false;
		bits = (bits << 6 | (unsigned)digit) & 0xffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			str_add_char(out, (char)(bits >> have & 0xff));
		}
	}
	return !out->overflow;
}

static bool basic_allowed(const struct gate *g, struct slice encoded)
{
	struct str text;
	struct slice name, password;

	str_init(&text, LIMIT_SECRET_BYTES);
	bool allowed = decode_base64(encoded, &text);
	password = str_slice(&text);
	allowed = allowed && slice_cut(&password, ':', &name) && is_token(g, password);
	str_wipe(&text);
	return allowed;
}

static bool token_allowed(const struct gate *g, const char *header)
{
	struct slice scheme, rest = slice_of(header);

	if (!slice_cut(&rest, ' ', &scheme))
		return false;
	rest = slice_trim(rest);
	if (slice_eq_nocase(scheme, slice_of("bearer")))
		return is_token(g, rest);
	return slice_eq_nocase(scheme, slice_of("basic")) && basic_allowed(g, rest);
}

/* ---- the verdict -------------------------------------------------------------- */

static bool is_json(const char *type)
{
	static const char json[] = "application/json";
	struct slice of = slice_of(type);

	of.len = of.len > sizeof(json) - 1 ? sizeof(json) - 1 : of.len;
	return slice_eq_nocase(of, slice_of(json)) &&
	       (!type[of.len] || type[of.len] == ';' || type[of.len] == ' ');
}

/* A link from elsewhere may lead here, a page from elsewhere may ask nothing. */
static bool is_of_another_site(const struct gate_request *r, bool get)
{
	bool other = r->fetch_site && strcmp(r->fetch_site, "same-origin") != 0 &&
		     strcmp(r->fetch_site, "none") != 0;

	return r->origin ||
	       (other && !(get && r->fetch_mode && strcmp(r->fetch_mode, "navigate") == 0));
}

int gate_check(const struct gate *g, const struct gate_request *r, const char **why)
{
	bool get = strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;
	bool post = strcmp(r->method, "POST") == 0;
	int status = 0;

	*why = NULL;
	if (!host_allowed(g, r->host)) {
		*why = "Host is no address, not localhost, and no name that --admin-hosts allows";
		status = 421;
	} else if (is_of_another_site(r, get)) {
		*why = "a request from a page of another site";
		status = 403;
	} else if (g->asks && !token_allowed(g, r->authorization)) {
		*why = "the token is missing, or it is another one";
		status = 401;
	} else if (!get && !post) {
		*why = "GET asks, POST acts, nothing else is known";
		status = 405;
	} else if (post && (!r->content_type || !is_json(r->content_type))) {
		*why = "a POST needs Content-Type: application/json";
		status = 415;
	}
	return status;
}
