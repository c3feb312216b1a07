/* Who may ask the admin endpoint what: engine/admin/gate.h. */
#include "tests/unit/sandbox_help.h"

#include "engine/admin/gate.h"

#define TOKEN "correct-horse-battery"

static struct gate gate;
static struct gate_request ask;
static const char *why;

static int begin(void **state)
{
	(void)state;
	gate = (struct gate){ 0 };
	ask = (struct gate_request){ .method = "GET", .host = "localhost" };
	return 0;
}

static void expect(int status)
{
	int got = gate_check(&gate, &ask, &why);

	if (got != status)
		fail_msg("%s %s: %d, not %d (%s)", ask.method, ask.host ? ask.host : "-", got,
			 status, why ? why : "passes");
	assert_int_equal(why != NULL, status != 0);
}

static void expect_host(const char *host, int status)
{
	ask.host = host;
	expect(status);
}

/* A name that somebody else controls may lead here; an address cannot. */
static void test_host(void **state)
{
	static const char *const good[] = { "localhost",      "localhost:8080", "LOCALHOST",
					    "127.0.0.1",      "127.0.0.1:9464", "10.0.0.7:80",
					    "[::1]",	      "[::1]:9464",	"[fe80::1]",
					    "localhost:65535" };
	static const char *const bad[] = { NULL,
					   "",
					   ":80",
					   "evil.example",
					   "evil.example:8080",
					   "localhost.evil.example",
					   "127.0.0.1.evil.example",
					   "localhost:80x",
					   "localhost@evil.example",
					   "[]",
					   "[::1",
					   "[::1]x",
					   "[evil.example]",
					   "[::1,evil.example]:80",
					   "localhost, evil.example" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		expect_host(good[i], 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_host(bad[i], 421);
	gate.hosts = "ops.example, hs2cert.internal";
	expect_host("hs2cert.internal:9464", 0);
	expect_host("OPS.example", 0);
	expect_host("s.example", 421);
	expect_host("ops.example.", 421);
	expect_host("ops.example,", 421);
	gate.hosts = ",";
	expect_host("", 421);
}

static void test_other_sites(void **state)
{
	(void)state;
	ask.origin = "http://evil.example";
	expect(403);
	ask.origin = "http://localhost"; /* no page of ours needs one, so nobody may have one */
	expect(403);
	ask.origin = "null";
	expect(403);
	ask.origin = NULL;
	ask.fetch_site = "cross-site";
	expect(403);
	ask.fetch_mode = "no-cors";
	expect(403);
	ask.fetch_mode = "navigate"; /* a link leads here */
	expect(0);
	ask.method = "POST";
	ask.content_type = "application/json";
	expect(403);
	ask.fetch_site = "same-site";
	expect(403);
	ask.fetch_site = "same-origin";
	expect(0);
	ask.fetch_site = "none";
	expect(0);
}

static void test_methods(void **state)
{
	(void)state;
	ask.method = "HEAD";
	expect(0);
	ask.method = "DELETE";
	expect(405);
	ask.method = "OPTIONS";
	expect(405);
	ask.method = "POST";
	expect(415);
	ask.content_type = "application/x-www-form-urlencoded";
	expect(415);
	ask.content_type = "text/plain; application/json";
	expect(415);
	ask.content_type = "application/jsonp";
	expect(415);
	ask.content_type = "Application/JSON; charset=utf-8";
	expect(0);
}

static void test_token(void **state)
{
	static const char *const bad[] = {
		NULL,
		"",
		"Bearer",
		"Bearer ",
		TOKEN,
		"Bearer correct-horse-batter",
		"Bearer correct-horse-batteryy",
		"Bearer Correct-horse-battery",
		"Digest " TOKEN,
		"Basic " TOKEN,
		"Basic Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5",	       /* no name, no colon */
		"Basic b3BzOmNvcnJlY3QtaG9yc2UtYmF0dGVyeQ==!", /* no base64 */
		"Basic b3BzOmNvcnJlY3QtaG9yc2UtYmF0dGVyWQ==",
		"Basic =",
	};

	(void)state;
	gate_ask(&gate, slice_of(TOKEN));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ask.authorization = bad[i];
		expect(401);
	}
	ask.authorization = "Bearer " TOKEN;
	expect(0);
	ask.authorization = "bearer   " TOKEN;
	expect(0);
	ask.authorization = "Basic b3BzOmNvcnJlY3QtaG9yc2UtYmF0dGVyeQ=="; /* ops:TOKEN */
	expect(0);
	ask.authorization = "Basic OmNvcnJlY3QtaG9yc2UtYmF0dGVyeQ=="; /* :TOKEN */
	expect(0);
	/* Without one nobody is told more than that. */
	ask.authorization = NULL;
	ask.method = "DELETE";
	expect(401);
}

#define CASE(f) cmocka_unit_test_setup(f, begin)

int main(void)
{
	const struct CMUnitTest tests[] = { CASE(test_host), CASE(test_other_sites),
					    CASE(test_methods), CASE(test_token) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
