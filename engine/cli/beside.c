#include "engine/cli/beside.h"

#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/store/db.h"

const char *beside_who(char numeric[32])
{
	const char *name = getenv("SUDO_USER");
	const struct passwd *user = name && *name ? NULL : getpwuid(getuid());

	if (name && *name)
		return name;
	snprintf(numeric, 32, "uid %u", (unsigned)getuid());
	return user ? user->pw_name : numeric;
}

bool beside_nudge(const char *state)
{
	int pid = db_owner(state);

	return pid > 0 && kill(pid, SIGUSR1) == 0;
}
