/*
 * Whom the network trusts: a server of TLS with certificates made here and now,
 * good ones and bad ones. Nothing of a request may be written to a bad one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "base/clock.h"
#include "engine/net.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define HANG_MS 100
#define DAY_S (24L * 60 * 60)

/* ---- certificates ---------------------------------------------------------------- */

struct identity {
	EVP_PKEY *key;
	X509 *cert;
};

static void extend(X509 *cert, X509 *issuer, int what, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, what, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(cert, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* Valid from `from_s` to `to_s`, from now on. Without an issuer it signs itself. */
static struct identity make_identity(const char *name, const char *alt_names, long from_s,
				     long to_s, const struct identity *issuer)
{
	static long serial = 1;
	struct identity id = { EVP_EC_gen("P-256"), X509_new() };
	const struct identity *by = issuer ? issuer : &id;

	assert_non_null(id.key);
	X509_set_version(id.cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(id.cert), serial++);
	X509_gmtime_adj(X509_getm_notBefore(id.cert), from_s);
	X509_gmtime_adj(X509_getm_notAfter(id.cert), to_s);
	X509_set_pubkey(id.cert, id.key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(id.cert), "CN", MBSTRING_ASC,
				   (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(id.cert, X509_get_subject_name(by->cert));
	if (alt_names)
		extend(id.cert, by->cert, NID_subject_alt_name, alt_names);
	else
		extend(id.cert, by->cert, NID_basic_constraints, "critical,CA:TRUE");
	assert_true(X509_sign(id.cert, by->key, EVP_sha256()) > 0);
	return id;
}

static void identity_release(struct identity *id)
{
	X509_free(id->cert);
	EVP_PKEY_free(id->key);
}

/* ---- the server -------------------------------------------------------------------- */

enum whose { GOOD, OTHER_NAME, EXPIRED, NOT_YET, SELF_SIGNED, OTHER_CA, IDENTITIES };

enum manner {
	SERVE,
	PLAIN,	      /* HTTP without TLS */
	CUT_AT_HELLO, /* FIN after the client's first bytes */
	SILENT,	      /* it never says hello */
	CUT_ANSWER,   /* takes the request, then FIN */
	CUT_BODY,     /* an answer without a length, and FIN without a word of TLS */
};

struct server {
	int epoll, listener, port, fd;
	SSL_CTX *context;
	SSL *ssl;
	bool shaken;
	enum manner manner;
	int requests; /* that could be read */
	int spoken;   /* connections that spoke at all */
};

static void drop(struct server *s)
{
	if (s->ssl)
		SSL_free(s->ssl); /* without a close_notify */
	close(s->fd);
	s->ssl = NULL;
	s->fd = -1;
}

static void say(struct server *s, const char *text)
{
	assert_int_equal(SSL_write(s->ssl, text, (int)strlen(text)), (int)strlen(text));
}

static void take_request(struct server *s)
{
	char text[4096];
	int got = SSL_read(s->ssl, text, sizeof(text));

	if (got <= 0) {
		if (SSL_get_error(s->ssl, got) != SSL_ERROR_WANT_READ)
			drop(s);
		return;
	}
	s->requests++;
	if (s->manner == SERVE)
		say(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
	else if (s->manner == CUT_BODY)
		say(s, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}");
	if (s->manner != SERVE)
		drop(s);
}

static void shake(struct server *s)
{
	int done = SSL_accept(s->ssl);

	s->shaken = done == 1;
	if (s->shaken)
		take_request(s);
	else if (SSL_get_error(s->ssl, done) != SSL_ERROR_WANT_READ)
		drop(s);
}

static void speak_plainly(struct server *s)
{
	static const char plain[] = "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n";
	char hello[4096];

	if (recv(s->fd, hello, sizeof(hello), 0) <= 0) {
		drop(s);
	} else if (s->manner == PLAIN) {
		assert_int_equal(send(s->fd, plain, strlen(plain), MSG_NOSIGNAL), strlen(plain));
	} else if (s->manner == CUT_AT_HELLO) {
		drop(s);
	}
}

static void greet(struct server *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = 1 };

	if (fd < 0)
		return;
	if (s->fd >= 0)
		drop(s);
	s->fd = fd;
	s->spoken++;
	s->shaken = false;
	assert_int_equal(epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event), 0);
	if (s->manner == PLAIN || s->manner == CUT_AT_HELLO || s->manner == SILENT)
		return;
	s->ssl = SSL_new(s->context);
	SSL_set_fd(s->ssl, fd);
}

static void server_ready(void *arg)
{
	struct server *s = arg;
	struct epoll_event event;

	while (epoll_wait(s->epoll, &event, 1, 0) == 1) {
		if (event.data.u32 == 0)
			greet(s);
		else if (!s->ssl)
			speak_plainly(s);
		else if (s->shaken)
			take_request(s);
		else
			shake(s);
	}
}

static void server_start(struct server *s)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event event = { .events = EPOLLIN };
	socklen_t len = sizeof(at);

	*s = (struct server){ .epoll = epoll_create1(EPOLL_CLOEXEC), .fd = -1 };
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(s->listener, 8), 0);
	assert_int_equal(getsockname(s->listener, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &event), 0);
	s->port = ntohs(at.sin_port);
}

/* ---- the bed --------------------------------------------------------------------------- */

struct bed {
	struct net *net;
	struct world world;
	struct server server;
	struct identity ca, other_ca, identity[IDENTITIES];
	char ca_file[40];
};

static void make_identities(struct bed *b)
{
	static const char here[] = "IP:127.0.0.1";

	b->ca = make_identity("A test's authority", NULL, -DAY_S, DAY_S, NULL);
	b->other_ca = make_identity("Another authority", NULL, -DAY_S, DAY_S, NULL);
	b->identity[GOOD] = make_identity("good", here, -DAY_S, DAY_S, &b->ca);
	b->identity[OTHER_NAME] = make_identity("127.0.0.1", "DNS:api.example.org", -DAY_S, DAY_S,
						&b->ca);
	b->identity[EXPIRED] = make_identity("expired", here, -2 * DAY_S, -DAY_S, &b->ca);
	b->identity[NOT_YET] = make_identity("not yet", here, DAY_S, 2 * DAY_S, &b->ca);
	b->identity[SELF_SIGNED] = make_identity("self-signed", here, -DAY_S, DAY_S, NULL);
	b->identity[OTHER_CA] = make_identity("other ca", here, -DAY_S, DAY_S, &b->other_ca);
}

static int set_up(void **state)
{
	struct bed *b = mem_alloc(sizeof(*b));
	struct err err;

	signal(SIGPIPE, SIG_IGN);
	make_identities(b);
	snprintf(b->ca_file, sizeof(b->ca_file), "/tmp/hs2cert-ca-XXXXXX");
	FILE *pem = fdopen(mkstemp(b->ca_file), "w");
	assert_non_null(pem);
	assert_int_equal(PEM_write_X509(pem, b->ca.cert), 1);
	fclose(pem);
	b->net = net_new(&err);
	net_trust(b->net, b->ca_file);
	net_world(b->net, &b->world);
	server_start(&b->server);
	net_watch(b->net, b->server.epoll, server_ready, &b->server);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *b = *state;

	net_free(b->net);
	if (b->server.fd >= 0)
		drop(&b->server);
	close(b->server.listener);
	close(b->server.epoll);
	for (size_t i = 0; i < IDENTITIES; i++)
		identity_release(&b->identity[i]);
	identity_release(&b->ca);
	identity_release(&b->other_ca);
	unlink(b->ca_file);
	mem_free(b);
	return 0;
}

struct end {
	int times, status;
	enum http_outcome outcome;
};

static void on_end(void *arg, const struct http_response *r)
{
	struct end *e = arg;

	e->times++;
	e->outcome = r->outcome;
	e->status = r->status;
}

struct row {
	const char *name;
	enum whose whose;
	enum manner manner;
	int version; /* the newest that the server speaks */
	enum http_outcome outcome;
	int requests; /* that the server may read */
};

static struct end carry(struct bed *b, const struct row *row)
{
	char url[64];
	struct http_request post = { .method = "POST",
				     .url = url,
				     .bearer = "tok",
				     .body = slice_of("{}"),
				     .has_body = true,
				     .fresh = true,
				     .timeout_ms = row->manner == SILENT || row->manner == PLAIN
							   ? HANG_MS
							   : 20000 };
	struct end e = { 0 };
	struct err err;

	snprintf(url, sizeof(url), "https://127.0.0.1:%d/v1/credentials", b->server.port);
	b->world.http_start(b->world.ctx, &post, on_end, &e);
	while (!e.times)
		assert_int_equal(net_turn(b->net, -1, &err), RC_OK);
	server_ready(&b->server);
	return e;
}

static SSL_CTX *context_of(const struct identity *id, int version)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0"); /* else it would not even offer 1.0 */
	SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(context, version);
	assert_int_equal(SSL_CTX_use_certificate(context, id->cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(context, id->key), 1);
	return context;
}

static void whom_it_trusts(void **state)
{
	static const struct row rows[] = {
		{ "good, 1.3", GOOD, SERVE, TLS1_3_VERSION, HTTP_ANSWER, 1 },
		{ "good, 1.2", GOOD, SERVE, TLS1_2_VERSION, HTTP_ANSWER, 1 },
		{ "TLS 1.1", GOOD, SERVE, TLS1_1_VERSION, HTTP_NOT_SENT, 0 },
		{ "TLS 1.0", GOOD, SERVE, TLS1_VERSION, HTTP_NOT_SENT, 0 },
		{ "another name", OTHER_NAME, SERVE, TLS1_3_VERSION, HTTP_NOT_SENT, 0 },
		{ "expired", EXPIRED, SERVE, TLS1_3_VERSION, HTTP_NOT_SENT, 0 },
		{ "not valid yet", NOT_YET, SERVE, TLS1_3_VERSION, HTTP_NOT_SENT, 0 },
		{ "self-signed", SELF_SIGNED, SERVE, TLS1_3_VERSION, HTTP_NOT_SENT, 0 },
		{ "another authority", OTHER_CA, SERVE, TLS1_3_VERSION, HTTP_NOT_SENT, 0 },
		{ "self-signed, 1.2", SELF_SIGNED, SERVE, TLS1_2_VERSION, HTTP_NOT_SENT, 0 },
		{ "plain HTTP", GOOD, PLAIN, TLS1_3_VERSION, HTTP_NOT_SENT, 0 },
		{ "cut at the hello", GOOD, CUT_AT_HELLO, TLS1_3_VERSION, HTTP_NOT_SENT, 0 },
		{ "silence at the hello", GOOD, SILENT, TLS1_3_VERSION, HTTP_NOT_SENT, 0 },
		{ "cut before the answer", GOOD, CUT_ANSWER, TLS1_3_VERSION, HTTP_UNKNOWN, 1 },
		{ "cut before the answer, 1.2", GOOD, CUT_ANSWER, TLS1_2_VERSION, HTTP_UNKNOWN, 1 },
		/* libcurl does not ask for TLS's own goodbye: whoever reads the body must see its end. */
		{ "a body cut off", GOOD, CUT_BODY, TLS1_3_VERSION, HTTP_ANSWER, 1 },
	};
	struct bed *b = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		b->server.context = context_of(&b->identity[rows[i].whose], rows[i].version);
		b->server.manner = rows[i].manner;
		b->server.requests = b->server.spoken = 0;
		struct end e = carry(b, &rows[i]);
		if (e.outcome != rows[i].outcome || b->server.requests != rows[i].requests ||
		    b->server.spoken != 1)
			fail_msg("%s: outcome %d, %d requests, %d connections", rows[i].name,
				 (int)e.outcome, b->server.requests, b->server.spoken);
		SSL_CTX_free(b->server.context);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whom_it_trusts, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
