/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace.c - the layer that shows what passes its place in the stack.
 *
 * A call is one line, written when it returns. In text a line that comes in
 * between splits it, as strace(1) does: "name(… <unfinished ...>", later
 * "<... name resumed>…) = …". JSON objects stand for themselves and are not
 * split. At most one call is `open` (in text, entered, nothing of it written),
 * so whoever writes a line closes that one first.
 *
 * What is kept for a task lives in its task data and is made at its first
 * event; its text grows to the longest call the task has made and stays, so
 * events do not allocate. Lines are built in one buffer of the layer.
 */
#include "decode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Two paths of bytes that all need escapes fit in ARGS_BYTES, a third one behind them in LINE_BYTES. */
#define ARGS_BYTES (56 * 1024)
#define LINE_BYTES (88 * 1024)
#define LABEL_MAX 64

enum trace_times { TIMES_NONE, TIMES_RELATIVE, TIMES_ABSOLUTE };

struct trace_task {
	pid_t tid;
	bool entered; /* in a call */
	bool shown;   /* … whose entry has been written */
	bool unseen;  /* … whose entry happened before this layer was there */
	bool execed;  /* an exec has been shown as its call's end already */
	struct vmmd_call call;
	unsigned next; /* the first argument that is not in `text` */
	struct timespec when;
	char *text; /* arguments known at entry */
	size_t len, cap;
};

struct trace {
	const struct vmmd_host *host;
	struct vmmd_layer *layer;
	struct vmmd_out *out;
	struct decode decode;
	const char *label; /* NULL: none */
	bool json;
	bool split;
	enum trace_times times;
	struct timespec start; /* TIMES_RELATIVE */
	struct trace_task *open;
	uint64_t entries; /* counts them, so that the timer knows `open` again */
	uint64_t timer_entry;
	struct vmmd_timer *timer; /* running while there may be something open */
	int64_t blocked;
	struct text line;
	char line_buf[LINE_BYTES];
	char bytes[DECODE_BYTES];
};

/* -------------------------------------------------------------------- lines */

static void now(const struct trace *tr, struct timespec *when)
{
	if (tr->times == TIMES_RELATIVE)
		clock_gettime(CLOCK_MONOTONIC, when);
	else if (tr->json || tr->times == TIMES_ABSOLUTE)
		clock_gettime(CLOCK_REALTIME, when);
}

static struct timespec since(const struct timespec *when, const struct timespec *start)
{
	struct timespec d = { when->tv_sec - start->tv_sec, when->tv_nsec - start->tv_nsec };

	if (d.tv_nsec < 0) {
		d.tv_nsec += 1000000000;
		d.tv_sec--;
	}
	return d;
}

static void put_time(struct trace *tr, const struct timespec *when)
{
	struct timespec shown = since(when, &tr->start);
	struct tm tm;
	char buf[32];

	if (tr->json || tr->times == TIMES_RELATIVE) {
		text_printf(&tr->line, "%lld.%06ld", (long long)shown.tv_sec, shown.tv_nsec / 1000);
	} else {
		localtime_r(&shown.tv_sec, &tm);
		strftime(buf, sizeof(buf), "%H:%M:%S", &tm);
		text_printf(&tr->line, "%s.%06ld", buf, shown.tv_nsec / 1000);
	}
}

static void line_begin(struct trace *tr, pid_t tid, const struct timespec *when, const char *event)
{
	struct text *t = &tr->line;

	text_init(t, tr->line_buf, sizeof(tr->line_buf));
	if (!tr->json) {
		if (tr->label != NULL)
			text_printf(t, "%s ", tr->label);
		if (tr->times != TIMES_NONE) {
			put_time(tr, when);
			text_puts(t, " ");
		}
		text_printf(t, "[%d] ", tid);
		return;
	}
	text_puts(t, "{\"time\":");
	put_time(tr, when);
	if (tr->label != NULL) {
		text_puts(t, ",\"label\":\"");
		text_escaped(t, tr->label, strlen(tr->label), TEXT_JSON);
		text_puts(t, "\"");
	}
	text_printf(t, ",\"tid\":%d,\"event\":\"%s\"", tid, event);
}

static void line_end(struct trace *tr)
{
	text_puts(&tr->line, tr->json ? "}\n" : "\n");
	tr->host->out_write(tr->out, tr->line.buf, tr->line.len);
}

/* -------------------------------------------------------------------- calls */

static void put_json_call(struct trace *tr, const struct trace_task *td)
{
	struct text *t = &tr->line;

	if (tr->host->syscall(td->call.nr) != NULL)
		text_printf(t, ",\"syscall\":\"%s\"", decode_name(&tr->decode, td->call.nr));
	else
		text_puts(t, ",\"syscall\":null");
	text_printf(t, ",\"nr\":%" PRId64 ",\"args\":", td->call.nr);
}

/* Write the entry of a call that has not returned yet. */
static void show_entry(struct trace *tr, struct trace_task *td)
{
	struct text *t = &tr->line;

	line_begin(tr, td->tid, &td->when, "entry");
	if (tr->json) {
		struct decode_end end = { .req = NULL };

		put_json_call(tr, td);
		text_puts(t, "[");
		text_put(t, td->text, td->len);
		decode_rest(&tr->decode, &end, &td->call, td->next, t);
		text_puts(t, "]");
	} else {
		text_printf(t, "%s(", decode_name(&tr->decode, td->call.nr));
		text_put(t, td->text, td->len);
		text_puts(t, " <unfinished ...>");
	}
	line_end(tr);
	td->shown = true;
	if (tr->open == td)
		tr->open = NULL;
}

/* To be called before a line that is not the end of `td`. */
static void close_open(struct trace *tr, const struct trace_task *td)
{
	if (tr->open != NULL && tr->open != td)
		show_entry(tr, tr->open);
}

static void finish_text(struct trace *tr, struct trace_task *td, const struct decode_end *end)
{
	const char *name = decode_name(&tr->decode, td->call.nr);
	struct timespec when = td->when;
	struct text *t = &tr->line;

	if (td->shown)
		now(tr, &when);
	line_begin(tr, td->tid, &when, NULL);
	if (td->shown) {
		text_printf(t, "<... %s resumed>", name);
	} else {
		text_printf(t, "%s(", name);
		text_put(t, td->text, td->len);
	}
	decode_rest(&tr->decode, end, &td->call, td->next, t);
	text_puts(t, ") = ");
	if (end->returned)
		decode_result(&tr->decode, td->call.nr, end->result, t);
	else
		text_puts(t, "?");
	line_end(tr);
}

static void finish_json(struct trace *tr, struct trace_task *td, const struct decode_end *end)
{
	const char *name = end->returned ? decode_errno_name(end->result) : NULL;
	struct text *t = &tr->line;

	line_begin(tr, td->tid, &td->when, "call");
	put_json_call(tr, td);
	if (td->unseen) {
		text_puts(t, "null");
	} else {
		text_puts(t, "[");
		text_put(t, td->text, td->len);
		decode_rest(&tr->decode, end, &td->call, td->next, t);
		text_puts(t, "]");
	}
	if (end->returned)
		text_printf(t, ",\"result\":%" PRId64, end->result);
	else
		text_puts(t, ",\"result\":null");
	if (name != NULL)
		text_printf(t, ",\"errno\":\"%s\"", name);
	line_end(tr);
}

/* The call of a task is over, or will never be. */
static void finish(struct trace *tr, struct trace_task *td, const struct decode_end *end)
{
	close_open(tr, td);
	if (tr->json)
		finish_json(tr, td, end);
	else
		finish_text(tr, td, end);
	if (tr->open == td)
		tr->open = NULL;
	td->entered = false;
	td->unseen = false;
}

static void finish_unreturned(struct trace *tr, struct trace_task *td)
{
	struct decode_end end = { .returned = false };

	finish(tr, td, &end);
}

/* -------------------------------------------------------------------- tasks */

static struct trace_task *task_get(struct trace *tr, struct vmmd_req *req)
{
	struct trace_task *td = tr->host->task_data(req);

	if (td != NULL)
		return td;
	td = calloc(1, sizeof(*td));
	if (td != NULL)
		tr->host->set_task_data(req, td);
	/* The host may have had no room for it, either. */
	if (td == NULL || tr->host->task_data(req) != td) {
		++*tr->host->counter(tr->layer, "lost");
		free(td);
		return NULL;
	}
	return td;
}

/* Keep the arguments; without memory for them the call is shown with none of their text. */
static void task_keep(struct trace *tr, struct trace_task *td, const struct text *args)
{
	td->len = 0;
	if (args->len > td->cap) {
		size_t cap = 256;

		while (cap < args->len)
			cap *= 2;
		char *text = realloc(td->text, cap);
		if (text == NULL) {
			++*tr->host->counter(tr->layer, "lost");
			return;
		}
		td->text = text;
		td->cap = cap;
	}
	if (args->len > 0)
		memcpy(td->text, args->buf, args->len);
	td->len = args->len;
}

static void trace_task_free(void *self, void *data)
{
	struct trace *tr = self;
	struct trace_task *td = data;

	/* Its end is not known here: it has ended, or the layer is being taken away. */
	if (td->entered) {
		if (td->call.nr == SYS_exit || td->call.nr == SYS_exit_group)
			finish_unreturned(tr, td);
		else if (!td->shown)
			show_entry(tr, td);
	}
	if (tr->open == td)
		tr->open = NULL;
	free(td->text);
	free(td);
}

/* ------------------------------------------------------------------- events */

static void timer_arm(struct trace *tr);

/* A call that is still open since the timer was started blocks: let it be seen. */
static void timer_fired(void *arg)
{
	struct trace *tr = arg;

	tr->timer = NULL;
	if (tr->open == NULL)
		return;
	if (tr->entries == tr->timer_entry)
		show_entry(tr, tr->open);
	else
		timer_arm(tr);
}

static void timer_arm(struct trace *tr)
{
	if (tr->blocked == 0 || tr->timer != NULL)
		return;
	tr->timer_entry = tr->entries;
	tr->timer = tr->host->timer_start(tr->layer, tr->blocked, false, timer_fired, tr);
}

static enum vmmd_verdict trace_entry(void *self, struct vmmd_req *req)
{
	struct trace *tr = self;
	struct trace_task *td = task_get(tr, req);
	struct text args;

	if (td == NULL)
		return VMMD_PASS;
	if (td->entered)
		finish_unreturned(tr, td);
	close_open(tr, NULL);
	td->tid = tr->host->task(req)->tid;
	td->call = *tr->host->call(req);
	now(tr, &td->when);
	text_init(&args, tr->line_buf, ARGS_BYTES);
	td->next = decode_entry(&tr->decode, req, &td->call, &args);
	task_keep(tr, td, &args);
	td->entered = true;
	td->shown = td->execed = false;
	if (tr->split) {
		show_entry(tr, td);
	} else if (!tr->json) {
		tr->open = td;
		tr->entries++;
		timer_arm(tr);
	}
	return VMMD_PASS;
}

static bool is_exec(int64_t nr)
{
	return nr == SYS_execve || nr == SYS_execveat;
}

/* The exit of a call that was made before this layer was there. */
static void adopt(struct trace *tr, struct trace_task *td, const struct vmmd_call *call, pid_t tid)
{
	td->tid = tid;
	td->call = *call;
	td->len = 0;
	td->next = decode_split(&tr->decode, call);
	td->entered = td->shown = td->unseen = true;
	now(tr, &td->when);
}

static enum vmmd_verdict trace_exit(void *self, struct vmmd_req *req)
{
	struct trace *tr = self;
	struct trace_task *td = task_get(tr, req);
	const struct vmmd_call *call = tr->host->call(req);
	struct decode_end end = { .req = req, .returned = true, .result = tr->host->result(req) };

	if (td == NULL || (!td->entered && call == NULL))
		return VMMD_PASS;
	if (!td->entered && td->execed && is_exec(call->nr)) {
		td->execed = false;
		return VMMD_PASS;
	}
	if (!td->entered)
		adopt(tr, td, call, tr->host->task(req)->tid);
	finish(tr, td, &end);
	return VMMD_PASS;
}

static enum vmmd_verdict trace_signal(void *self, struct vmmd_req *req)
{
	struct trace *tr = self;
	const siginfo_t *info = tr->host->siginfo(req);
	struct text *t = &tr->line;
	struct timespec when = { 0 };
	char buf[32], words_buf[512];
	struct text words;
	const char *name = decode_signal_name(info->si_signo, buf, sizeof(buf));

	close_open(tr, NULL);
	now(tr, &when);
	text_init(&words, words_buf, sizeof(words_buf));
	decode_siginfo(info, &words);
	line_begin(tr, tr->host->task(req)->tid, &when, "signal");
	if (tr->json)
		text_printf(t, ",\"signal\":\"%s\",\"info\":\"%.*s\"", name, (int)words.len,
			    words.buf);
	else
		text_printf(t, "--- %s %.*s ---", name, (int)words.len, words.buf);
	line_end(tr);
	return VMMD_PASS;
}

/* The program that a process now runs, as vmmd sees it. */
static ssize_t program_of(pid_t tid, char *buf, size_t len)
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/%d/exe", tid);
	return readlink(link, buf, len);
}

static void show_exec(struct trace *tr, const struct vmmd_task_info *info)
{
	ssize_t len = program_of(info->tid, tr->bytes, DECODE_PATH_MAX);
	bool moved = info->former_tid != 0 && info->former_tid != info->tid;
	struct text *t = &tr->line;
	struct timespec when = { 0 };

	now(tr, &when);
	line_begin(tr, info->tid, &when, "exec");
	if (!tr->json) {
		text_puts(t, "=== exec ");
		if (len > 0) {
			text_escaped(t, tr->bytes, (size_t)len, TEXT_C);
			text_puts(t, " ");
		}
		if (moved)
			text_printf(t, "by %d ", info->former_tid);
		text_puts(t, "===");
	} else {
		text_puts(t, ",\"program\":");
		text_puts(t, len > 0 ? "\"" : "null");
		if (len > 0) {
			text_escaped(t, tr->bytes, (size_t)len, TEXT_JSON);
			text_puts(t, "\"");
		}
		if (moved)
			text_printf(t, ",\"former_tid\":%d", info->former_tid);
	}
	line_end(tr);
}

static enum vmmd_verdict trace_exec(void *self, struct vmmd_req *req)
{
	struct trace *tr = self;
	struct trace_task *td = task_get(tr, req);
	struct decode_end end = { .req = req, .returned = true, .result = 0 };

	/* The call has done its work: its line belongs before this one. */
	if (td != NULL && td->entered && is_exec(td->call.nr)) {
		finish(tr, td, &end);
		td->execed = true;
	} else if (td != NULL && td->entered) {
		finish_unreturned(tr, td);
	}
	close_open(tr, NULL);
	show_exec(tr, tr->host->task(req));
	return VMMD_PASS;
}

static enum vmmd_verdict trace_task_new(void *self, struct vmmd_req *req)
{
	struct trace *tr = self;
	const struct vmmd_task_info *info = tr->host->task(req);
	struct text *t = &tr->line;
	struct timespec when = { 0 };

	close_open(tr, NULL);
	now(tr, &when);
	line_begin(tr, info->tid, &when, "task");
	if (tr->json)
		text_printf(t, ",\"process\":%d,\"parent\":%d,\"clone_flags\":%" PRIu64, info->tgid,
			    info->parent, info->clone_flags);
	else if (info->parent != 0)
		text_printf(t, "=== task %d of %d ===", info->tid, info->parent);
	else
		text_printf(t, "=== task %d ===", info->tid);
	line_end(tr);
	return VMMD_PASS;
}

static void trace_task_exit(void *self, struct vmmd_req *req)
{
	struct trace *tr = self;
	const struct vmmd_task_info *info = tr->host->task(req);
	struct trace_task *td = tr->host->task_data(req);
	int status = info->exit_status;
	bool core = WIFSIGNALED(status) && WCOREDUMP(status);
	struct text *t = &tr->line;
	struct timespec when = { 0 };
	char buf[32];

	if (td != NULL && td->entered)
		finish_unreturned(tr, td);
	close_open(tr, NULL);
	now(tr, &when);
	line_begin(tr, info->tid, &when, "exit");
	if (!WIFSIGNALED(status))
		text_printf(t, tr->json ? ",\"status\":%d" : "+++ exited with %d +++",
			    WEXITSTATUS(status));
	else if (tr->json)
		text_printf(t, ",\"signal\":\"%s\",\"core\":%s",
			    decode_signal_name(WTERMSIG(status), buf, sizeof(buf)),
			    core ? "true" : "false");
	else
		text_printf(t, "+++ killed by %s%s +++",
			    decode_signal_name(WTERMSIG(status), buf, sizeof(buf)),
			    core ? " (core dumped)" : "");
	line_end(tr);
}

/* --------------------------------------------------------------- the plugin */

static int check_label(const char *text, char *why, size_t len)
{
	size_t n = strlen(text);

	if (n > LABEL_MAX) {
		snprintf(why, len, "longer than %d bytes", LABEL_MAX);
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
			snprintf(why, len, "control characters are not allowed");
			return -1;
		}
	return 0;
}

static const char *const format_choices[] = { "text", "json", NULL };
static const char *const times_choices[] = { "none", "relative", "absolute", NULL };

static const struct vmmd_option trace_options[] = {
	{ .name = "syscalls", .type = VMMD_OPT_SYSCALLS, .def = "@all",
	  .help = "the system calls to show" },
	{ .name = "signals", .type = VMMD_OPT_BOOL, .def = "true", .help = "show signals" },
	{ .name = "lifecycle", .type = VMMD_OPT_BOOL, .def = "true",
	  .help = "show new tasks, exec and exit" },
	{ .name = "format", .type = VMMD_OPT_CHOICE, .def = "text", .choices = format_choices,
	  .help = "lines for people, or one JSON object a line" },
	{ .name = "file", .type = VMMD_OPT_STRING, .def = "-",
	  .help = "where to write; -: standard error" },
	{ .name = "strings", .type = VMMD_OPT_INT, .def = "32", .min = 0, .max = DECODE_STRING_MAX,
	  .help = "most bytes shown of a string or buffer; paths are always whole" },
	{ .name = "label", .type = VMMD_OPT_STRING, .help = "what each line begins with",
	  .check = check_label },
	{ .name = "times", .type = VMMD_OPT_CHOICE, .def = "none", .choices = times_choices,
	  .help = "when: since the start, or of the day" },
	{ .name = "split", .type = VMMD_OPT_BOOL, .def = "false",
	  .help = "show each call's entry by itself, at once" },
	{ .name = "blocked", .type = VMMD_OPT_DURATION, .def = "1s", .min = 0, .max = 3600000,
	  .help = "show the entry of a call that has not returned for so long; 0: never" },
	{ .name = NULL },
};

static int trace_select(struct trace *tr)
{
	const struct vmmd_host *host = tr->host;
	uint32_t events = 0;

	if (host->option(tr->layer, "signals")->num)
		events |= VMMD_EVENT_SIGNAL;
	if (host->option(tr->layer, "lifecycle")->num)
		events |= VMMD_EVENT_EXEC | VMMD_EVENT_TASK_NEW | VMMD_EVENT_TASK_EXIT;
	int rc = host->advisory(tr->layer);
	if (rc == 0)
		rc = host->want_events(tr->layer, events);
	if (rc == 0)
		rc = host->want_set(tr->layer, host->option(tr->layer, "syscalls")->set,
				    VMMD_WANT_ENTRY | VMMD_WANT_EXIT);
	if (rc != 0)
		host->log(tr->layer, VMMD_LOG_ERROR, "cannot select events: %s", strerror(-rc));
	return rc;
}

static int trace_output(struct trace *tr)
{
	const char *file = tr->host->option(tr->layer, "file")->text;

	errno = 0;
	tr->out = tr->host->out_open(tr->layer, file);
	if (tr->out != NULL)
		return 0;
	int rc = errno ? -errno : -EIO;
	tr->host->log(tr->layer, VMMD_LOG_ERROR, "cannot write to %s: %s", file, strerror(-rc));
	return rc;
}

static void trace_configure(struct trace *tr)
{
	const struct vmmd_host *host = tr->host;
	const struct vmmd_value *label = host->option(tr->layer, "label");

	tr->json = host->option(tr->layer, "format")->num == 1;
	tr->split = host->option(tr->layer, "split")->num;
	tr->times = (enum trace_times)host->option(tr->layer, "times")->num;
	tr->blocked = host->option(tr->layer, "blocked")->num;
	tr->label = label->given && label->text[0] != '\0' ? label->text : NULL;
	tr->decode = (struct decode){
		.host = host,
		.strings = (size_t)host->option(tr->layer, "strings")->num,
		.json = tr->json,
		.bytes = tr->bytes,
	};
	if (tr->times == TIMES_RELATIVE)
		now(tr, &tr->start);
}

static int trace_open(const struct vmmd_host *host, struct vmmd_layer *layer, void **self)
{
	struct trace *tr = calloc(1, sizeof(*tr));

	if (tr == NULL) {
		host->log(layer, VMMD_LOG_ERROR, "out of memory");
		return -ENOMEM;
	}
	tr->host = host;
	tr->layer = layer;
	trace_configure(tr);
	int rc = trace_select(tr);
	if (rc == 0)
		rc = trace_output(tr);
	if (rc != 0) {
		free(tr);
		return rc;
	}
	*self = tr;
	return 0;
}

/* The output and the timer are the host's and end with the layer. */
static void trace_close(void *self)
{
	free(self);
}

static const struct vmmd_plugin trace_plugin = {
	.magic = VMMD_PLUGIN_MAGIC,
	.abi_major = VMMD_ABI_MAJOR,
	.abi_minor = VMMD_ABI_MINOR,
	.size = sizeof(struct vmmd_plugin),
	.name = "trace",
	.version = VMMD_VERSION,
	.summary = "a readable line, or a JSON object, for each event at its place in the stack",
	.options = trace_options,
	.open = trace_open,
	.close = trace_close,
	.entry = trace_entry,
	.exit = trace_exit,
	.signal = trace_signal,
	.exec = trace_exec,
	.task_new = trace_task_new,
	.task_exit = trace_task_exit,
	.task_free = trace_task_free,
};

__attribute__((visibility("default"))) const struct vmmd_plugin *vmmd_plugin(void)
{
	return &trace_plugin;
}
