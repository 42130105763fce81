// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * script.c - carries out one scenario.
 *
 * A scenario is a list of statements, one a line; the table `statements` below
 * is the language, README.md describes it. Everything that happened must have
 * been expected: at the end there may be no line in the log and no action that
 * no statement has looked at, and after the last task has gone no counter that
 * is not zero.
 */
#include "tests/scenario/script.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/scenario/core.h"
#include "tests/scenario/fake.h"
#include "tests/scenario/fake_perform.h"
#include "vmmd/log.h"
#include "vmmd/sysent.h"

#define MAX_WORDS 40

struct run {
	const struct script *script;
	size_t at; /* the line under way */
	struct core *core;
	const struct engine_ops *engine;
	int log;	/* what the layers say */
	off_t log_seen; /* up to here statements have looked */
	int daemon_log; /* what the daemon says */
	bool hold;	/* events and answers pile up */
	bool over;	/* the session has ended or was refused */
	char *why;
	size_t whylen;
	char *word[MAX_WORDS]; /* of the line; word[0] is the statement */
	int words;
	char copy[1024];
};

static int fail(struct run *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int fail(struct run *r, const char *fmt, ...)
{
	size_t at = r->at < r->script->count ? r->at : r->script->count - 1;
	int n = snprintf(r->why, r->whylen, "%s:%d: ", r->script->file,
			 r->script->lines[at].number);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why + n, r->whylen - (size_t)n, fmt, ap);
	va_end(ap);
	return -1;
}

/* -------------------------------------------------------------------- words */

/* Words are separated by white space; "…" is one. */
static int split(struct run *r, const char *text)
{
	char *p = r->copy;

	if (strlen(text) >= sizeof(r->copy))
		return fail(r, "the line is too long");
	strcpy(p, text);
	for (r->words = 0; r->words < MAX_WORDS; r->words++) {
		p += strspn(p, " \t");
		if (!*p)
			return 0;
		if (*p == '"') {
			r->word[r->words] = ++p;
			p += strcspn(p, "\"");
		} else {
			r->word[r->words] = p;
			p += strcspn(p, " \t");
		}
		if (*p)
			*p++ = 0;
	}
	return fail(r, "too many words");
}

/* Word `i` as a number; `def` if there is none. */
static int64_t number(const struct run *r, int i, int64_t def)
{
	return i < r->words ? (int64_t)strtoull(r->word[i], NULL, 0) : def;
}

static int64_t call_number(const char *text)
{
	int64_t nr = sysent_nr(text);

	return nr >= 0 ? nr : (int64_t)strtoull(text, NULL, 0);
}

/* The words from `i` on, joined again. */
static void join(const struct run *r, int i, char *buf, size_t len)
{
	size_t n = 0;

	buf[0] = 0;
	for (int k = i; k < r->words && n < len; k++)
		n += (size_t)snprintf(buf + n, len - n, "%s%s", k > i ? " " : "", r->word[k]);
}

/* ------------------------------------------------------------------- set-up */

static int do_set(struct run *r)
{
	char line[200], why[400];

	snprintf(line, sizeof(line), "%s: %s\n", r->word[1], r->words > 2 ? r->word[2] : "");
	return core_set(r->core, line, why, sizeof(why)) ? fail(r, "%s", why) : 0;
}

static int do_engine(struct run *r)
{
	r->engine = fake_named(r->word[1]);
	return r->engine ? 0 : fail(r, "no such engine");
}

static int do_layer(struct run *r)
{
	char why[400] = "";

	if (core_layer(r->core, r->word[1], r->word + 2, (size_t)r->words - 2, why, sizeof(why)))
		return fail(r, "%s", why);
	return 0;
}

static int do_refused(struct run *r)
{
	char why[400] = "";

	if (!core_start(r->core, r->engine, why, sizeof(why)))
		return fail(r, "the session starts");
	r->over = true;
	return strstr(why, r->word[1]) ? 0 : fail(r, "refused: \"%s\"", why);
}

static int start(struct run *r)
{
	char why[400] = "";

	if (core_started(r->core))
		return 0;
	if (r->over)
		return fail(r, "the session is over");
	return core_start(r->core, r->engine, why, sizeof(why)) ? fail(r, "%s", why) : 0;
}

/* ------------------------------------------------------------------- events */

static int turn(struct run *r)
{
	const char *breach;
	int rc;

	if (r->hold)
		return 0;
	rc = core_turn(r->core);
	if (rc)
		return fail(r, "the core fails: %s", strerror(-rc));
	breach = fake_breach(core_engine(r->core));
	return breach ? fail(r, "the core breaks the engine's contract: %s", breach) : 0;
}

static int push(struct run *r, const struct fake_event *ev)
{
	int rc = fake_push(core_engine(r->core), ev);

	if (rc)
		return fail(r, "task %d cannot have this event now: %s", ev->tid, strerror(-rc));
	return turn(r);
}

static int expect_action(struct run *r, pid_t tid, const char *want)
{
	const char *got = fake_action(core_engine(r->core), tid);

	if (!got)
		got = "none";
	return strcmp(got, want) ? fail(r, "expected %s, got: %s", want, got) : 0;
}

/* new TID [TGID [PARENT [FLAGS]]] */
static int do_new(struct run *r)
{
	struct fake_event ev = { .type = ENGINE_NEW, .tid = (pid_t)number(r, 1, 0) };

	ev.tgid = (pid_t)number(r, 2, ev.tid);
	ev.parent = (pid_t)number(r, 3, 0);
	ev.clone_flags = (uint64_t)number(r, 4, 0);
	return push(r, &ev);
}

/* The same, and it goes on. */
static int do_task(struct run *r)
{
	int rc = do_new(r);

	return rc ? rc : expect_action(r, (pid_t)number(r, 1, 0), "go");
}

static int do_entry(struct run *r)
{
	struct fake_event ev = { .type = ENGINE_ENTRY, .tid = (pid_t)number(r, 1, 0) };

	ev.call.nr = call_number(r->words > 2 ? r->word[2] : "-1");
	for (int i = 0; i < 6; i++)
		ev.call.args[i] = (uint64_t)number(r, i + 3, 0);
	ev.call.pc = FAKE_PC;
	ev.call.sp = FAKE_SP;
	ev.again = strcmp(r->word[0], "again") == 0;
	return push(r, &ev);
}

/* kernel TID RESULT [PC SP] */
static int do_kernel(struct run *r)
{
	int rc = fake_kernel(core_engine(r->core), (pid_t)number(r, 1, 0), number(r, 2, 0),
			     (uint64_t)number(r, 3, 0), (uint64_t)number(r, 4, 0));

	if (rc)
		return fail(r, "nobody waits for an exit of this task: %s", strerror(-rc));
	return turn(r);
}

static int do_signal(struct run *r)
{
	struct fake_event ev = { .type = ENGINE_SIGNAL, .tid = (pid_t)number(r, 1, 0) };

	ev.info.si_signo = (int)number(r, 2, 0);
	ev.info.si_code = SI_USER;
	return push(r, &ev);
}

static int do_exec(struct run *r)
{
	struct fake_event ev = { .type = ENGINE_EXEC, .tid = (pid_t)number(r, 1, 0) };

	ev.former_tid = (pid_t)number(r, 2, ev.tid);
	return push(r, &ev);
}

static int do_exiting(struct run *r)
{
	struct fake_event ev = { .type = ENGINE_EXITING, .tid = (pid_t)number(r, 1, 0) };

	ev.status = (int)number(r, 2, 0);
	return push(r, &ev);
}

static int do_gone(struct run *r)
{
	struct fake_event ev = { .type = ENGINE_GONE, .tid = (pid_t)number(r, 1, 0) };

	ev.status = (int)number(r, 2, 0);
	return push(r, &ev);
}

static int do_dying(struct run *r)
{
	int rc = fake_dying(core_engine(r->core), (pid_t)number(r, 1, 0));

	return rc ? fail(r, "no such task") : 0;
}

static int do_killall(struct run *r)
{
	struct engine *e = core_engine(r->core);

	e->ops->kill_all(e);
	return 0;
}

/* ---------------------------------------------------------- time and answers */

static int do_hold(struct run *r)
{
	r->hold = true;
	return 0;
}

static int do_turn(struct run *r)
{
	r->hold = false;
	return turn(r);
}

static int do_wait(struct run *r)
{
	core_wait(r->core, number(r, 1, 0));
	return turn(r);
}

static int command(struct run *r, const char *prefix)
{
	char text[200], rest[160];
	int rc;

	join(r, 2, rest, sizeof(rest));
	snprintf(text, sizeof(text), "%s%s", prefix, rest);
	rc = core_command(r->core, r->word[1], text);
	return rc ? fail(r, "command: %s", strerror(-rc)) : turn(r);
}

/* answer LAYER INDEX VERDICT [RESULT] */
static int do_answer(struct run *r)
{
	return command(r, "");
}

static int do_answer_in_thread(struct run *r)
{
	return command(r, "thread ");
}

/* late LAYER INDEX DEED: what the layer does to a request that waits */
static int do_late(struct run *r)
{
	return command(r, "do ");
}

/* ------------------------------------------------------------- expectations */

/* The next line of the log, or NULL. */
static const char *log_line(struct run *r, char *buf, size_t len)
{
	ssize_t n = pread(r->log, buf, len - 1, r->log_seen);
	char *end;

	if (n <= 0)
		return NULL;
	buf[n] = 0;
	end = strchr(buf, '\n');
	if (end) {
		*end = 0;
		r->log_seen += end - buf + 1;
	} else {
		r->log_seen += n;
	}
	if (core_started(r->core))
		fake_retell(core_engine(r->core), buf, len);
	return buf;
}

static const char *trim(const char *s)
{
	return s + strspn(s, " \t");
}

/* All lines that were not looked at yet are those that follow, indented. */
static int do_log(struct run *r)
{
	char buf[600];
	const char *got;

	while (r->at + 1 < r->script->count && isspace(r->script->lines[r->at + 1].text[0])) {
		const char *want = trim(r->script->lines[++r->at].text);

		got = log_line(r, buf, sizeof(buf));
		if (!got || strcmp(got, want))
			return fail(r, "expected: %s; got: %s", want, got ? got : "nothing");
	}
	got = log_line(r, buf, sizeof(buf));
	return got ? fail(r, "unexpected in the log: %s", got) : 0;
}

static int do_ignore(struct run *r)
{
	r->log_seen = lseek(r->log, 0, SEEK_END);
	return 0;
}

/* action TID TEXT… */
static int do_action(struct run *r)
{
	char want[300];

	join(r, 2, want, sizeof(want));
	return expect_action(r, (pid_t)number(r, 1, 0), want);
}

static int do_count(struct run *r)
{
	uint64_t got = 0;

	if (core_count(r->core, r->word[1], &got))
		return fail(r, "nothing is called %s", r->word[1]);
	if (got != (uint64_t)number(r, 2, 0))
		return fail(r, "%s is %llu", r->word[1], (unsigned long long)got);
	return 0;
}

/* select CALL|other FLAG… */
static int do_select(struct run *r)
{
	static const char *const names[] = { "entry",	"exit",	 "rewrite", "result",
					     "reissue", "paths", "memory" };
	const struct engine_select *s = fake_selection(core_engine(r->core));
	int64_t nr = call_number(r->word[1]);
	uint8_t bits = strcmp(r->word[1], "other") && nr >= 0 && nr < ENGINE_NR_MAX ?
			       s->want[nr] :
			       s->want_other;
	char want[100], got[100] = "";

	join(r, 2, want, sizeof(want));
	for (int i = 0; i < 7; i++)
		if (bits & (1u << i))
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s",
				 got[0] ? " " : "", names[i]);
	if (!got[0])
		strcpy(got, "none");
	return strcmp(got, want) ? fail(r, "expected %s, got: %s", want, got) : 0;
}

/* refuses CALL ERRNO|none: without a stop */
static int do_refuses(struct run *r)
{
	int64_t nr = call_number(r->word[1]);
	int got = nr >= 0 && nr < ENGINE_NR_MAX ? fake_selection(core_engine(r->core))->refuse[nr] : 0;

	return got == number(r, 2, 0) ? 0 : fail(r, "the engine refuses it with %d", got);
}

/* perform RESULT: what a call made in a task's place gives from now on */
static int do_perform(struct run *r)
{
	fake_perform_set(r->word[1]);
	return 0;
}

/* performed "CALL" */
static int do_performed(struct run *r)
{
	const char *got = fake_perform_take();

	return got && strcmp(got, r->word[1]) == 0 ? 0 : fail(r, "performed: %s", got ? got : "nothing");
}

static int do_memory(struct run *r)
{
	unsigned char *m = fake_memory(core_engine(r->core), (pid_t)number(r, 1, 0));
	uint64_t addr = (uint64_t)number(r, 2, 0);

	if (!m || addr < FAKE_BASE || addr + strlen(r->word[3]) >= FAKE_BASE + FAKE_SIZE)
		return fail(r, "no such memory");
	memcpy(m + (addr - FAKE_BASE), r->word[3], strlen(r->word[3]) + 1);
	return 0;
}

static int do_sees(struct run *r)
{
	unsigned char *m = fake_memory(core_engine(r->core), (pid_t)number(r, 1, 0));
	uint64_t addr = (uint64_t)number(r, 2, 0);

	if (!m || addr < FAKE_BASE || addr + strlen(r->word[3]) >= FAKE_BASE + FAKE_SIZE)
		return fail(r, "no such memory");
	return memcmp(m + (addr - FAKE_BASE), r->word[3], strlen(r->word[3])) ?
		       fail(r, "the task's memory is different") :
		       0;
}

static int do_injected(struct run *r)
{
	int got = fake_injected(core_engine(r->core), (pid_t)number(r, 1, 0));

	return got == number(r, 2, 0) ? 0 : fail(r, "signal %d was injected", got);
}

/* The daemon's own log has a line with this text. */
static int do_says(struct run *r)
{
	char buf[8192];
	ssize_t n = pread(r->daemon_log, buf, sizeof(buf) - 1, 0);

	buf[n > 0 ? n : 0] = 0;
	return strstr(buf, r->word[1]) ? 0 : fail(r, "the daemon says: %s", buf);
}

/* ---------------------------------------------------------------------- end */

/* Every task ends. */
static int do_end(struct run *r)
{
	const char *left;
	pid_t tid;

	r->hold = false;
	while ((tid = fake_any_task(core_engine(r->core)))) {
		struct fake_event ev = { .type = ENGINE_GONE, .tid = tid };

		if (push(r, &ev))
			return -1;
	}
	if (turn(r))
		return -1;
	left = core_left(r->core);
	return left ? fail(r, "at the end %s", left) : 0;
}

/* The session ends with whatever is open. */
static int do_stop(struct run *r)
{
	core_stop(r->core);
	r->over = true;
	return 0;
}

static int finish(struct run *r)
{
	char buf[600];
	const char *text;

	if (r->over)
		return 0;
	text = fake_any_action(core_engine(r->core));
	if (text)
		return fail(r, "an action that nobody expected: %s", text);
	text = fake_perform_take();
	if (text)
		return fail(r, "a call made in a task's place that nobody expected: %s", text);
	text = log_line(r, buf, sizeof(buf));
	if (text)
		return fail(r, "unexpected in the log: %s", text);
	return do_end(r);
}

/* --------------------------------------------------------------- statements */

static const struct statement {
	const char *name;
	int min_words; /* besides its name */
	bool set_up;   /* before the session starts */
	int (*fn)(struct run *);
} statements[] = {
	{ "set", 2, true, do_set },
	{ "engine", 1, true, do_engine },
	{ "layer", 1, true, do_layer },
	{ "refused", 1, true, do_refused },
	{ "new", 1, false, do_new },
	{ "task", 1, false, do_task },
	{ "entry", 2, false, do_entry },
	{ "again", 2, false, do_entry },
	{ "kernel", 2, false, do_kernel },
	{ "signal", 2, false, do_signal },
	{ "exec", 1, false, do_exec },
	{ "exiting", 2, false, do_exiting },
	{ "gone", 1, false, do_gone },
	{ "dying", 1, false, do_dying },
	{ "killall", 0, false, do_killall },
	{ "hold", 0, false, do_hold },
	{ "turn", 0, false, do_turn },
	{ "wait", 1, false, do_wait },
	{ "answer", 3, false, do_answer },
	{ "answer-in-thread", 3, false, do_answer_in_thread },
	{ "late", 3, false, do_late },
	{ "log", 0, true, do_log },
	{ "ignore", 0, true, do_ignore },
	{ "action", 2, false, do_action },
	{ "count", 2, false, do_count },
	{ "select", 2, false, do_select },
	{ "refuses", 2, false, do_refuses },
	{ "perform", 1, true, do_perform },
	{ "performed", 1, false, do_performed },
	{ "memory", 3, false, do_memory },
	{ "sees", 3, false, do_sees },
	{ "injected", 2, false, do_injected },
	{ "says", 1, true, do_says },
	{ "end", 0, false, do_end },
	{ "stop", 0, false, do_stop },
};

static int run_line(struct run *r)
{
	if (split(r, r->script->lines[r->at].text))
		return -1;
	if (!r->words)
		return 0;
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
		const struct statement *st = &statements[i];

		if (strcmp(st->name, r->word[0]))
			continue;
		if (r->words - 1 < st->min_words)
			return fail(r, "%s needs more words", st->name);
		if (!st->set_up && start(r))
			return -1;
		return st->fn(r);
	}
	return fail(r, "no such statement: %s", r->word[0]);
}

int script_run(const struct script *script, const char *plugin, char *why, size_t len)
{
	struct run r = { .script = script, .why = why, .whylen = len };
	char path[64];
	int rc = -1;

	r.engine = fake_named("full");
	r.log = memfd_create("layers", MFD_CLOEXEC);
	r.daemon_log = memfd_create("daemon", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", r.log);
	log_setup(r.daemon_log, "vmmd", VMMD_LOG_DEBUG);
	r.core = core_new(plugin, path);
	if (r.log >= 0 && r.daemon_log >= 0 && r.core) {
		for (rc = 0; !rc && r.at < script->count; r.at++)
			rc = run_line(&r);
		if (rc)
			r.at--;
		else if (core_started(r.core))
			rc = finish(&r);
	} else {
		fail(&r, "out of memory");
	}
	if (r.core)
		core_free(r.core);
	log_setup(2, "vmmd", VMMD_LOG_WARNING);
	close(r.log);
	close(r.daemon_log);
	return rc;
}
