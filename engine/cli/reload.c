/*
 * reload - has the running daemon take the rules in its folder into use, and tells whether it did.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "engine/cli/daemon.h"

static void print(struct slice text, FILE *to)
{
	fwrite(slice_start(text), 1, text.len, to);
}

static const char *plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

static void tell_taken(const struct json *answer)
{
	int64_t rules = json_int(json_path(answer, "in_force.rules"), 0);
	int64_t accounts = json_int(json_path(answer, "in_force.accounts"), 0);

	printf("reloaded: %lld rule%s, %lld account%s, table %.12s\n", (long long)rules,
	       plural(rules), (long long)accounts, plural(accounts),
	       slice_start(json_get_slice(answer, "table")));
}

static void tell_refused(const struct json *answer)
{
	int64_t errors = json_int(json_get(answer, "errors"), 0);
	struct slice reason = json_get_slice(answer, "reason");

	if (reason.len)
		printf("%.*s\n", SLICE_FMT(reason));
	printf("not reloaded: ");
	if (errors)
		printf("%lld error%s; ", (long long)errors, plural(errors));
	printf("table %.12s stays in force\n", slice_start(json_get_slice(answer, "table")));
}

static int tell(const struct cli *cli, int status, struct slice body)
{
	struct err err;
	struct json *answer = json_parse(body, &err);
	bool taken = json_bool(json_get(answer, "reloaded"), false);
	struct slice error = json_get_slice(answer, "error");
	int code = taken ? EXIT_FINE : EXIT_FINDINGS;

	if (!json_get(answer, "reloaded")) {
		code = cli_fail(cli, "the daemon answers %d%s%.*s", status, error.len ? ": " : "",
				SLICE_FMT(error));
	} else if (cli_has(cli, "json")) {
		print(body, stdout);
	} else {
		print(json_get_slice(answer, "text"), stdout);
		if (taken)
			tell_taken(answer);
		else
			tell_refused(answer);
	}
	json_free(answer);
	return code;
}

static int reload_run(const struct cli *cli)
{
	struct str body;
	struct err err;
	int status = 0, code;

	str_init(&body, LIMIT_ANSWER_BYTES);
	enum rc rc = daemon_ask(cli, "POST", "/reload", &status, &body, &err);
	if (rc == RC_REFUSED)
		code = cli_fail(cli, "no daemon: %s", err.text);
	else if (rc != RC_OK)
		code = cli_fail(cli, "%s", err.text);
	else
		code = tell(cli, status, str_slice(&body));
	str_release(&body);
	return code;
}

static const struct cli_option options[] = {
	CLI_OPTION_STATE,
	DAEMON_OPTION_ADMIN,
	{ "json", NULL, "one JSON object" },
	CLI_OPTION_END,
};

const struct cli_command command_reload = {
	.name = "reload",
	.summary = "have the running daemon take the rules into use",
	.operands = "",
	.option = options,
	.run = reload_run,
	.more = "As SIGHUP does, with an answer: 0 they are in force; 1 they are wrong, or there is none where\n"
		"some were: what is wrong is shown as 'validate' shows it, and the rules of before stay; 3 there is no\n"
		"daemon, or it cannot be reached.\n"
		"Over TCP it takes the token from $HS2CERT_ADMIN_TOKEN, or from the file that\n"
		"$HS2CERT_ADMIN_TOKEN_FILE names.",
};
