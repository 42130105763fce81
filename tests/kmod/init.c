// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * init.c - the first process of the test machine.
 *
 * Mounts what programs expect, loads the kernel's own modules that the boot
 * needs, runs the stages that the kernel's command line names, and switches the
 * machine off. Results go to the second serial line, the kernel's log to the
 * first: so neither tears the other's lines. Each stage is bounded; whatever it
 * leaves running is killed. The last line is "end": without it the machine died.
 *
 *   kmod.stages=A,B   selftest, scenarios, system, suites, bench; all but the last if not told
 *   kmod.limit=N      seconds for each stage
 *   kmod.tests=A,B    the self tests to run; all if not told
 *   kmod.scale=N      divides the counts of the long tests
 *   kmod.repeat=N     runs the self tests so often
 *   kmod.slow=N       multiplies the time that each may take
 *   kmod.guests=A,B   the guest programs to run; all if not told
 *   kmod.scenarios=A,B  the files of scenarios to play; all if not told
 *   kmod.suites=A,B   the system tests to run; all that can be run here if not told
 *   kmod.bench=HOW    time or count, see bench.c
 *   kmod.top=DIR      the source tree, as seen in the host's root
 *   kmod.build=DIR    and its build directory
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define RESULTS "/dev/ttyS1"
#define HOST "/host"	/* the host's root, read-only */
#define WRITABLE "/rw"	/* what is written over it, gone at the end */
#define ROOT "/root"	/* both, as one tree */

struct option {
	char value[256];
};

static void say(const char *what, const char *why)
{
	printf("%s%s%s\n", what, why ? ": " : "", why ? why : "");
	fflush(stdout);
}

static bool mounted(const char *from, const char *to, const char *type, unsigned long flags, const char *data)
{
	mkdir(to, 0755);
	if (mount(from, to, type, flags, data) == 0)
		return true;
	printf("init: mount %s: %s\n", to, strerror(errno));
	return false;
}

/* A mark in the kernel's log: what comes before it is the boot. */
static void kernel_log(const char *line)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, line, strlen(line)) < 0)
		say("init: /dev/kmsg", strerror(errno));
	close(fd);
}

/* The value of NAME= on the kernel's command line, or the default. */
static struct option option(const char *name, const char *otherwise)
{
	static char line[4096];
	struct option o = {};
	size_t len = strlen(name);
	const char *word;
	ssize_t n;
	int fd;

	snprintf(o.value, sizeof(o.value), "%s", otherwise);
	fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, line, sizeof(line) - 1);
	if (fd >= 0)
		close(fd);
	line[n > 0 ? n : 0] = '\0';
	for (word = strtok(line, " \n"); word; word = strtok(NULL, " \n"))
		if (strncmp(word, name, len) == 0 && word[len] == '=')
			snprintf(o.value, sizeof(o.value), "%s", word + len + 1);
	return o;
}

static void load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) != 0)
		printf("init: %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* In the order of their names, which is that of their needs. */
static void load_all(const char *dir)
{
	struct dirent **entry;
	char path[512];
	int i, n = scandir(dir, &entry, NULL, alphasort);

	for (i = 0; i < n; i++) {
		if (entry[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", dir, entry[i]->d_name);
			load(path);
		}
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
}

/* Every tree's, but /dev, which the first tree needs before all. /tmp is the tree's own: there may be the host's build. */
static void mount_base(const char *root)
{
	char path[64];
	static const struct {
		const char *to, *type, *data;
	} base[] = {
		{ "/proc", "proc", "" },     { "/sys", "sysfs", "" },
		{ "/dev/pts", "devpts", "ptmxmode=0666" },
		{ "/dev/shm", "tmpfs", "" }, { "/run", "tmpfs", "" },
		{ "/sys/kernel/debug", "debugfs", "" },
		{ "/sys/kernel/tracing", "tracefs", "" },
	};

	for (size_t i = 0; i < sizeof(base) / sizeof(*base); i++) {
		snprintf(path, sizeof(path), "%s%s", root, base[i].to);
		mounted("none", path, base[i].type, 0, base[i].data);
	}
}

static void loopback_up(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &r) != 0)
		say("init: lo", strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* The host's root as a tree that can be written. */
static bool mount_host(void)
{
	if (!mounted("host", HOST, "9p", MS_RDONLY, "trans=virtio,version=9p2000.L,cache=loose,msize=262144") ||
	    !mounted("none", WRITABLE, "tmpfs", 0, ""))
		return false;
	mkdir(WRITABLE "/upper", 0755);
	mkdir(WRITABLE "/work", 0755);
	if (!mounted("none", ROOT, "overlay", 0, "lowerdir=" HOST ",upperdir=" WRITABLE "/upper,workdir=" WRITABLE "/work"))
		return false;
	mounted("none", ROOT "/dev", "devtmpfs", 0, "");
	mount_base(ROOT);
	return true;
}

/* Into it; the stages have one for all. */
static bool enter_host(void)
{
	if (access(ROOT "/proc/self", F_OK) != 0 && !mount_host())
		return false;
	return chroot(ROOT) == 0 && chdir("/") == 0;
}

/* Into the source tree, with what its programs expect. */
static bool enter_source(void)
{
	struct option top = option("kmod.top", ""), build = option("kmod.build", "");

	if (!enter_host() || chdir(top.value) != 0)
		return false;
	setenv("BUILD", build.value, 1);
	setenv("KMOD_GUESTS", option("kmod.guests", "").value, 1);
	setenv("KMOD_SCENARIOS", option("kmod.scenarios", "").value, 1);
	setenv("KMOD_SUITES", option("kmod.suites", "").value, 1);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	return true;
}

/* A script of the source tree, with the real daemon. */
static void run_script(const char *path, const char *name)
{
	if (access("/sys/module/vmmd", F_OK) != 0)
		load("/vmmd.ko");
	if (!enter_source()) {
		printf("not ok %s/root: %s\n", name, strerror(errno));
		return;
	}
	execl(path, path, (char *)NULL);
	printf("not ok %s/script: %s\n", name, strerror(errno));
}

static void run_system(void)
{
	run_script("tests/kmod/inside", "system");
}

static void run_scenarios(void)
{
	run_script("tests/kmod/scenarios", "scenarios");
}

static void run_suites(void)
{
	run_script("tests/kmod/suites", "suites");
}

/* It loads the module by itself, for it measures without it, too. */
static void run_bench(void)
{
	struct option build = option("kmod.build", ""), how = option("kmod.bench", "time");
	char program[300], module[400], vmmctl[300];
	struct utsname uts;

	uname(&uts);
	snprintf(program, sizeof(program), "%s/tests/kmod/bench", build.value);
	snprintf(module, sizeof(module), "%s/kmod/%s/engine-kmod/vmmd.ko", build.value, uts.release);
	snprintf(vmmctl, sizeof(vmmctl), "%s/bin/vmmctl", build.value);
	if (enter_source())
		execl(program, program, module, vmmctl, how.value, (char *)NULL);
	say("not ok bench/starts", strerror(errno));
}

static void run_selftest(void)
{
	static struct option tests;

	tests = option("kmod.tests", "");
	execl("/selftest", "selftest", "/vmmd.ko", tests.value, (char *)NULL);
	say("not ok selftest/exec", strerror(errno));
}

/* Tasks that hang say where in the kernel's log. */
static void show_tasks(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "w", 1) != 1 || write(fd, "t", 1) != 1)
		say("init: sysrq", strerror(errno));
	close(fd);
}

/* What a stage says goes through a pipe: none of its processes holds the line, or hangs it up. */
static pid_t start(void (*run)(void), int *from)
{
	int fds[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pid_t p;

	if (null < 0 || pipe2(fds, O_CLOEXEC) != 0)
		return -1;
	fflush(stdout);
	p = fork();
	if (p == 0) {
		setsid();
		dup2(null, 0);
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		run();
		fflush(stdout);
		_exit(127);
	}
	close(null);
	close(fds[1]);
	*from = fds[0];
	return p;
}

/* Pass on what has come; false if nothing has within a moment. */
static bool relay(int from)
{
	struct pollfd readable = { from, POLLIN, 0 };
	char buf[4096];
	ssize_t n;

	if (poll(&readable, 1, 50) <= 0 || (n = read(from, buf, sizeof(buf))) <= 0)
		return false;
	fwrite(buf, 1, (size_t)n, stdout);
	fflush(stdout);
	return true;
}

static void stage(const char *name, void (*run)(void), unsigned int limit)
{
	struct timespec tick = { .tv_nsec = 20 * 1000 * 1000 };
	time_t begin = time(NULL), end = begin + limit;
	int status = 0, from = -1;
	pid_t p = start(run, &from), w = 0;

	while (p > 0 && w != p && time(NULL) < end) {
		if (!relay(from))
			nanosleep(&tick, NULL);
		do
			w = waitpid(-1, &status, WNOHANG);
		while (w > 0 && w != p);
	}
	while (relay(from))
		;
	if (w != p) {
		printf("not ok %s/ends: still running after %u s\n", name, limit);
		show_tasks();
	} else if (status != 0) {
		printf("not ok %s/status: wait status %#x\n", name, (unsigned int)status);
	}
	kill(-1, SIGKILL);
	end = time(NULL) + 10;
	while (waitpid(-1, NULL, WNOHANG) >= 0 && time(NULL) < end)
		nanosleep(&tick, NULL);
	close(from);
	printf("time %s %ld\n", name, (long)(time(NULL) - begin));
	fflush(stdout);
}

/* Where the kernel looks for memory that it has lost, twice: what is young is no loss. */
static void look_for_leaks(void)
{
	static const char leaks[] = "/sys/kernel/debug/kmemleak";
	char line[512];
	FILE *f;

	for (int i = 0; i < 2; i++) {
		int fd = open(leaks, O_WRONLY | O_CLOEXEC);

		if (fd < 0)
			return;
		sleep(6);
		if (write(fd, "scan", 4) != 4)
			say("init: kmemleak", strerror(errno));
		close(fd);
	}
	f = fopen(leaks, "re");
	while (f && fgets(line, sizeof(line), f))
		kernel_log(line);
	if (f)
		fclose(f);
}

static void results(void)
{
	struct termios raw;
	int fd = open(RESULTS, O_RDWR | O_NOCTTY);

	if (fd < 0)
		fd = open("/dev/console", O_RDWR | O_NOCTTY);
	if (fd < 0)
		return;
	if (tcgetattr(fd, &raw) == 0) {
		cfmakeraw(&raw);
		cfsetspeed(&raw, B115200);
		tcsetattr(fd, TCSANOW, &raw);
	}
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

int main(void)
{
	struct option stages;
	unsigned int limit;

	mounted("none", "/dev", "devtmpfs", 0, "");
	mkdir("/tmp", 01777);
	if (symlink("/proc/self/fd", "/dev/fd") != 0)
		return 1;
	results();
	mount_base("");
	stages = option("kmod.stages", "selftest,scenarios,system,suites");
	limit = (unsigned int)atoi(option("kmod.limit", "300").value);
	load_all("/modules");
	loopback_up();
	setenv("KMOD_SCALE", option("kmod.scale", "1").value, 1);
	setenv("KMOD_REPEAT", option("kmod.repeat", "1").value, 1);
	setenv("KMOD_SLOW", option("kmod.slow", "1").value, 1);
	kernel_log("vmmd-test: begin\n");
	say("begin", NULL);
	if (strstr(stages.value, "selftest"))
		stage("selftest", run_selftest, limit);
	if (strstr(stages.value, "scenarios"))
		stage("scenarios", run_scenarios, limit);
	if (strstr(stages.value, "system"))
		stage("system", run_system, limit);
	if (strstr(stages.value, "suites"))
		stage("suites", run_suites, limit);
	if (strstr(stages.value, "bench"))
		stage("bench", run_bench, limit);
	look_for_leaks();
	kernel_log("vmmd-test: end\n");
	say("end", NULL);
	/* What the serial line's queue holds is lost when the machine goes; draining alone has lost lines. */
	tcdrain(1);
	usleep(300 * 1000);
	reboot(RB_POWER_OFF);
	return 1;
}
