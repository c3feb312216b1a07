/* What the admin endpoint shows, and the words that its page is written in. */
#include "tests/unit/rules.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "engine/admin/admin.h"
#include "engine/admin/html.h"
#include "engine/admin/query.h"
#include "engine/recent.h"
#include "engine/sim.h"
#include "engine/store/db.h"

#define START INT64_C(1795435220000) /* 2026-11-23T12:00:20Z */

/* ---- the page's words ---------------------------------------------------------- */

static struct str out;

static const char *escaped(struct slice text)
{
	str_clear(&out);
	html_escape(&out, text);
	return str_text(&out);
}

static void nothing_that_was_given_is_markup(void **state)
{
	(void)state;
	assert_string_equal(escaped(slice_of("<b a='1' c=\"2\">&amp;")),
			    "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;amp;");
	assert_string_equal(escaped(slice_of("Zo\303\253")), "Zo\303\253");
	assert_string_equal(escaped(slice_of("a\nb\033[31m\377")), "a\\x0ab\\x1b[31m\\xff");
	assert_string_equal(escaped((struct slice){ "a\0<", 3 }), "a\\x00&lt;");
	str_clear(&out);
	html_begin(&out, "hs2cert", slice_of("\"><script>x</script>"));
	assert_null(strstr(str_text(&out), "<script"));
	assert_null(strstr(str_text(&out), "style="));
}

static const char *span(int64_t ms)
{
	str_clear(&out);
	html_span(&out, ms);
	return str_text(&out);
}

static void spans_are_told_in_one_unit(void **state)
{
	(void)state;
	assert_string_equal(span(-5), "0 s");
	assert_string_equal(span(119 * MS_SECOND), "119 s");
	assert_string_equal(span(MS_MINUTE), "1 min");
	assert_string_equal(span(2 * MS_MINUTE), "2 min");
	assert_string_equal(span(47 * MS_HOUR), "47 h");
	assert_string_equal(span(MS_DAY), "1 day");
	assert_string_equal(span(2 * MS_DAY), "2 days");
}

static void queries_are_decoded_strictly(void **state)
{
	static const struct {
		const char *query, *value; /* NULL: it has none */
	} rows[] = {
		{ "contact=101", "101" },
		{ "a=1&contact=ana%40example.org&b", "ana@example.org" },
		{ "contact=a+b%2B&contact=c", "a b+" },
		{ "contact=", "" },
		{ "", NULL },
		{ "contact", NULL },
		{ "contacts=1", NULL },
		{ "contact=%4", NULL },
		{ "contact=%zz", NULL },
		{ "contact=%00", NULL },
		{ "contact=%ff", NULL },
		{ "contact=12345678901234567", NULL }, /* beyond the ceiling */
	};
	struct str value;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		str_init(&value, 16);
		bool there = query_value(slice_of(rows[i].query), "contact", &value);
		if (there != (rows[i].value != NULL) ||
		    (there && strcmp(str_text(&value), rows[i].value) != 0))
			fail_msg("%s: %s", rows[i].query, there ? str_text(&value) : "none");
		str_release(&value);
	}
}

/* ---- views of an engine that lives in a sandbox ---------------------------------- */

struct house {
	struct sandbox *sandbox;
	struct sim sim;
	struct db *db;
	struct engine *engine;
	struct counts counts;
	struct admin_scope scope;
	struct admin_reload reload;
};

static const char rules[] = "rule: a\ndescription: \"<i>a</i>\"\n"
			    "trigger:\n  event: property-changed\n  property: tier\n  settle: 0s\n"
			    "action:\n  do: issue-credential\n  group: g\n";

static int open_house(void **state)
{
	struct house *h = mem_alloc(sizeof(*h));
	struct sandbox_options o;
	struct json *properties = json_new_object();
	struct err err;
	int64_t id;

	sandbox_defaults(&o);
	h->sandbox = sandbox_new(&o);
	sandbox_group(h->sandbox, "g", "Gold");
	json_set_text(properties, "email", "ada@example.com");
	json_set_text(properties, "firstname", "Ada");
	enum rc rc = sandbox_create(h->sandbox, START - MS_DAY, 101, properties, &id, &err);
	json_free(properties);
	sim_init(&h->sim, h->sandbox, START, 7, NULL);
	h->sim.world.counts = &h->counts;
	if (rc == RC_OK)
		rc = db_open(":memory:", DB_OWN, &h->db, &err);
	h->sim.world.db = h->db;
	h->engine = engine_new(&h->sim.world);
	struct table *table = table_of(rules);
	if (rc == RC_OK)
		rc = engine_load(h->engine, table, &err);
	table_unref(table);
	h->scope = (struct admin_scope){ .engine = h->engine,
					 .world = &h->sim.world,
					 .db = h->db,
					 .folder = "rules.d",
					 .started_ms = START };
	str_init(&out, 1u << 20);
	*state = h;
	return rc == RC_OK ? 0 : -1;
}

static int close_house(void **state)
{
	struct house *h = *state;

	str_release(&out);
	engine_free(h->engine);
	db_close(h->db);
	sandbox_free(h->sandbox);
	mem_free(h);
	return 0;
}

static void live(struct house *h, int64_t ms)
{
	struct err err;

	if (sim_run(&h->sim, h->engine, h->sim.now_ms + ms, &err) != RC_OK)
		fail_msg("%s", err.text);
}

static int look(struct house *h, admin_show *view, const char *query)
{
	struct arena memory;
	struct err err;

	arena_init(&memory);
	struct admin_view v = { .scope = &h->scope,
				.reload = &h->reload,
				.query = slice_of(query),
				.memory = &memory,
				.now_ms = h->sim.now_ms };
	engine_report(h->engine, &memory, &v.report);
	str_clear(&out);
	int status = view(&v, &out);
	arena_release(&memory);
	assert_int_equal(db_failed(h->db, &err), RC_OK);
	assert_false(out.overflow);
	return status;
}

static bool shows(const char *text)
{
	return strstr(str_text(&out), text) != NULL;
}

static void set_tier(struct house *h, const char *value)
{
	struct err err;

	assert_int_equal(sandbox_set(h->sandbox, h->sim.now_ms, 101, "tier", slice_of(value), &err),
			 RC_OK);
}

static void what_happened_is_counted(void **state)
{
	struct house *h = *state;

	live(h, MS_MINUTE);
	set_tier(h, "Gold");
	live(h, 5 * MS_MINUTE);
	assert_int_equal(h->counts.events, 1);
	assert_int_equal(h->counts.made[MADE_FIRED], 1);
	assert_int_equal(h->counts.to_decision.count, 1);
	assert_int_equal(h->counts.to_credential.count, 1);
	/* A Date has no part of a second. */
	assert_true(h->counts.to_credential.sum_ms + MS_SECOND > h->counts.to_decision.sum_ms);
	assert_true(h->counts.to_credential.sum_ms < 5 * MS_MINUTE);
	assert_int_equal(look(h, view_metrics, ""), 200);
	assert_true(shows("\nhs2cert_events_total 1\n"));
	assert_true(shows("\nhs2cert_issuances{state=\"sent\"} 1\n"));
	assert_true(shows("\nhs2cert_credential_delay_seconds_bucket{le=\"+Inf\"} 1\n"));
	assert_true(shows("\nhs2cert_rules{mode=\"live\"} 1\n"));
	assert_false(shows("@"));
	assert_int_equal(look(h, view_live, ""), 200);
	assert_true(shows("\"health\":\"fine\""));
	assert_int_equal(look(h, view_status, ""), 200);
	assert_true(shows("\"rule\":\"a\",\"mode\":\"live\""));
}

static void readiness_is_that_every_account_works(void **state)
{
	struct house *h = *state;
	struct err err;

	live(h, MS_MINUTE);
	assert_int_equal(look(h, view_health, ""), 200);
	assert_int_equal(look(h, view_ready, ""), 200);
	/* A failure that passes is none. */
	assert_int_equal(sandbox_fault(h->sandbox, "hubspot", FAULT_STATUS, 500, -1, 0, 1, &err),
			 RC_OK);
	live(h, 35 * MS_SECOND);
	assert_int_equal(look(h, view_ready, ""), 200);
	live(h, 5 * MS_MINUTE);
	assert_int_equal(sandbox_fault(h->sandbox, "hubspot", FAULT_STATUS, 401, -1, 0, 1, &err),
			 RC_OK);
	live(h, 5 * MS_MINUTE);
	assert_int_equal(look(h, view_ready, ""), 503);
	assert_true(shows("\"stopped\""));
	assert_int_equal(look(h, view_health, ""), 200);
	assert_int_equal(look(h, view_page, ""), 200);
	assert_true(shows("1 account does not work."));
	engine_stop(h->engine);
	assert_int_equal(look(h, view_ready, ""), 503);
	assert_true(shows("\"stopping\":true"));
}

static void a_wrong_clock_and_a_full_disk_are_shown(void **state)
{
	const struct err why = { "no <room>" };
	struct house *h = *state;

	live(h, MS_MINUTE);
	assert_int_equal(look(h, view_metrics, ""), 200);
	assert_true(shows("hs2cert_clock_skew_seconds{account=\"hubspot\"} 0.000\n"));
	assert_true(shows("hs2cert_state_writable 1\n"));
	h->sim.skew_ms = MS_HOUR;
	live(h, 10 * MS_MINUTE);
	assert_int_equal(look(h, view_page, ""), 200);
	assert_true(shows("ours is about 1h ahead of the account's"));
	assert_false(shows("All is well."));
	assert_int_equal(look(h, view_metrics, ""), 200);
	assert_true(shows("hs2cert_clock_skew_seconds{account=\"hubspot\"} -3600."));
	assert_int_equal(look(h, view_ready, ""), 200); /* HubSpot's clock is what counts */
	assert_true(shows("\"clock_ms\":-3600"));
	engine_abandon(h->engine, &why);
	assert_int_equal(look(h, view_health, ""), 503);
	assert_true(shows("no <room>"));
	assert_int_equal(look(h, view_ready, ""), 503);
	assert_int_equal(look(h, view_page, ""), 200);
	assert_true(shows("no &lt;room&gt;"));
	assert_int_equal(look(h, view_metrics, ""), 200);
	assert_true(shows("hs2cert_state_writable 0\n"));
	assert_int_equal(look(h, view_live, ""), 200);
	assert_true(shows("\"unfit\":\"no <room>\""));
}

static void the_page_tells_what_to_do(void **state)
{
	struct house *h = *state;
	struct err err;

	live(h, MS_MINUTE);
	assert_int_equal(look(h, view_page, ""), 200);
	assert_true(shows("All is well."));
	assert_true(shows("Nothing waits for a person."));
	assert_true(shows("&lt;i&gt;a&lt;/i&gt;"));
	assert_int_equal(sandbox_fault(h->sandbox, "create", FAULT_STATUS, 422, -1, 0, 1, &err),
			 RC_OK);
	set_tier(h, "Gold");
	live(h, 5 * MS_MINUTE);
	assert_int_equal(look(h, view_page, ""), 200);
	assert_true(shows("1 issuance needs a person."));
	assert_true(shows("hs2cert retry --rule a --state-is refused"));
	assert_true(shows("href=\"/why?contact=101\""));
	assert_false(shows("ada@"));
	h->reload = (struct admin_reload){ .tried = true, .refused = true, .errors = 2 };
	assert_int_equal(look(h, view_page, ""), 200);
	assert_true(shows("The last reload was refused."));
	assert_true(shows("2 errors. The rules of before stay in force."));
}

static void why_is_answered_on_a_page(void **state)
{
	struct house *h = *state;
	struct err err;

	live(h, MS_MINUTE);
	set_tier(h, "<b>Gold</b>");
	live(h, 5 * MS_MINUTE);
	assert_int_equal(clock_set_zone("Europe/Warsaw", &err), RC_OK);
	assert_int_equal(look(h, view_why, "contact=ada%40example.com"), 200);
	assert_string_equal(clock_zone(), "Europe/Warsaw"); /* the tables of then were of UTC */
	assert_true(shows("&lt;b&gt;Gold&lt;/b&gt;"));
	assert_false(shows("<b>Gold"));
	assert_true(shows("Issuance #1: <b>sent</b>"));
	assert_true(shows("News: found by a poll "));
	/* What a burst was made of. */
	db_run(h->sim.world.db,
	       "UPDATE event SET changes = '[[1767600000000,\"<i>\",0],[1767600001000,\"\",0]]'",
	       "");
	assert_int_equal(look(h, view_why, "contact=101"), 200);
	assert_true(shows(" → &lt;i&gt; → (empty) within settle 0s: one event"));
	assert_true(shows("passed over: it changed again 1.0s later"));
	assert_false(shows("<i>"));
	assert_int_equal(look(h, view_why, "contact=999"), 200);
	assert_true(shows("Nothing is on record of this contact."));
	assert_int_equal(look(h, view_why, "contact=++"), 400);
	assert_int_equal(look(h, view_why, ""), 400);
	assert_int_equal(clock_set_zone("UTC", &err), RC_OK);
}

/* ---- over a real socket ---------------------------------------------------------- */

static struct admin *admin;

static int connect_client(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((in_port_t)admin_port(admin)) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static int send_request(const char *request)
{
	int fd = connect_client();

	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	return fd;
}

/* Until the endpoint ends the connection, or somebody waits for a reload. */
static const char *read_answer(int fd)
{
	static char text[65536];
	size_t len = 0;

	for (int turns = 0;; turns++) {
		struct pollfd on[2] = { { .fd = admin_fd(admin), .events = POLLIN },
					{ .fd = fd, .events = POLLIN } };
		assert_true(turns < 10000);
		int wait_ms = admin_wait_ms(admin);
		poll(on, 2, wait_ms < 0 ? 10000 : wait_ms);
		admin_work(admin);
		ssize_t got = recv(fd, text + len, sizeof(text) - 1 - len, MSG_DONTWAIT);
		if (got == 0)
			break;
		len += got > 0 ? (size_t)got : 0;
		if (admin_asks_reload(admin))
			break;
	}
	text[len] = '\0';
	return text;
}

static const char *ask(const char *request)
{
	int fd = send_request(request);
	const char *text = read_answer(fd);

	close(fd);
	return text;
}

#define END " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
#define JSON "Content-Type: application/json\r\nContent-Length: 0\r\n"

/* On a port of its own, for whoever asks. */
static void open_endpoint(struct house *h)
{
	const struct gate gate = { 0 };
	struct admin_place place;
	struct err err;

	assert_true(admin_place_of("127.0.0.1:0", &place));
	assert_int_equal(admin_open(&admin, &place, &gate, &h->scope, &err), RC_OK);
}

static void only_a_post_asks_for_a_reload(void **state)
{
	open_endpoint(*state);
	assert_non_null(strstr(ask("GET /reload" END "\r\n"), "HTTP/1.1 405"));
	assert_false(admin_asks_reload(admin));
	assert_non_null(strstr(ask("POST /status" END JSON "\r\n"), "HTTP/1.1 405"));
	assert_non_null(strstr(ask("POST /reload" END JSON "Origin: http://localhost\r\n\r\n"),
			       "HTTP/1.1 403"));
	assert_false(admin_asks_reload(admin));
	const char *page = ask("GET /" END "\r\n");
	assert_non_null(strstr(page, "HTTP/1.1 200"));
	assert_non_null(
		strstr(page, "Content-Security-Policy: default-src 'none'; style-src 'self'"));

	int fd = send_request("POST /reload" END JSON "\r\n");
	assert_string_equal(read_answer(fd), "");
	assert_true(admin_asks_reload(admin));
	admin_begin_reload(admin);
	assert_false(admin_asks_reload(admin));
	admin_tell_reload(admin, &(struct admin_outcome){
					 .errors = 1,
					 .findings = slice_of("{\"diagnostics\":[],\"errors\":1}"),
					 .findings_text = slice_of("a.yaml:1:1: error") });
	const char *answer = read_answer(fd);
	close(fd);
	assert_non_null(strstr(answer, "HTTP/1.1 422"));
	assert_non_null(strstr(answer, "{\"reloaded\":false,\"table\":\""));
	assert_non_null(
		strstr(answer, "\"text\":\"a.yaml:1:1: error\",\"diagnostics\":[],\"errors\":1}"));
	assert_non_null(strstr(ask("GET /live" END "\r\n"), "\"refused\":true"));
	admin_tell_reload(admin, &(struct admin_outcome){ .taken = true });
	assert_non_null(strstr(ask("GET /live" END "\r\n"), "\"refused\":false"));

	/* Who waits when it ends is let go. */
	fd = send_request("POST /reload" END JSON "\r\n");
	(void)read_answer(fd);
	assert_true(admin_asks_reload(admin));
	admin_close(admin);
	close(fd);
}

/* Somebody may have edited since the folder was read. */
static void who_asks_while_rules_are_built_waits_for_the_next(void **state)
{
	open_endpoint(*state);
	int first = send_request("POST /reload" END JSON "\r\n");
	(void)read_answer(first);
	admin_begin_reload(admin);
	int second = send_request("POST /reload" END JSON "\r\n");
	(void)read_answer(second);
	assert_true(admin_asks_reload(admin));

	admin_tell_reload(admin, &(struct admin_outcome){ .taken = true });
	assert_true(admin_asks_reload(admin));
	admin_begin_reload(admin);
	assert_non_null(strstr(read_answer(first), "HTTP/1.1 200"));
	admin_tell_reload(admin, &(struct admin_outcome){ .errors = 1 });
	assert_non_null(strstr(read_answer(second), "HTTP/1.1 422"));
	close(first);
	close(second);

	/* Both kinds are told that there will be none. */
	first = send_request("POST /reload" END JSON "\r\n");
	(void)read_answer(first);
	admin_begin_reload(admin);
	second = send_request("POST /reload" END JSON "\r\n");
	(void)read_answer(second);
	admin_stop(admin);
	assert_false(admin_asks_reload(admin));
	assert_non_null(strstr(read_answer(first), "HTTP/1.1 503"));
	assert_non_null(strstr(read_answer(second), "the daemon is stopping"));
	close(first);
	close(second);
	admin_close(admin);
}

static void a_stopping_engine_takes_no_reload(void **state)
{
	struct house *h = *state;

	open_endpoint(h);
	engine_stop(h->engine);
	assert_non_null(strstr(ask("POST /reload" END JSON "\r\n"), "HTTP/1.1 503"));
	assert_false(admin_asks_reload(admin));
	admin_close(admin);
}

static void places_are_told_apart(void **state)
{
	static const struct {
		const char *text;
		int kind;
	} rows[] = {
		{ "off", ADMIN_OFF },
		{ "127.0.0.1:9464", ADMIN_ADDRESS },
		{ "[::1]:0", ADMIN_ADDRESS },
		{ "localhost:80", ADMIN_ADDRESS },
		{ "/run/hs2cert.sock", ADMIN_PATH },
		{ "/run/a:80", ADMIN_PATH },
		{ "hs2cert.sock", ADMIN_PATH },
		{ "a:b", ADMIN_PATH },
		{ "a:", ADMIN_PATH },
	};
	struct admin_place place;
	static char much[5000];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(admin_place_of(rows[i].text, &place));
		if ((int)place.kind != rows[i].kind)
			fail_msg("%s: %d", rows[i].text, (int)place.kind);
	}
	memset(much, 'x', sizeof(much) - 1);
	assert_false(admin_place_of(much, &place));
}

/* ---- seven days -------------------------------------------------------------------- */

static void write_issuance(struct db *db, const char *rule, int64_t created_ms, const char *state)
{
	struct err err;

	db_begin(db, "test");
	db_run(db,
	       "INSERT INTO issuance (rule, table_hash, source_account, contact, event, target, to_value,"
	       " at_ms, action_account, group_id, do_issue, do_send, email, state, created_ms, updated_ms)"
	       " VALUES (?1, '', 'h', '1', 'property-changed', 'tier', 'x', ?2, 'c', 'g', 1, 1, '', ?3,"
	       " ?2, ?2)",
	       "tit", rule, created_ms, state);
	db_run(db,
	       "INSERT INTO trail (issuance, at_ms, state) SELECT max(id), ?1 + 5000, 'issued' FROM"
	       " issuance",
	       "i", created_ms);
	assert_int_equal(db_commit(db, &err), RC_OK);
}

static void seven_days_are_read_from_where_they_begin(void **state)
{
	struct house *h = *state;
	struct arena memory;
	struct recent r;
	struct parked *parked;
	int64_t total, now = START + 30 * MS_DAY, begin;

	arena_init(&memory);
	recent_read(h->db, engine_table(h->engine), now, &memory, &r);
	assert_int_equal(r.rule[0].total, 0);
	begin = r.begin_ms;
	assert_true(begin > now - 7 * MS_DAY && begin + RECENT_SLOTS * RECENT_SLOT_MS > now);
	for (int i = 0; i < 50; i++)
		write_issuance(h->db, "a", START + i, "sent");
	write_issuance(h->db, "a", begin - 1, "sent");
	write_issuance(h->db, "a", begin, "sent");
	write_issuance(h->db, "a", begin + RECENT_SLOT_MS - 1, "held");
	write_issuance(h->db, "a", begin + RECENT_SLOT_MS, "skipped");
	write_issuance(h->db, "gone", begin + RECENT_SLOT_MS, "refused");
	write_issuance(h->db, "a", now, "refused");
	recent_read(h->db, engine_table(h->engine), now, &memory, &r);
	assert_int_equal(r.rule[0].total, 3);
	assert_int_equal(r.rule[0].fired[0], 2);
	assert_int_equal(r.rule[0].fired[1], 0);
	assert_int_equal(r.rule[0].fired[RECENT_SLOTS - 1], 1);
	assert_int_equal(r.credential[0].count,
			 2); /* that were issued then, whenever they were written */
	assert_int_equal(r.credential[1].count, 3);
	assert_int_equal(r.credential[0].half_ms, 5000);
	assert_int_equal(recent_parked(h->db, 2, &memory, &parked, &total), 2);
	assert_int_equal(total, 3);
	assert_string_equal(parked[0].rule, "a");
	assert_string_equal(parked[0].state, "refused");
	arena_release(&memory);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, open_house, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nothing_that_was_given_is_markup),
		CASE(spans_are_told_in_one_unit),
		CASE(queries_are_decoded_strictly),
		CASE(what_happened_is_counted),
		CASE(readiness_is_that_every_account_works),
		CASE(a_wrong_clock_and_a_full_disk_are_shown),
		CASE(the_page_tells_what_to_do),
		CASE(why_is_answered_on_a_page),
		CASE(only_a_post_asks_for_a_reload),
		CASE(who_asks_while_rules_are_built_waits_for_the_next),
		CASE(a_stopping_engine_takes_no_reload),
		CASE(places_are_told_apart),
		CASE(seven_days_are_read_from_where_they_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
