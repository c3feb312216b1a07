#include "tests/wire/wire.h"

#define MEGABYTE (1u << 20)
#define OK "HTTP/1.1 $S OK\r\n"
#define WHOLE "Content-Length: $N\r\n\r\n$B"
#define CLOSE "Connection: close\r\n\r\n"
#define CHUNKED "HTTP/1.1 $S OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define REST "\r\nContent-Length: 2\r\n\r\n{}"

#define BIT(call) (1u << (call))
#define ALL (BIT(CALLS) - 1)
#define CHECKS                                                                                     \
	(BIT(CALL_GROUPS) | BIT(CALL_ATTRIBUTES)) /* at the start; what they say stops nothing */

/* A status that says nothing was done, or that it may have been. */
#define STATUS(n, when)                                                                            \
	{                                                                                          \
		.name = "status " #n, .carried = (when), .text = "HTTP/1.1 " #n " X" REST,         \
		.status = (n)                                                                      \
	}
/* The account is left alone until somebody does something about it: here, until a restart. */
#define STOPS(n)                                                                                   \
	{                                                                                          \
		.name = "status " #n, .carried = NEVER, .text = "HTTP/1.1 " #n " X" REST,          \
		.status = (n), .wait_ms = 600000, .calls = ALL & ~CHECKS                           \
	}
/* An issue may be refused because it was done before. */
#define REFUSED_DONE(n)                                                                            \
	{                                                                                          \
		.name = "status " #n " to what is done", .carried = ALWAYS,                        \
		.text = "HTTP/1.1 " #n " X" REST, .status = (n), .calls = BIT(CALL_ISSUE)          \
	}
/* 429, with this value of Retry-After. */
#define LATER(value, ms)                                                                           \
	{                                                                                          \
		.name = "429, Retry-After: " value, .carried = NEVER, .status = 429,               \
		.text = "HTTP/1.1 429 X\r\nRetry-After: " value REST, .wait_ms = (ms)              \
	}
/* Where it points, nobody may ever go, least of all with a token. */
#define REDIRECT(n, to)                                                                            \
	{                                                                                          \
		.name = #n " to " to, .carried = EITHER, .status = (n),                            \
		.text = "HTTP/1.1 " #n " X\r\nLocation: " to REST                                  \
	}
/* A whole answer, whose body is of no use. */
#define BODY(what_it_is, bytes)                                                                    \
	{                                                                                          \
		.name = "200 and " what_it_is, .carried = ALWAYS, .text = OK CLOSE bytes,          \
		.ending = FIN, .what = USELESS                                                     \
	}
/* No whole answer, whether it was carried out or not. */
#define BROKEN(name_, text_, ending_)                                                              \
	{                                                                                          \
		.name = name_, .carried = EITHER, .text = text_, .ending = ending_,                \
		.outcome = HTTP_UNKNOWN                                                            \
	}

const struct behaviour behaviours[] = {
	/* ---- connections ---- */
	{ .name = "nobody listens",
	  .carried = NEVER,
	  .outcome = HTTP_NOT_SENT,
	  .moment = AT_CONNECT },
	{ .name = "accept, then RST",
	  .carried = NEVER,
	  .outcome = HTTP_UNKNOWN,
	  .or_not_sent = true,
	  .moment = AT_ACCEPT,
	  .ending = RST },
	{ .name = "accept, then FIN",
	  .carried = NEVER,
	  .outcome = HTTP_UNKNOWN,
	  .or_not_sent = true,
	  .moment = AT_ACCEPT,
	  .ending = FIN },
	BROKEN("FIN and no byte", "", FIN),
	BROKEN("RST and no byte", "", RST),
	BROKEN("silence", "", HANG),
	{ .name = "RST after the headers",
	  .carried = NEVER,
	  .ending = RST,
	  .moment = AT_HEADERS,
	  .outcome = HTTP_UNKNOWN },
	{ .name = "answer before the request ended",
	  .carried = NEVER,
	  .text = "HTTP/1.1 503 X" REST,
	  .ending = FIN,
	  .moment = AT_HEADERS,
	  .status = 503 },

	/* ---- status line and headers ---- */
	BROKEN("half a status line", "HTTP/1.1 20", FIN),
	BROKEN("half a status line, then RST", "HTTP/1.1 20", RST),
	BROKEN("half a status line, then silence", "HTTP/1.1 20", HANG),
	BROKEN("half the headers", OK "Date: Mo", FIN),
	BROKEN("half the headers, then silence", OK "Date: Mo", HANG),
	BROKEN("headers without their end", OK "Content-Length: 2\r\n", FIN),
	BROKEN("no number for a status", "HTTP/1.1 abc OK" REST, FIN),
	BROKEN("HTTP/0.9", "$B", FIN),
	BROKEN("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", FIN),
	BROKEN("a frame of HTTP/2", "$0$0$0\x04$0$0$0$0$0", FIN),
	BROKEN("a banner of SSH", "SSH-2.0-OpenSSH_9.2\r\n", FIN),
	BROKEN("100 Continue, then silence", "HTTP/1.1 100 Continue\r\n\r\n", HANG),
	BROKEN("100 Continue, then FIN", "HTTP/1.1 100 Continue\r\n\r\n", FIN),
	BROKEN("an upgrade that nobody asked for",
	       "HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", FIN),
	{ .name = "1 MB of headers",
	  .carried = EITHER,
	  .text = OK,
	  .unit = "X-Filler: more and more and more and more and more\r\n",
	  .flood = MEGABYTE,
	  .tail = WHOLE,
	  .ending = FIN,
	  .outcome = HTTP_UNKNOWN },
	{ .name = "10,000 headers",
	  .carried = EITHER,
	  .text = OK,
	  .unit = "X: y\r\n",
	  .flood = 60000,
	  .tail = WHOLE,
	  .ending = FIN,
	  .outcome = HTTP_UNKNOWN },
	{ .name = "one header of 1 MB",
	  .carried = EITHER,
	  .text = OK "X: ",
	  .unit = "x",
	  .flood = MEGABYTE,
	  .tail = "\r\n" WHOLE,
	  .ending = FIN,
	  .outcome = HTTP_UNKNOWN },

	/* ---- lengths ---- */
	BROKEN("a length that is too large, then FIN", OK "Content-Length: $M\r\n\r\n$B", FIN),
	BROKEN("a length that is too large, then RST", OK "Content-Length: $M\r\n\r\n$B", RST),
	BROKEN("a length that is too large, then silence", OK "Content-Length: $M\r\n\r\n$B", HANG),
	BROKEN("a length that is negative", OK "Content-Length: -5\r\n\r\n$B", FIN),
	BROKEN("a length that is no number", OK "Content-Length: two\r\n\r\n$B", FIN),
	{ .name = "a length that is too small",
	  .carried = ALWAYS,
	  .text = OK "Content-Length: $L\r\n\r\n$B",
	  .ending = FIN,
	  .what = USELESS },
	/* libcurl takes the last of them. */
	{ .name = "two lengths, the last too small",
	  .carried = ALWAYS,
	  .text = OK "Content-Length: $N\r\nContent-Length: $L\r\n\r\n$B",
	  .ending = FIN,
	  .what = USELESS },
	BROKEN("two lengths, the last too large",
	       OK "Content-Length: $N\r\nContent-Length: $M\r\n\r\n$B", FIN),
	{ .name = "no length, and FIN", .carried = ALWAYS, .text = OK CLOSE "$B", .ending = FIN },
	BROKEN("no length, and RST amid the body", OK CLOSE "$H", RST),

	/* ---- chunks ---- */
	{ .name = "chunks", .carried = ALWAYS, .text = CHUNKED "$X\r\n$B\r\n0\r\n\r\n" },
	{ .name = "chunks and a length: the chunks count",
	  .carried = ALWAYS,
	  .text = OK "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n$X\r\n$B\r\n0\r\n\r\n",
	  .ending = FIN },
	BROKEN("a chunk's size that is no number", CHUNKED "zz\r\n$B\r\n0\r\n\r\n", FIN),
	BROKEN("a chunk's size beyond all numbers",
	       CHUNKED "fffffffffffffffffffff\r\n$B\r\n0\r\n\r\n", FIN),
	BROKEN("chunks without an end", CHUNKED "$X\r\n$B\r\n", FIN),
	BROKEN("chunks without an end, then silence", CHUNKED "$X\r\n$B\r\n", HANG),
	{ .name = "a chunk's extension of 1 MB",
	  .carried = ALWAYS,
	  .text = CHUNKED "$X;",
	  .unit = "e",
	  .flood = MEGABYTE,
	  .tail = "\r\n$B\r\n0\r\n\r\n" },

	/* ---- pace ---- */
	{ .name = "byte by byte", .carried = ALWAYS, .text = OK WHOLE, .byte_by_byte = true },
	{ .name = "a body that drips for ever",
	  .carried = EITHER,
	  .text = OK "Content-Length: 50000000\r\n\r\n",
	  .unit = " ",
	  .flood = 50000000,
	  .byte_by_byte = true,
	  .ending = HANG,
	  .outcome = HTTP_UNKNOWN },
	{ .name = "interim answers first",
	  .carried = ALWAYS,
	  .text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" OK WHOLE },
	{ .name = "two answers back to back",
	  .carried = ALWAYS,
	  .text = OK WHOLE "HTTP/1.1 500 X" REST },

	/* ---- bodies ---- */
	BODY("HTML", "<!doctype html><title>Welcome</title>"),
	BODY("nothing", ""),
	BODY("half the JSON", "$H"),
	BODY("another kind of JSON", "[1, \"two\"]"),
	BODY("null", "null"),
	BODY("an empty object", "{}"),
	BODY("a key twice", "{\"zz\":1,\"zz\":2,$R"),
	BODY("invalid UTF-8", "{\"zz\":\"\xff\xfe\",$R"),
	BODY("a NUL", "{\"zz\":\"$0\",$R"),
	BODY("a number beyond all numbers", "{\"zz\":1e999,$R"),
	BODY("more behind it", "$B$B"),
	{ .name = "200 and JSON 100,000 deep",
	  .carried = ALWAYS,
	  .text = OK CLOSE "{\"zz\":",
	  .unit = "[",
	  .flood = 100000,
	  .ending = FIN,
	  .what = USELESS },
	{ .name = "200 and 65 MB",
	  .carried = ALWAYS,
	  .text = OK CLOSE "{\"zz\":\"",
	  .unit = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
	  .flood = 65 * MEGABYTE,
	  .tail = "\"}",
	  .ending = FIN,
	  .outcome = HTTP_UNKNOWN,
	  .calls = BIT(CALL_CREATE) | BIT(CALL_ISSUE) | BIT(CALL_SEND) | BIT(CALL_READ) },
	{ .name = "200 and gzip that nobody asked for",
	  .carried = ALWAYS,
	  .text = OK "Content-Encoding: gzip\r\n" CLOSE "\x1f\x8b\x08$0$0$0$0$0$0\x03",
	  .ending = FIN,
	  .what = USELESS },
	{ .name = "200 and another credential",
	  .carried = ALWAYS,
	  .text = OK CLOSE "$O",
	  .ending = FIN,
	  .what = USELESS,
	  .skip = 1,
	  .calls = BIT(CALL_CREATE) | BIT(CALL_ISSUE) | BIT(CALL_SEND) | BIT(CALL_GET_CREDENTIAL) },
	{ .name = "200 and still a draft",
	  .carried = NEVER,
	  .text = OK CLOSE "{\"id\":\"$I\",\"status\":\"draft\"}",
	  .ending = FIN,
	  .what = USELESS,
	  .calls = BIT(CALL_ISSUE) },
	{ .name = "200 and an id that is a path",
	  .carried = ALWAYS,
	  .text = OK CLOSE "{\"id\":\"../groups\",\"status\":\"issued\"}",
	  .ending = FIN,
	  .what = USELESS,
	  .calls = BIT(CALL_CREATE) | BIT(CALL_ISSUE) | BIT(CALL_SEND) | BIT(CALL_GET_CREDENTIAL) },

	/* ---- statuses ---- */
	{ .name = "status 201",
	  .carried = ALWAYS,
	  .text = "HTTP/1.1 201 X\r\n" WHOLE,
	  .status = 201,
	  .calls = BIT(CALL_CREATE) | BIT(CALL_ISSUE) | BIT(CALL_SEND) },
	{ .name = "status 202",
	  .carried = ALWAYS,
	  .text = "HTTP/1.1 202 X\r\n" WHOLE,
	  .status = 202,
	  .calls = BIT(CALL_CREATE) | BIT(CALL_ISSUE) | BIT(CALL_SEND) },
	{ .name = "status 204",
	  .carried = ALWAYS,
	  .text = "HTTP/1.1 204 X\r\n\r\n",
	  .status = 204,
	  .what = USELESS },
	REDIRECT(301, "http://127.0.0.2:$P/"),
	REDIRECT(302, "http://127.0.0.1:$P/credentials"),
	REDIRECT(303, "http://localhost:$P/"),
	REDIRECT(307, "http://127.0.0.1:$P/credentials"),
	REDIRECT(308, "//127.0.0.1:$P/"),
	REDIRECT(302, "file:///etc/passwd"),
	REDIRECT(307, "https://127.0.0.1:$P/"),
	STATUS(304, EITHER),
	STATUS(400, NEVER),
	STOPS(401),
	STATUS(402, NEVER),
	STOPS(403),
	STATUS(404, NEVER),
	STATUS(408, EITHER),
	STATUS(409, NEVER),
	STATUS(412, NEVER),
	STATUS(422, NEVER),
	REFUSED_DONE(400),
	REFUSED_DONE(409),
	REFUSED_DONE(412),
	STATUS(423, NEVER),
	STATUS(429, NEVER),
	STATUS(500, EITHER),
	STATUS(502, EITHER),
	STATUS(503, EITHER),
	STATUS(504, EITHER),
	STATUS(599, EITHER),
	LATER("0", 0),
	LATER("1", 1000),
	LATER("7", 7000),
	LATER("-1", 0),
	LATER("1000000000", 600000),
	LATER("Mon, 23 Nov 2020 10:00:00 GMT", 0),
	LATER("Mon, 23 Nov 2099 10:00:00 GMT", 600000),
	LATER("soon", 0),
};

const size_t n_behaviours = sizeof(behaviours) / sizeof(behaviours[0]);
