/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_host.h - what t_trace_decode.c runs the trace layer on: a host that is
 * made up here, one layer, and tasks that are this process. The sources of the
 * layer are included, so that they are tested without a daemon around them. To
 * be included once.
 */
#ifndef TESTS_TRACE_HOST_H
#define TESTS_TRACE_HOST_H

#include "tests/unit/unit.h"
#include "vmmd/sysent.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

/* The layer's entry point must not be taken for that of a plugin under test elsewhere. */
#define vmmd_plugin(unused) trace_plugin_table(unused)
const struct vmmd_plugin *trace_plugin_table(void);
#include "vmmd/plugins/trace/text.c"

#include "vmmd/plugins/trace/names.c"

#include "vmmd/plugins/trace/decode.c"

#include "vmmd/plugins/trace/trace.c"
#undef vmmd_plugin

/* ---------------------------------------------------------------- mock host */

#define OPTIONS_MAX 16

struct vmmd_req {
	const struct vmmd_call *call;
	int64_t result;
	siginfo_t info;
	struct vmmd_task_info task;
	void *data;
};

struct vmmd_out {
	char text[256 * 1024];
	size_t len;
};

struct vmmd_layer {
	struct vmmd_value values[OPTIONS_MAX];
	struct vmmd_set set;
	struct vmmd_out out;
	const char *path; /* that of out_open() */
	uint32_t events, flags;
	bool advisory;
	uint64_t lost;
	void (*timer)(void *);
	void *timer_arg;
	bool refuse_output;
};

static const struct vmmd_value *mock_option(struct vmmd_layer *layer, const char *name)
{
	for (int i = 0; trace_options[i].name != NULL; i++)
		if (strcmp(trace_options[i].name, name) == 0)
			return &layer->values[i];
	abort();
}

static int mock_advisory(struct vmmd_layer *layer)
{
	layer->advisory = true;
	return 0;
}

static int mock_want_set(struct vmmd_layer *layer, const struct vmmd_set *set, uint32_t flags)
{
	CU_ASSERT_PTR_EQUAL(set, &layer->set);
	layer->flags = flags;
	return 0;
}

static int mock_want_events(struct vmmd_layer *layer, uint32_t events)
{
	layer->events = events;
	return 0;
}

static const struct vmmd_call *mock_call(const struct vmmd_req *req)
{
	return req->call;
}

static int64_t mock_result(const struct vmmd_req *req)
{
	return req->result;
}

static const siginfo_t *mock_siginfo(const struct vmmd_req *req)
{
	return &req->info;
}

static const struct vmmd_task_info *mock_task(const struct vmmd_req *req)
{
	return &req->task;
}

static ssize_t mock_read(struct vmmd_req *req, uint64_t addr, void *buf, size_t len)
{
	struct iovec local = { buf, len }, remote = { (void *)(uintptr_t)addr, len };
	ssize_t n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

	CU_ASSERT_PTR_NOT_NULL(req);
	return n < 0 ? -EFAULT : n;
}

static ssize_t mock_read_str(struct vmmd_req *req, uint64_t addr, char *buf, size_t cap)
{
	for (size_t i = 0; i < cap; i++) {
		if (mock_read(req, addr + i, buf + i, 1) != 1)
			return -EFAULT;
		if (buf[i] == '\0')
			return (ssize_t)i;
	}
	return -ENAMETOOLONG;
}

static void *mock_task_data(const struct vmmd_req *req)
{
	return req->data;
}

static void mock_set_task_data(struct vmmd_req *req, void *data)
{
	req->data = data;
}

static struct vmmd_timer *mock_timer_start(struct vmmd_layer *layer, int64_t ms, bool repeat,
					   void (*fn)(void *), void *arg)
{
	CU_ASSERT_EQUAL(ms, 1000);
	CU_ASSERT_FALSE(repeat);
	CU_ASSERT_PTR_NULL(layer->timer);
	layer->timer = fn;
	layer->timer_arg = arg;
	return (struct vmmd_timer *)layer;
}

__attribute__((format(printf, 3, 4))) static void
mock_log(struct vmmd_layer *layer, enum vmmd_log_level level, const char *fmt, ...)
{
	CU_ASSERT_TRUE(layer->refuse_output);
	CU_ASSERT_EQUAL(level, VMMD_LOG_ERROR);
	CU_ASSERT_PTR_NOT_NULL(fmt);
}

static uint64_t *mock_counter(struct vmmd_layer *layer, const char *name)
{
	CU_ASSERT_STRING_EQUAL(name, "lost");
	return &layer->lost;
}

static struct vmmd_out *mock_out_open(struct vmmd_layer *layer, const char *path)
{
	layer->path = path;
	errno = EACCES;
	return layer->refuse_output ? NULL : &layer->out;
}

static void mock_out_write(struct vmmd_out *out, const void *buf, size_t len)
{
	CU_ASSERT_FATAL(out->len + len < sizeof(out->text));
	memcpy(out->text + out->len, buf, len);
	out->len += len;
	out->text[out->len] = '\0';
}

static const struct vmmd_host host = {
	.size = sizeof(host),
	.option = mock_option,
	.want_set = mock_want_set,
	.want_events = mock_want_events,
	.call = mock_call,
	.result = mock_result,
	.siginfo = mock_siginfo,
	.task = mock_task,
	.read = mock_read,
	.read_str = mock_read_str,
	.task_data = mock_task_data,
	.set_task_data = mock_set_task_data,
	.timer_start = mock_timer_start,
	.log = mock_log,
	.counter = mock_counter,
	.out_open = mock_out_open,
	.out_write = mock_out_write,
	.syscall = sysent,
	.syscall_nr = sysent_nr,
	.advisory = mock_advisory,
};

/* ------------------------------------------------------------ layer and task */

#define P(x) ((uint64_t)(uintptr_t)(x))

static struct vmmd_layer layer;
static const struct vmmd_plugin *plugin;
static void *self;

static struct vmmd_value *value_of(const char *name)
{
	return (struct vmmd_value *)mock_option(&layer, name);
}

/* The defaults, as the daemon would have read them from the schema. */
static void defaults(void)
{
	memset(&layer, 0, sizeof(layer));
	*value_of("syscalls") = (struct vmmd_value){ .given = true, .set = &layer.set };
	*value_of("signals") = (struct vmmd_value){ .given = true, .num = 1 };
	*value_of("lifecycle") = (struct vmmd_value){ .given = true, .num = 1 };
	*value_of("file") = (struct vmmd_value){ .given = true, .text = "-" };
	*value_of("strings") = (struct vmmd_value){ .given = true, .num = 32 };
	*value_of("blocked") = (struct vmmd_value){ .given = true, .num = 1000 };
}

static void open_layer(void)
{
	plugin = trace_plugin_table();
	CU_ASSERT_EQUAL_FATAL(plugin->open(&host, &layer, &self), 0);
	CU_ASSERT_EQUAL(layer.flags, VMMD_WANT_ENTRY | VMMD_WANT_EXIT);
	CU_ASSERT_TRUE(layer.advisory);
}

static void start(void)
{
	defaults();
	open_layer();
}

static void stop(struct vmmd_req *a, struct vmmd_req *b)
{
	if (a->data != NULL)
		plugin->task_free(self, a->data);
	if (b != NULL && b->data != NULL)
		plugin->task_free(self, b->data);
	plugin->close(self);
	CU_ASSERT_EQUAL(layer.lost, 0);
}

static struct vmmd_req task_of(pid_t tid)
{
	return (struct vmmd_req){ .task = { .tid = tid, .tgid = tid } };
}

static void enter(struct vmmd_req *req, const struct vmmd_call *call)
{
	req->call = call;
	CU_ASSERT_EQUAL(plugin->entry(self, req), VMMD_PASS);
}

static void leave(struct vmmd_req *req, int64_t result)
{
	req->result = result;
	CU_ASSERT_EQUAL(plugin->exit(self, req), VMMD_PASS);
}

/* What has been written since the last time. */
static void expect(const char *text)
{
	if (strcmp(layer.out.text, text) != 0)
		printf("expected: %s\ngot:      %s\n", text, layer.out.text);
	CU_ASSERT_STRING_EQUAL(layer.out.text, text);
	layer.out.len = 0;
	layer.out.text[0] = '\0';
}

#define CALL(nr_, ...) (&(const struct vmmd_call){ .nr = nr_, .args = { __VA_ARGS__ } })

/* One call of task 7 that nothing interrupts, as text. */
static void one(const struct vmmd_call *call, int64_t result, const char *text)
{
	struct vmmd_req req = task_of(7);
	char line[1024];

	enter(&req, call);
	leave(&req, result);
	snprintf(line, sizeof(line), "[7] %s\n", text);
	expect(line);
	plugin->task_free(self, req.data);
}

/* An address with no memory behind it. */
static void *hole(void)
{
	void *p = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CU_ASSERT_FATAL(p != MAP_FAILED);
	return p;
}

#endif
