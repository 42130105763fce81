/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_trace_decode.c - the trace layer: what it writes about calls and events.
 *
 * The "task" is this process: addresses are our own. trace_host.h is the host.
 */
#include "tests/unit/trace_host.h"

/* ------------------------------------------------------------------- decoding */

static void test_open(void)
{
	start();
	one(CALL(SYS_openat, (uint32_t)AT_FDCWD, P("/etc/passwd"), O_RDONLY | O_CLOEXEC, 0666), 3,
	    "openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY|O_CLOEXEC) = 3");
	one(CALL(SYS_openat, 5, P("x"), O_WRONLY | O_CREAT | O_TRUNC, 0644), -ENOENT,
	    "openat(5, \"x\", O_WRONLY|O_CREAT|O_TRUNC, 0644) = -1 ENOENT (No such file or directory)");
	one(CALL(SYS_open, P("/tmp"), O_RDWR | O_TMPFILE, 0), 4,
	    "open(\"/tmp\", O_RDWR|O_TMPFILE, 0000) = 4");
	one(CALL(SYS_creat, P("a b"), 0600), 3, "creat(\"a b\", 0600) = 3");
	one(CALL(SYS_pipe2, 0, O_CLOEXEC), -EFAULT,
	    "pipe2(NULL, O_CLOEXEC) = -1 EFAULT (Bad address)");
	stop(&(struct vmmd_req){ 0 }, NULL);
}

static void test_numbers(void)
{
	start();
	one(CALL(512, 1, 2), -ENOSYS,
	    "syscall(512, 0x1, 0x2, 0, 0, 0, 0) = -1 ENOSYS (Function not implemented)");
	one(CALL(-1), -ENOSYS,
	    "syscall(-1, 0, 0, 0, 0, 0, 0) = -1 ENOSYS (Function not implemented)");
	one(CALL(INT64_MIN), -4000, "syscall(-9223372036854775808, 0, 0, 0, 0, 0, 0) = -1 (errno 4000)");
	one(CALL(SYS_getpid), 12, "getpid() = 12");
	one(CALL(SYS_umask, 022), 02, "umask(0022) = 0002");
	one(CALL(SYS_lseek, 3, (uint64_t)-5, SEEK_CUR), 1L << 40,
	    "lseek(3, -5, SEEK_CUR) = 1099511627776");
	one(CALL(SYS_fchown, 3, 0xffffffff, 1000), 0, "fchown(3, -1, 1000) = 0");
	one(CALL(SYS_nanosleep, 0, 0), -512, "nanosleep(NULL, NULL) = ? ERESTARTSYS");
	one(CALL(SYS_nanosleep, 0, 0), -516, "nanosleep(NULL, NULL) = ? ERESTART_RESTARTBLOCK");
	one(CALL(SYS_brk, 0), 0x5555000, "brk(NULL) = 0x5555000");
	stop(&(struct vmmd_req){ 0 }, NULL);
}

static void test_flags(void)
{
	start();
	one(CALL(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		 0xffffffff, 0),
	    0x7f0000001000,
	    "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000001000");
	one(CALL(SYS_unlinkat, 3, P("d"), AT_REMOVEDIR), 0, "unlinkat(3, \"d\", AT_REMOVEDIR) = 0");
	one(CALL(SYS_faccessat2, 3, P("d"), R_OK | X_OK, 0x300), 0,
	    "faccessat2(3, \"d\", R_OK|X_OK, AT_EACCESS|AT_SYMLINK_NOFOLLOW) = 0");
	one(CALL(SYS_access, P("d"), 0), 0, "access(\"d\", F_OK) = 0");
	one(CALL(SYS_newfstatat, 3, P(""), 0, 0x1000), 0, "newfstatat(3, \"\", NULL, AT_EMPTY_PATH) = 0");
	one(CALL(SYS_clone, 0x1200011, 0, 0, 0, 0), 99,
	    "clone(CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, NULL, NULL, NULL, 0) = 99");
	one(CALL(SYS_clone, SIGCHLD), 99, "clone(SIGCHLD, NULL, NULL, NULL, 0) = 99");
	one(CALL(SYS_clone, 0), 99, "clone(0, NULL, NULL, NULL, 0) = 99");
	one(CALL(SYS_unshare, 0x20000080), -EPERM,
	    "unshare(CLONE_NEWPID|CLONE_NEWTIME) = -1 EPERM (Operation not permitted)");
	one(CALL(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 6), 3,
	    "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, 6) = 3");
	one(CALL(SYS_accept4, 3, 0, 0, SOCK_NONBLOCK), 4, "accept4(3, NULL, NULL, SOCK_NONBLOCK) = 4");
	one(CALL(SYS_futex, 0x10, 0x81, 1, 2, 3, 4), 0, "futex(0x10, FUTEX_WAKE_PRIVATE, 1) = 0");
	one(CALL(SYS_fcntl, 3, F_SETFD, FD_CLOEXEC), 0, "fcntl(3, F_SETFD, FD_CLOEXEC) = 0");
	one(CALL(SYS_fcntl, 3, F_SETFL, O_RDWR | O_NONBLOCK), 0,
	    "fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0");
	one(CALL(SYS_fcntl, 3, F_GETFL, 77), 2, "fcntl(3, F_GETFL) = 2");
	one(CALL(SYS_ioctl, 0, 0x5413, 0x10), 0, "ioctl(0, TIOCGWINSZ, 0x10) = 0");
	one(CALL(SYS_ioctl, 0, 0xdeadbeef, 0), 0, "ioctl(0, 0xdeadbeef, 0) = 0");
	one(CALL(SYS_kill, (uint64_t)-7, SIGTERM), 0, "kill(-7, SIGTERM) = 0");
	one(CALL(SYS_tgkill, 7, 7, 34), 0, "tgkill(7, 7, SIGRT_2) = 0");
	one(CALL(SYS_kill, 7, 0), 0, "kill(7, 0) = 0");
	one(CALL(SYS_prctl, PR_SET_NAME, P("me"), 9, 9, 9), 0, "prctl(PR_SET_NAME, \"me\") = 0");
	one(CALL(SYS_clock_gettime, 1, 0), 0, "clock_gettime(CLOCK_MONOTONIC, NULL) = 0");
	one(CALL(SYS_madvise, 0, 0, 999), 0, "madvise(NULL, 0, 999) = 0");
	stop(&(struct vmmd_req){ 0 }, NULL);
}

static void test_strings(void)
{
	static const char odd[] = "a\n\t\"\\\1" "2\0\377";
	char path[4200], line[4300], *nowhere = hole();

	start();
	one(CALL(SYS_write, 1, P(odd), sizeof(odd) - 1), 9,
	    "write(1, \"a\\n\\t\\\"\\\\\\0012\\0\\377\", 9) = 9");
	one(CALL(SYS_write, 1, P("0123456789012345678901234567890123456789"), 40), 40,
	    "write(1, \"01234567890123456789012345678901\"..., 40) = 40");
	one(CALL(SYS_write, 1, P(""), 0), 0, "write(1, \"\", 0) = 0");
	one(CALL(SYS_write, 1, 0, 5), -EFAULT, "write(1, NULL, 5) = -1 EFAULT (Bad address)");
	snprintf(line, sizeof(line), "chdir(%p) = -1 EFAULT (Bad address)", (void *)nowhere);
	one(CALL(SYS_chdir, P(nowhere)), -EFAULT, line);
	snprintf(line, sizeof(line), "write(1, %p, 5) = -1 EFAULT (Bad address)", (void *)nowhere);
	one(CALL(SYS_write, 1, P(nowhere), 5), -EFAULT, line);
	one(CALL(SYS_memfd_create, P("01234567890123456789012345678901X"), 0), 3,
	    "memfd_create(\"01234567890123456789012345678901\"..., 0) = 3");

	/* A path is shown whole up to what the kernel takes. */
	struct vmmd_req req = task_of(7);
	memset(path, 'p', sizeof(path));
	path[4095] = '\0';
	enter(&req, CALL(SYS_chdir, P(path)));
	leave(&req, 0);
	snprintf(line, sizeof(line), "[7] chdir(\"%s\") = 0\n", path);
	expect(line);
	path[4095] = 'p';
	path[4199] = '\0';
	enter(&req, CALL(SYS_chdir, P(path)));
	leave(&req, -ENAMETOOLONG);
	path[4096] = '\0';
	snprintf(line, sizeof(line), "[7] chdir(\"%s\"...) = -1 ENAMETOOLONG (File name too long)\n", path);
	expect(line);
	stop(&req, NULL);
	munmap(nowhere, 4096);
}

static void test_filled(void)
{
	char buf[64] = "", line[200];

	start();
	strcpy(buf, "hello");
	one(CALL(SYS_read, 0, P(buf), 64), 5, "read(0, \"hello\", 64) = 5");
	one(CALL(SYS_read, 0, P(buf), 64), 0, "read(0, \"\", 64) = 0");
	snprintf(line, sizeof(line), "read(0, %p, 64) = -1 EINTR (Interrupted system call)",
		 (void *)buf);
	one(CALL(SYS_read, 0, P(buf), 64), -EINTR, line);
	one(CALL(SYS_readlink, P("l"), P(buf), 64), 5, "readlink(\"l\", \"hello\", 64) = 5");
	one(CALL(SYS_getcwd, P(buf), 64), 6, "getcwd(\"hello\", 64) = 6");
	/* MSG_TRUNC counts what did not fit. */
	one(CALL(SYS_recvfrom, 3, P(buf), 2, MSG_TRUNC, 0, 0), 5000,
	    "recvfrom(3, \"he\", 2, MSG_TRUNC, NULL, NULL) = 5000");
	/* getxattr asks for the size. */
	snprintf(line, sizeof(line), "getxattr(\"f\", \"user.x\", %p, 0) = 10", (void *)buf);
	one(CALL(SYS_getxattr, P("f"), P("user.x"), P(buf), 0), 10, line);
	stop(&(struct vmmd_req){ 0 }, NULL);
}

static void test_wait(void)
{
	int status = 3 << 8;

	start();
	one(CALL(SYS_wait4, (uint64_t)-1, P(&status), WNOHANG, 0), 9,
	    "wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 3}], WNOHANG, NULL) = 9");
	status = SIGSEGV | 0x80;
	one(CALL(SYS_wait4, (uint64_t)-1, P(&status), 0, 0), 9,
	    "wait4(-1, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}], 0, NULL) = 9");
	status = SIGTSTP << 8 | 0x7f;
	one(CALL(SYS_wait4, (uint64_t)-1, P(&status), WUNTRACED, 0), 9,
	    "wait4(-1, [{WIFSTOPPED(s) && WSTOPSIG(s) == SIGTSTP}], WUNTRACED, NULL) = 9");
	one(CALL(SYS_wait4, (uint64_t)-1, 0, 0, 0), 9, "wait4(-1, NULL, 0, NULL) = 9");
	stop(&(struct vmmd_req){ 0 }, NULL);
}

static void test_sockaddr(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/tmp/s" };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(80),
				  .sin_addr.s_addr = htonl(0x7f000001) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(443),
				    .sin6_addr = IN6ADDR_LOOPBACK_INIT, .sin6_scope_id = 2 };
	char line[200];

	start();
	one(CALL(SYS_connect, 3, P(&un), sizeof(un)), 0,
	    "connect(3, {sa_family=AF_UNIX, sun_path=\"/tmp/s\"}, 110) = 0");
	one(CALL(SYS_bind, 3, P(&un), 2), 0, "bind(3, {sa_family=AF_UNIX}, 2) = 0");
	memcpy(un.sun_path, "\0ab\n", 4);
	one(CALL(SYS_bind, 3, P(&un), 6), 0, "bind(3, {sa_family=AF_UNIX, sun_path=@\"ab\\n\"}, 6) = 0");
	one(CALL(SYS_connect, 3, P(&in), sizeof(in)), 0,
	    "connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=\"127.0.0.1\"}, 16) = 0");
	one(CALL(SYS_connect, 3, P(&in), 8), -EINVAL,
	    "connect(3, {sa_family=AF_INET, /* 6 bytes */}, 8) = -1 EINVAL (Invalid argument)");
	one(CALL(SYS_connect, 3, P(&in6), sizeof(in6)), 0,
	    "connect(3, {sa_family=AF_INET6, sin6_port=htons(443), sin6_addr=\"::1\", sin6_scope_id=2}, 28) = 0");
	one(CALL(SYS_sendto, 3, P("hi"), 2, MSG_NOSIGNAL, P(&in), 16), 2,
	    "sendto(3, \"hi\", 2, MSG_NOSIGNAL, {sa_family=AF_INET, sin_port=htons(80), sin_addr=\"127.0.0.1\"}, 16) = 2");
	one(CALL(SYS_sendto, 3, P("hi"), 2, 0, 0, 0), 2, "sendto(3, \"hi\", 2, 0, NULL, 0) = 2");
	snprintf(line, sizeof(line), "bind(3, %p, 1) = -1 EINVAL (Invalid argument)", (void *)&un);
	one(CALL(SYS_bind, 3, P(&un), 1), -EINVAL, line);
	stop(&(struct vmmd_req){ 0 }, NULL);
}

static void test_vectors(void)
{
	char *argv[] = { (char *)"ls", (char *)"-l", NULL }, *env[] = { (char *)"A=1", NULL };
	char *many[41], line[1024];
	size_t n;

	start();
	snprintf(line, sizeof(line),
		 "execve(\"/bin/ls\", [\"ls\", \"-l\"], %p /* 1 var */) = -1 EACCES (Permission denied)",
		 (void *)env);
	one(CALL(SYS_execve, P("/bin/ls"), P(argv), P(env)), -EACCES, line);
	for (int i = 0; i < 40; i++)
		many[i] = (char *)"x";
	many[40] = NULL;
	n = (size_t)snprintf(line, sizeof(line), "execve(\"a\", [");
	for (int i = 0; i < 32; i++)
		n += (size_t)snprintf(line + n, sizeof(line) - n, "\"x\", ");
	snprintf(line + n, sizeof(line) - n, "...], %p /* 40 vars */) = 0", (void *)many);
	one(CALL(SYS_execve, P("a"), P(many), P(many)), 0, line);
	one(CALL(SYS_execve, P("a"), 0, 0x10), -EFAULT,
	    "execve(\"a\", NULL, 0x10) = -1 EFAULT (Bad address)");
	stop(&(struct vmmd_req){ 0 }, NULL);
}

/* --------------------------------------------------------------------- layer */

static void test_interleaved(void)
{
	struct vmmd_req a = task_of(1), b = task_of(2);
	char buf[8] = "ab";

	start();
	enter(&a, CALL(SYS_read, 0, P(buf), 8));
	expect("");
	enter(&b, CALL(SYS_close, 3));
	expect("[1] read(0,  <unfinished ...>\n");
	leave(&b, 0);
	expect("[2] close(3) = 0\n");
	enter(&b, CALL(SYS_close, 4));
	leave(&a, 2);
	expect("[2] close(4 <unfinished ...>\n[1] <... read resumed>\"ab\", 8) = 2\n");
	leave(&b, -EBADF);
	expect("[2] <... close resumed>) = -1 EBADF (Bad file descriptor)\n");
	stop(&a, &b);
	expect("");
}

static void test_signals(void)
{
	struct vmmd_req a = task_of(1);

	start();
	enter(&a, CALL(SYS_pause));
	leave(&a, -514);
	a.call = NULL;
	a.info = (siginfo_t){ .si_signo = SIGINT, .si_code = SI_USER };
	a.info.si_pid = 5;
	CU_ASSERT_EQUAL(plugin->signal(self, &a), VMMD_PASS);
	expect("[1] pause() = ? ERESTARTNOHAND\n"
	       "[1] --- SIGINT {si_code=SI_USER, si_pid=5, si_uid=0} ---\n");
	a.info = (siginfo_t){ .si_signo = SIGSEGV, .si_code = SEGV_MAPERR, .si_addr = (void *)16 };
	plugin->signal(self, &a);
	expect("[1] --- SIGSEGV {si_code=SEGV_MAPERR, si_addr=0x10} ---\n");
	a.info = (siginfo_t){ .si_signo = SIGCHLD, .si_code = CLD_KILLED };
	a.info.si_pid = 6;
	a.info.si_status = SIGKILL;
	plugin->signal(self, &a);
	expect("[1] --- SIGCHLD {si_code=CLD_KILLED, si_pid=6, si_uid=0, si_status=SIGKILL} ---\n");
	a.info = (siginfo_t){ .si_signo = SIGTERM, .si_code = 12345 };
	plugin->signal(self, &a);
	expect("[1] --- SIGTERM {si_code=12345} ---\n");
	stop(&a, NULL);
}

static void test_lifecycle(void)
{
	struct vmmd_req a = task_of(getpid()), b = task_of(2);
	char exe[512] = "", line[2048];
	int pid = getpid();

	CU_ASSERT_FATAL(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	start();
	CU_ASSERT_EQUAL(layer.events, VMMD_EVENT_SIGNAL | VMMD_EVENT_EXEC | VMMD_EVENT_TASK_NEW |
					      VMMD_EVENT_TASK_EXIT);
	plugin->task_new(self, &b);
	expect("[2] === task 2 ===\n");
	b.task.parent = 1;
	plugin->task_new(self, &b);
	expect("[2] === task 2 of 1 ===\n");

	/* The call comes first, then the new program; its exit is not shown twice. */
	enter(&a, CALL(SYS_execve, P("x"), 0, 0));
	a.call = NULL;
	a.task.former_tid = 77;
	CU_ASSERT_EQUAL(plugin->exec(self, &a), VMMD_PASS);
	a.call = CALL(SYS_execve, P("x"), 0, 0);
	leave(&a, 0);
	snprintf(line, sizeof(line),
		 "[%d] execve(\"x\", NULL, NULL) = 0\n[%d] === exec %s by 77 ===\n", pid, pid, exe);
	expect(line);
	enter(&a, CALL(SYS_execve, 0, 0, 0));
	leave(&a, -EFAULT);
	snprintf(line, sizeof(line), "[%d] execve(NULL, NULL, NULL) = -1 EFAULT (Bad address)\n", pid);
	expect(line);

	enter(&b, CALL(SYS_exit_group, 3));
	b.call = NULL;
	b.task.exit_status = 3 << 8;
	plugin->task_exit(self, &b);
	expect("[2] exit_group(3) = ?\n[2] +++ exited with 3 +++\n");
	b.task.exit_status = SIGSEGV | 0x80;
	plugin->task_exit(self, &b);
	expect("[2] +++ killed by SIGSEGV (core dumped) +++\n");
	stop(&a, &b);
	expect("");
}

/* Killed in a call: what the kernel would have filled in is not read any more. */
static void test_killed_in_call(void)
{
	struct vmmd_req a = task_of(1), b = task_of(2);

	start();
	enter(&a, CALL(SYS_read, 0, 0x1000, 8));
	enter(&b, CALL(SYS_read, 1, 0x1000, 8));
	a.call = b.call = NULL;
	a.task.exit_status = b.task.exit_status = SIGKILL;
	plugin->task_exit(self, &b);
	plugin->task_exit(self, &a);
	expect("[1] read(0,  <unfinished ...>\n"
	       "[2] read(1, 0x1000, 8) = ?\n[2] +++ killed by SIGKILL +++\n"
	       "[1] <... read resumed>0x1000, 8) = ?\n[1] +++ killed by SIGKILL +++\n");
	stop(&a, &b);
	expect("");
}

static void test_attach_and_detach_in_call(void)
{
	struct vmmd_req a = task_of(1), b = task_of(2);
	char buf[4] = "abc";

	start();
	a.call = CALL(SYS_read, 0, P(buf), 4);
	leave(&a, 3);
	expect("[1] <... read resumed>\"abc\", 4) = 3\n");
	b.call = NULL;
	leave(&b, 3);
	expect("");
	enter(&a, CALL(SYS_close, 3));
	enter(&b, CALL(SYS_exit_group, 0));
	expect("[1] close(3 <unfinished ...>\n");
	stop(&a, &b);
	expect("[2] exit_group(0) = ?\n");

	start();
	a = task_of(1);
	enter(&a, CALL(SYS_close, 3));
	stop(&a, NULL);
	expect("[1] close(3 <unfinished ...>\n");
}

static void test_blocked(void)
{
	struct vmmd_req a = task_of(1);

	start();
	enter(&a, CALL(SYS_close, 3));
	CU_ASSERT_PTR_NOT_NULL_FATAL(layer.timer);
	leave(&a, 0);
	enter(&a, CALL(SYS_close, 4));
	expect("[1] close(3) = 0\n");

	/* It is another call than the one the timer was started for: it gets its time, too. */
	void (*fire)(void *) = layer.timer;
	layer.timer = NULL;
	fire(layer.timer_arg);
	expect("");
	CU_ASSERT_PTR_NOT_NULL_FATAL(layer.timer);
	layer.timer = NULL;
	fire(layer.timer_arg);
	expect("[1] close(4 <unfinished ...>\n");
	CU_ASSERT_PTR_NULL(layer.timer);
	leave(&a, 0);
	expect("[1] <... close resumed>) = 0\n");
	stop(&a, NULL);
}

static void test_options(void)
{
	struct vmmd_req a = task_of(1);
	struct tm tm;
	char why[64], *end;

	defaults();
	*value_of("label") = (struct vmmd_value){ .given = true, .text = "outer" };
	*value_of("split") = (struct vmmd_value){ .given = true, .num = 1 };
	*value_of("file") = (struct vmmd_value){ .given = true, .text = "/x" };
	*value_of("signals") = *value_of("lifecycle") = (struct vmmd_value){ .given = true };
	open_layer();
	CU_ASSERT_STRING_EQUAL(layer.path, "/x");
	CU_ASSERT_EQUAL(layer.events, 0);
	enter(&a, CALL(SYS_close, 3));
	expect("outer [1] close(3 <unfinished ...>\n");
	leave(&a, 0);
	expect("outer [1] <... close resumed>) = 0\n");
	stop(&a, NULL);

	defaults();
	*value_of("times") = (struct vmmd_value){ .given = true, .num = TIMES_RELATIVE };
	open_layer();
	a = task_of(1);
	enter(&a, CALL(SYS_close, 3));
	leave(&a, 0);
	CU_ASSERT(strtod(layer.out.text, &end) < 10);
	CU_ASSERT_STRING_EQUAL(end, " [1] close(3) = 0\n");
	stop(&a, NULL);

	defaults();
	*value_of("times") = (struct vmmd_value){ .given = true, .num = TIMES_ABSOLUTE };
	open_layer();
	a = task_of(1);
	enter(&a, CALL(SYS_close, 3));
	leave(&a, 0);
	end = strptime(layer.out.text, "%H:%M:%S", &tm);
	CU_ASSERT_PTR_NOT_NULL_FATAL(end);
	CU_ASSERT_STRING_EQUAL(end + 7, " [1] close(3) = 0\n");
	stop(&a, NULL);

	CU_ASSERT_EQUAL(check_label("inner-1", why, sizeof(why)), 0);
	CU_ASSERT_EQUAL(check_label("a\nb", why, sizeof(why)), -1);
	defaults();
	layer.refuse_output = true;
	CU_ASSERT_EQUAL(plugin->open(&host, &layer, &self), -EACCES);
}

/* --------------------------------------------------------------------- JSON */

static void start_json(void)
{
	defaults();
	*value_of("format") = (struct vmmd_value){ .given = true, .num = 1 };
	*value_of("label") = (struct vmmd_value){ .given = true, .text = "a\"b" };
	open_layer();
}

/* Exactly one line of JSON since the last time; the caller frees it. */
static json_t *object(void)
{
	json_error_t error;
	json_t *o = json_loads(layer.out.text, JSON_REJECT_DUPLICATES, &error);

	if (o == NULL)
		printf("%s: %s\n", error.text, layer.out.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(o);
	CU_ASSERT_PTR_EQUAL(strchr(layer.out.text, '\n'), layer.out.text + layer.out.len - 1);
	CU_ASSERT_TRUE(json_is_real(json_object_get(o, "time")));
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(o, "label")), "a\"b");
	layer.out.len = 0;
	layer.out.text[0] = '\0';
	return o;
}

/* The object without its time and label is this text. */
static void expect_json(const char *text)
{
	json_t *o = object();

	json_object_del(o, "time");
	json_object_del(o, "label");
	char *got = json_dumps(o, JSON_COMPACT);
	if (strcmp(got, text) != 0)
		printf("expected: %s\ngot:      %s\n", text, got);
	CU_ASSERT_STRING_EQUAL(got, text);
	free(got);
	json_decref(o);
}

static void test_json_calls(void)
{
	struct vmmd_req a = task_of(1), b = task_of(2);
	char *argv[] = { (char *)"a", (char *)"b\"", NULL }, buf[] = "x\ny";

	start_json();
	enter(&a, CALL(SYS_openat, (uint32_t)AT_FDCWD, P("\303\244\377\"\\\1"), O_RDONLY));
	leave(&a, -ENOENT);
	expect_json("{\"tid\":1,\"event\":\"call\",\"syscall\":\"openat\",\"nr\":257,\"args\":"
		    "[\"AT_FDCWD\",\"\303\244\303\277\\\"\\\\\\u0001\",\"O_RDONLY\"],"
		    "\"result\":-2,\"errno\":\"ENOENT\"}");

	/* Not split: one object a call. */
	enter(&a, CALL(SYS_execve, P("p"), P(argv), 0));
	enter(&b, CALL(SYS_read, 0, P(buf), 9));
	leave(&b, 3);
	expect_json("{\"tid\":2,\"event\":\"call\",\"syscall\":\"read\",\"nr\":0,\"args\":"
		    "[\"0\",\"x\\ny\",\"9\"],\"result\":3}");
	leave(&a, -512);
	expect_json("{\"tid\":1,\"event\":\"call\",\"syscall\":\"execve\",\"nr\":59,\"args\":"
		    "[\"p\",[\"a\",\"b\\\"\"],\"NULL\"],\"result\":-512,\"errno\":\"ERESTARTSYS\"}");
	enter(&a, CALL(1000));
	leave(&a, 1);
	expect_json("{\"tid\":1,\"event\":\"call\",\"syscall\":null,\"nr\":1000,\"args\":"
		    "[\"0\",\"0\",\"0\",\"0\",\"0\",\"0\"],\"result\":1}");
	CU_ASSERT_PTR_NULL(layer.timer);
	stop(&a, &b);
}

static void test_json_events(void)
{
	struct vmmd_req a = task_of(1);

	start_json();
	a.task.parent = 9;
	a.task.clone_flags = 17;
	plugin->task_new(self, &a);
	expect_json("{\"tid\":1,\"event\":\"task\",\"process\":1,\"parent\":9,\"clone_flags\":17}");
	a.info = (siginfo_t){ .si_signo = SIGHUP, .si_code = SI_KERNEL };
	plugin->signal(self, &a);
	expect_json("{\"tid\":1,\"event\":\"signal\",\"signal\":\"SIGHUP\",\"info\":\"{si_code=SI_KERNEL}\"}");
	/* No such process: its program cannot be told. */
	a.task.tid = INT32_MAX;
	plugin->exec(self, &a);
	expect_json("{\"tid\":2147483647,\"event\":\"exec\",\"program\":null}");
	a.task.tid = 1;
	a.call = CALL(SYS_close, 3);
	leave(&a, 0);
	expect_json("{\"tid\":1,\"event\":\"call\",\"syscall\":\"close\",\"nr\":3,\"args\":null,\"result\":0}");
	enter(&a, CALL(SYS_read, 0, 16, 1));
	a.task.exit_status = SIGKILL;
	layer.out.len = 0;
	finish_unreturned(self, a.data);
	expect_json("{\"tid\":1,\"event\":\"call\",\"syscall\":\"read\",\"nr\":0,\"args\":"
		    "[\"0\",\"0x10\",\"1\"],\"result\":null}");
	plugin->task_exit(self, &a);
	expect_json("{\"tid\":1,\"event\":\"exit\",\"signal\":\"SIGKILL\",\"core\":false}");
	a.task.exit_status = 2 << 8;
	plugin->task_exit(self, &a);
	expect_json("{\"tid\":1,\"event\":\"exit\",\"status\":2}");
	enter(&a, CALL(SYS_read, 0, 16, 1));
	plugin->task_free(self, a.data);
	expect_json("{\"tid\":1,\"event\":\"entry\",\"syscall\":\"read\",\"nr\":0,\"args\":"
		    "[\"0\",\"0x10\",\"1\"]}");
	plugin->close(self);
}

/* The longest lines there can be are still lines and still JSON. */
static void test_long_lines(void)
{
	static char worst[4097];
	char *argv[40];

	memset(worst, '\377', sizeof(worst) - 1);
	for (int i = 0; i < 40; i++)
		argv[i] = worst;
	for (int json = 0; json < 2; json++) {
		struct vmmd_req a = task_of(1);

		if (json)
			start_json();
		else
			start();
		((struct trace *)self)->decode.strings = DECODE_STRING_MAX;
		enter(&a, CALL(SYS_rename, P(worst), P(worst)));
		leave(&a, -ENAMETOOLONG);
		if (json) {
			json_t *o = object(), *args = json_object_get(o, "args");

			CU_ASSERT_EQUAL(json_string_length(json_array_get(args, 0)), 8192);
			CU_ASSERT_EQUAL(json_string_length(json_array_get(args, 1)), 8192);
			json_decref(o);
		}
		layer.out.len = 0;
		enter(&a, CALL(SYS_readlinkat, 3, P(worst), P(worst), 4096));
		leave(&a, 4096);
		if (json)
			json_decref(object());
		else
			CU_ASSERT_EQUAL(layer.out.text[layer.out.len - 1], '\n');
		layer.out.len = 0;
		enter(&a, CALL(SYS_execveat, 3, P(worst), P(argv), P(argv), 0));
		leave(&a, 0);
		if (json)
			json_decref(object());
		stop(&a, NULL);
	}
}

UNIT_SUITE(trace_decode, UNIT_TEST(test_open), UNIT_TEST(test_numbers), UNIT_TEST(test_flags),
	   UNIT_TEST(test_strings), UNIT_TEST(test_filled), UNIT_TEST(test_wait),
	   UNIT_TEST(test_sockaddr), UNIT_TEST(test_vectors), UNIT_TEST(test_interleaved),
	   UNIT_TEST(test_signals), UNIT_TEST(test_lifecycle), UNIT_TEST(test_killed_in_call),
	   UNIT_TEST(test_attach_and_detach_in_call), UNIT_TEST(test_blocked),
	   UNIT_TEST(test_options), UNIT_TEST(test_json_calls), UNIT_TEST(test_json_events),
	   UNIT_TEST(test_long_lines));
