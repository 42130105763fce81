// SPDX-License-Identifier: GPL-2.0-or-later
/* filter.c - the selection as one classic BPF program, made by libseccomp. */
#include <errno.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmmd/engine/filter.h"
#include "vmmd/engine/own.h"

static const struct engine_own *bypass_of(const struct filter_plan *plan, int64_t nr)
{
	return own_bypass(plan->traced, plan->performs, nr);
}

int filter_bypass(const struct filter_plan *plan, int64_t nr, const uint64_t args[6])
{
	const struct engine_own *b = bypass_of(plan, nr);

	return b && (!b->mask || (args[b->arg] & b->mask)) ? b->error : 0;
}

/* libseccomp wants every rule of one call to be about other arguments, so the bits are told apart. */
static int add_bypass(scmp_filter_ctx ctx, const struct engine_own *b, uint32_t other, bool other_is_default)
{
	uint32_t refuse = SCMP_ACT_ERRNO((uint32_t)b->error);
	int rc;

	if (!b->mask)
		return seccomp_rule_add(ctx, refuse, (int)b->nr, 0);
	for (uint64_t bit = 1; bit; bit <<= 1) {
		if (!(b->mask & bit))
			continue;
		rc = seccomp_rule_add(ctx, refuse, (int)b->nr, 1,
				      SCMP_CMP64(b->arg, SCMP_CMP_MASKED_EQ, bit, bit));
		if (rc < 0)
			return rc;
	}
	if (other_is_default)
		return 0;
	return seccomp_rule_add(ctx, other, (int)b->nr, 1, SCMP_CMP64(b->arg, SCMP_CMP_MASKED_EQ, b->mask, 0));
}

enum engine_how filter_how(const struct filter_plan *plan, int64_t nr)
{
	const struct engine_select *s = plan->select;
	enum engine_how how;

	if (nr < 0 || nr >= ENGINE_NR_MAX)
		return plan->how(s->want_other);
	if (s->refuse[nr])
		return ENGINE_HOW_ERRNO;
	if (nr == __NR_clone3 && plan->traced)
		return ENGINE_HOW_TRACE;
	how = plan->how(s->want[nr]);
	/* An engine that traces has tasks make it for scratch memory, and hears nothing else until they have. */
	if (nr == __NR_mmap && plan->traced && how == ENGINE_HOW_NOTIFY)
		return ENGINE_HOW_TRACE;
	return how == ENGINE_HOW_ALLOW && plan->notifies && own_stop(plan->notifies, nr) ? ENGINE_HOW_NOTIFY : how;
}

static uint32_t action_of(const struct filter_plan *plan, int64_t nr)
{
	switch (filter_how(plan, nr)) {
	case ENGINE_HOW_ERRNO: /* only numbers that are selected one by one */
		return SCMP_ACT_ERRNO(plan->select->refuse[nr & (ENGINE_NR_MAX - 1)]);
	case ENGINE_HOW_NOTIFY:
		return SCMP_ACT_NOTIFY;
	case ENGINE_HOW_TRACE:
		return plan->trace;
	default:
		return SCMP_ACT_ALLOW;
	}
}

static int add_rules(scmp_filter_ctx ctx, const struct filter_plan *plan)
{
	uint32_t rest = action_of(plan, -1);
	int rc = 0;

	for (int nr = 0; nr < ENGINE_NR_MAX && rc == 0; nr++) {
		const struct engine_own *b = bypass_of(plan, nr);
		uint32_t act = action_of(plan, nr);

		if (b)
			rc = add_bypass(ctx, b, act, act == rest);
		else if (act != rest)
			rc = seccomp_rule_add(ctx, act, nr, 0);
	}
	return rc;
}

static int export(scmp_filter_ctx ctx, struct filter *f)
{
	int fd = memfd_create("vmmd-filter", MFD_CLOEXEC);
	struct stat st;
	int rc;

	if (fd < 0)
		return -errno;
	rc = seccomp_export_bpf(ctx, fd);
	if (rc == 0 && fstat(fd, &st) < 0)
		rc = -errno;
	if (rc == 0) {
		f->prog = malloc((size_t)st.st_size);
		f->count = (size_t)st.st_size / sizeof(struct sock_filter);
		if (!f->prog)
			rc = -ENOMEM;
		else if (pread(fd, f->prog, (size_t)st.st_size, 0) != st.st_size)
			rc = -EIO;
	}
	close(fd);
	if (rc < 0)
		filter_free(f);
	return rc;
}

int filter_build(struct filter *f, const struct filter_plan *plan)
{
	scmp_filter_ctx ctx = seccomp_init(action_of(plan, -1));
	int rc;

	f->prog = NULL;
	f->count = 0;
	if (!ctx)
		return -ENOMEM;
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
			      plan->foreign == ENGINE_FOREIGN_NATIVE ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(ENOSYS));
	if (rc == 0)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree: many calls may have rules */
	if (rc == 0)
		rc = add_rules(ctx, plan);
	if (rc == 0)
		rc = export(ctx, f);
	seccomp_release(ctx);
	return rc;
}

void filter_free(struct filter *f)
{
	free(f->prog);
	f->prog = NULL;
	f->count = 0;
}
