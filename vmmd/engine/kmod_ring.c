// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kmod_ring.c - from the ring to the answer, and waiting for the next request.
 *
 * An answer to a task that sleeps needs a system call, and so does sleeping: the
 * first is put off and both are made as one. So a stop takes one call.
 *
 * It takes none while both sides wait actively, the task for the answer and we for
 * the next request; that needs another CPU, and requests that come one after
 * another. When sleeping, they are on one CPU, for that is the cheaper way to
 * sleep; so it is tried now and then whether it pays off to part, the more seldom the
 * longer it does not, and for a share of the time only. Then it goes on while four of
 * five requests come in time.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "vmmd/engine/kmod_impl.h"

#define SPIN_NS (KM_SPIN_US * 1000)
#define TRIAL_MAX_NS 1000000 /* the other CPU may have to wake up */
#define TRIAL_SHARE 32	     /* of the time since the last trial */
#define LOOKS 64		/* at the ring, for one at the clock */

#define HIT 1
#define MISS (-4)
#define SPINS_MAX 16
#define SLEEPS_MIN 64
#define SLEEPS_MAX 4096

static bool posted(const struct km_engine *e)
{
	return __atomic_load_n(&e->header->head, __ATOMIC_ACQUIRE) != e->header->tail;
}

bool km_take(struct km_engine *e, uint64_t *token)
{
	uint32_t tail = e->header->tail;

	if (!posted(e))
		return false;
	*token = e->ring[tail & e->ring_mask];
	__atomic_store_n(&e->header->tail, tail + 1, __ATOMIC_RELEASE);
	return true;
}

/* Tell the module now what was put off. */
void km_ring_bell(struct km_engine *e)
{
	if (!e->ringing)
		return;
	e->ringing = false;
	ioctl(e->fd, VMMD_IOC_DONE, e->bell);
}

/* The slot's answer is complete. */
void km_answer(struct km_engine *e, struct vmmd_kmod_slot *s, uint64_t token)
{
	if (__atomic_exchange_n(&s->state, VMMD_KMOD_DONE, __ATOMIC_ACQ_REL) != VMMD_KMOD_SLEEPING)
		return;
	km_ring_bell(e);
	e->bell = token;
	e->ringing = true;
}

/* The engine's own answer. */
void km_answer_with(struct km_engine *e, struct vmmd_kmod_slot *s, uint64_t token, uint32_t action)
{
	memset(&s->answer, 0, sizeof(s->answer));
	s->answer.action = action;
	km_answer(e, s, token);
}

/* ----------------------------------------------------------------------- waiting */

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static bool spin(const struct km_engine *e, int64_t ns)
{
	int64_t now, end = 0; /* most often the clock is not needed */

	do {
		for (int i = 0; i < LOOKS; i++) {
			if (posted(e))
				return true;
			__builtin_ia32_pause();
		}
		now = now_ns();
		if (!end)
			end = now + ns;
	} while (now < end);
	return false;
}

static void sleep_longer(struct km_engine *e)
{
	if (e->sleeps_max < SLEEPS_MAX)
		e->sleeps_max *= 2;
	e->sleeps = e->sleeps_max;
}

/* How long to look this time; 0: not at all. */
static int64_t spin_ns(struct km_engine *e)
{
	int64_t now, since;

	if (e->spins > 0)
		return SPIN_NS;
	if (!e->sleeps || --e->sleeps)
		return 0;
	now = now_ns();
	since = (now - e->tried) / TRIAL_SHARE;
	e->tried = now;
	return since < TRIAL_MAX_NS ? since : TRIAL_MAX_NS;
}

/* Has it come without sleeping? */
static bool wait_actively(struct km_engine *e)
{
	int64_t ns = spin_ns(e);

	if (!ns)
		return false;
	km_ring_bell(e); /* its task is what we wait for */
	if (spin(e, ns)) {
		e->sleeps_max = SLEEPS_MIN;
		e->spins = e->spins <= 0 ? -MISS : e->spins < SPINS_MAX ? e->spins + HIT : SPINS_MAX;
		return true;
	}
	e->spins += e->spins > 0 ? MISS : 0;
	if (e->spins <= 0)
		sleep_longer(e);
	return false;
}

void km_wait_init(struct km_engine *e)
{
	e->spins = 0;
	e->sleeps_max = SLEEPS_MIN;
	e->sleeps = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? SLEEPS_MIN : 0;
	e->tried = now_ns();
}

/* Until there is something: 0, or -EINTR. */
int km_wait(struct km_engine *e)
{
	int rc;

	if (wait_actively(e))
		return 0;
	rc = e->ringing ? ioctl(e->fd, VMMD_IOC_DONE_WAIT, e->bell) : ioctl(e->fd, VMMD_IOC_WAIT);
	if (rc < 0)
		rc = -errno;
	e->ringing = false;
	return rc;
}
