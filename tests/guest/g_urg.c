/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * g_urg.c - threads that are sprayed with SIGURG as Go's runtime does to preempt
 * them: a handler with SA_RESTART on an alternate stack, a signal for each thread
 * about every millisecond. No call that a signal does not end natively may end by
 * one, none is done twice, and all threads get on.
 */
#include "guest.h"

#define WORKERS 4
#define ROUNDS 400

struct worker {
	pthread_t thread;
	pid_t tid;
	int pipe[2];
	char file[40];
	long rounds, interrupted, wrong;
};

static struct worker workers[WORKERS];
static volatile bool over;
static volatile long taken;

static void on_urg(int sig)
{
	(void)sig;
	__atomic_add_fetch(&taken, 1, __ATOMIC_RELAXED);
}

/* EINTR counts apart from other surprises. */
static void expect(struct worker *w, long got, long want)
{
	if (got < 0 && errno == EINTR)
		w->interrupted++;
	else if (got != want)
		w->wrong++;
}

static void round_of(struct worker *w, long i)
{
	struct stat st;
	char byte = (char)i, back = 0;
	int fd = open(w->file, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd < 0) {
		expect(w, fd, 0);
		return;
	}
	expect(w, write(fd, &byte, 1), 1); /* once: the length tells */
	expect(w, fstat(fd, &st), 0);
	if (st.st_size != i + 1)
		w->wrong++;
	expect(w, close(fd), 0);
	expect(w, write(w->pipe[1], &byte, 1), 1);
	expect(w, read(w->pipe[0], &back, 1), 1);
	if (back != byte)
		w->wrong++;
	expect(w, stat("/", &st), 0);
	expect(w, syscall(SYS_getppid), getppid());
}

/* Every tenth round has a child, which is waited for through the signals. */
static void child_of(struct worker *w)
{
	pid_t pid = (pid_t)syscall(SYS_fork);
	int status = -1;

	if (pid == 0)
		syscall(SYS_exit_group, 7);
	expect(w, waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 7)
		w->wrong++;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	stack_t stack = {.ss_sp = malloc(SIGSTKSZ), .ss_size = (size_t)SIGSTKSZ};

	sigaltstack(&stack, NULL);
	__atomic_store_n(&w->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	while (w->rounds < ROUNDS) {
		round_of(w, w->rounds);
		if (++w->rounds % 10 == 0)
			child_of(w);
	}
	return NULL;
}

static void *spray(void *arg)
{
	sigset_t urg;

	(void)arg;
	sigemptyset(&urg);
	sigaddset(&urg, SIGURG);
	pthread_sigmask(SIG_BLOCK, &urg, NULL);
	while (!over) {
		for (int i = 0; i < WORKERS; i++) {
			pid_t tid = __atomic_load_n(&workers[i].tid, __ATOMIC_SEQ_CST);

			if (tid && !over)
				syscall(SYS_tgkill, getpid(), tid, SIGURG);
		}
		usleep(1000);
	}
	return NULL;
}

int main(void)
{
	struct sigaction sa = {.sa_handler = on_urg, .sa_flags = SA_RESTART | SA_ONSTACK};
	long interrupted = 0, wrong = 0, rounds = 0;
	pthread_t sprayer;

	sigaction(SIGURG, &sa, NULL);
	for (int i = 0; i < WORKERS; i++) {
		struct worker *w = &workers[i];

		snprintf(w->file, sizeof(w->file), "/tmp/g_urg.%d.%d", (int)getpid(), i);
		close(open(w->file, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));
		CHECK(pipe(w->pipe) == 0);
		CHECK(pthread_create(&w->thread, NULL, work, w) == 0);
	}
	CHECK(pthread_create(&sprayer, NULL, spray, NULL) == 0);
	for (int i = 0; i < WORKERS; i++) {
		CHECK(pthread_join(workers[i].thread, NULL) == 0);
		interrupted += workers[i].interrupted;
		wrong += workers[i].wrong;
		rounds += workers[i].rounds;
		unlink(workers[i].file);
	}
	over = true;
	CHECK(pthread_join(sprayer, NULL) == 0);
	say("rounds %ld", rounds);
	say("interrupted %ld", interrupted);
	say("wrong %ld", wrong);
	say("signals %s", taken > 20 ? "many" : "few");
	return guest_end();
}
