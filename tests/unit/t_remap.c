/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_remap.c - tests of vmmd/plugins/remap. */
#define vmmd_plugin remap_vmmd_plugin
#include "vmmd/plugins/remap/remap.c"

#include "tests/unit/mock_host.h"

static struct vmmd_layer layer;
static struct vmmd_req req;

static void open_map(const char *spec)
{
	int r = mock_open(&layer, &remap_plugin, spec);

	if (r)
		fprintf(stderr, "%s: %s\n", spec, layer.log);
	CU_ASSERT_EQUAL_FATAL(r, 0);
}

static enum vmmd_verdict enter(void)
{
	return remap_plugin.entry(layer.self, &req);
}

static enum vmmd_verdict leave(int64_t result)
{
	req.result = result;
	req.exit = true;
	return remap_plugin.exit(layer.self, &req);
}

/* What the kernel would be given for openat(dirfd, path). */
static const char *opened(const char *cwd, int dirfd, const char *fd_path, const char *path)
{
	mock_req(&req, SYS_openat, (uint64_t)dirfd, MOCK_PTR(path), O_RDONLY, 0);
	req.cwd = cwd;
	req.fd_path = fd_path;
	CU_ASSERT_EQUAL(enter(), VMMD_PASS);
	CU_ASSERT_EQUAL((int)req.call.args[0], dirfd);
	return (const char *)(uintptr_t)req.call.args[1];
}

struct row {
	const char *cwd, *path, *want; /* want NULL: the very same pointer */
};

static void rows(const char *spec, const struct row *t, size_t n)
{
	open_map(spec);
	for (size_t i = 0; i < n; i++) {
		const char *got = opened(t[i].cwd, AT_FDCWD, NULL, t[i].path);

		if (t[i].want ? strcmp(got, t[i].want) : got != t[i].path)
			fprintf(stderr, "%s: in %s: %s gave %s\n", spec, t[i].cwd, t[i].path, got);
		CU_ASSERT(t[i].want ? !strcmp(got, t[i].want) : got == t[i].path);
	}
	mock_close(&layer);
}

#define ROWS(spec, t) rows(spec, t, sizeof(t) / sizeof(t[0]))

static void test_absolute(void)
{
	static const struct row t[] = {
		{"/w", "/etc/hosts", "/srv/e/hosts"},
		{"/w", "/etc", "/srv/e"},
		{"/w", "/etc/", "/srv/e/"},
		{"/w", "//etc/./hosts", "/srv/e/./hosts"},
		{"/w", "/etc/./hosts/", "/srv/e/./hosts/"},
		{"/w", "/etcetera", NULL},
		{"/w", "/", NULL},
		{"/w", "", NULL},
		{"/w", "/usr/../usr/x", NULL},
		{"/w", "/usr/../etc/x", "/srv/e/x"},
		/* Inside, ".." is the kernel's, so that it goes where a symbolic link leads. */
		{"/w", "/etc/link/../x", "/srv/e/link/../x"},
		/* Out of the mapped directory, by name. */
		{"/w", "/etc/..", "/"},
		{"/w", "/etc/../usr/x/", "/usr/x/"},
		{"/w", "/etc/a/../../usr/x", "/usr/x"},
		{"/w", "/etc/../etc/x", "/srv/e/x"},
		/* TO is still there by its own name. */
		{"/w", "/srv/e/x", NULL},
	};

	ROWS("remap,map=/etc/=/srv//e", t);
}

static void test_relative(void)
{
	static const struct row t[] = {
		{"/", "etc/hosts", "/srv/e/hosts"},
		{"/", "./etc", "/srv/e"},
		{"/", "usr", NULL},
		{"/w", "../etc/hosts", "/srv/e/hosts"},
		{"/w", "etc/hosts", NULL},
		{"/w", "x/../../etc", "/srv/e"},
		/* Already there: the directory the program calls /etc/sub. */
		{"/srv/e/sub", "x", NULL},
		{"/srv/e/sub", ".", NULL},
		{"/srv/e/sub", "../x", NULL},
		{"/srv/e/sub", "../../w/x", "/w/x"},
		{"/srv/e", "..", "/"},
		{"/srv/e", "../etc/x", "/srv/e/x"},
		/* Started in the directory that FROM hides. */
		{"/etc", "x", "/srv/e/x"},
		{"/etc/sub", "../x", "/srv/e/sub/../x"},
		{"/etc", "../w", "/w"},
	};

	ROWS("remap,map=/etc=/srv/e", t);
}

static void test_nested(void)
{
	static const struct row t[] = {
		{"/w", "/x/f", "/r/f"},		 {"/w", "/x/y/f", "/q/f"},
		{"/w", "/x/y/../f", "/r/f"},	 {"/w", "/x/z/f", NULL}, /* the same name in the kernel */
		{"/w", "/x/z", NULL},		 {"/r", "y/f", "/q/f"},
		{"/q", "../f", "/r/f"},		 {"/q/s", "../f", NULL},
		{"/r", "z/f", "/x/z/f"},	 {"/x/z", "../f", "/r/f"},
		{"/r/y", "f", NULL}, /* has no name of the program but its own */
	};

	ROWS("remap,map=/x=/r+/x/y=/q+/x/z=/x/z", t);
}

static void test_root(void)
{
	static const struct row t[] = {
		{"/w", "/", "/srv/r/"},	       {"/w", "/a/b", "/srv/r/a/b"}, {"/w", "/proc/self", NULL},
		{"/w", "x", "/srv/r/w/x"},     {"/srv/r/w", "x", NULL},	     {"/srv/r", "proc/1", "/proc/1"},
		{"/srv/r", "../..", NULL},     {"/proc/1", "../../x", "/srv/r/x"},
	};
	static const struct row swap[] = {{"/w", "/srv/r/x", "/x"}, {"/w", "/srv/r", "/"}, {"/", "x", NULL}};

	ROWS("remap,map=/=/srv/r+/proc=/proc", t);
	ROWS("remap,map=/srv/r=/", swap);
}

static void test_dirfd(void)
{
	const char *path = "hosts";

	open_map("remap,map=/etc=/srv/e");
	CU_ASSERT_PTR_EQUAL(opened("/w", 7, "/srv/e", path), path);
	CU_ASSERT_STRING_EQUAL(opened("/w", 7, "/", "etc/hosts"), "/srv/e/hosts");
	CU_ASSERT_STRING_EQUAL(opened("/w", 7, "/srv/e", "../etc"), "/srv/e");
	CU_ASSERT_STRING_EQUAL(opened("/w", 8, "/", "/etc/hosts"), "/srv/e/hosts");
	CU_ASSERT_PTR_EQUAL(opened("/w", 8, "/", path), path);
	CU_ASSERT_PTR_EQUAL(opened("/w", 7, "pipe:[3]", path), path);
	CU_ASSERT_PTR_EQUAL(opened("/w", 7, "/etc", NULL), NULL);
	CU_ASSERT_PTR_EQUAL(opened("/w", 7, "/etc", (const char *)9), (const char *)9);
	/* An absolute path costs no look at the working directory. */
	opened("/w", AT_FDCWD, NULL, "/usr/x");
	CU_ASSERT_EQUAL(req.cwd_looked, 0);
	mock_close(&layer);
}

static void test_two_paths(void)
{
	open_map("remap,map=/a=/1+/b=/2");
	mock_req(&req, SYS_rename, MOCK_PTR("/a/x"), MOCK_PTR("/b/y"), 0, 0);
	CU_ASSERT_EQUAL(enter(), VMMD_PASS);
	CU_ASSERT_STRING_EQUAL((char *)(uintptr_t)req.call.args[0], "/1/x");
	CU_ASSERT_STRING_EQUAL((char *)(uintptr_t)req.call.args[1], "/2/y");
	mock_req(&req, SYS_linkat, (uint64_t)AT_FDCWD, MOCK_PTR("/a/x"), 7, MOCK_PTR("b/y"));
	req.fd_path = "/";
	CU_ASSERT_EQUAL(enter(), VMMD_PASS);
	CU_ASSERT_STRING_EQUAL((char *)(uintptr_t)req.call.args[1], "/1/x");
	CU_ASSERT_STRING_EQUAL((char *)(uintptr_t)req.call.args[3], "/2/y");
	/* The text of a symbolic link is no path of this moment. */
	mock_req(&req, SYS_symlink, MOCK_PTR("/a/x"), MOCK_PTR("/w/l"), 0, 0);
	CU_ASSERT_EQUAL(enter(), VMMD_PASS);
	CU_ASSERT_STRING_EQUAL((char *)(uintptr_t)req.call.args[0], "/a/x");
	CU_ASSERT_EQUAL(layer.counter[0], 4);
	mock_close(&layer);
}

static void test_too_long(void)
{
	static char path[PATH_MAX + 1];

	open_map("remap,map=/a=/longer");
	memset(path, 'x', sizeof(path) - 1);
	memcpy(path, "/a/", 3);
	mock_req(&req, SYS_open, MOCK_PTR(path), 0, 0, 0);
	CU_ASSERT_EQUAL(enter(), VMMD_PASS); /* the kernel says ENAMETOOLONG */
	CU_ASSERT_EQUAL(req.call.args[0], MOCK_PTR(path));
	path[PATH_MAX - 6] = '\0'; /* 4090 bytes become 4095 */
	CU_ASSERT_EQUAL(enter(), VMMD_PASS);
	CU_ASSERT_EQUAL(strlen((char *)(uintptr_t)req.call.args[0]), PATH_MAX - 1);
	path[PATH_MAX - 6] = 'x';
	path[PATH_MAX - 5] = '\0';
	req.call.args[0] = MOCK_PTR(path);
	CU_ASSERT_EQUAL(enter(), VMMD_REPLY);
	CU_ASSERT_EQUAL(req.result, -ENAMETOOLONG);
	mock_close(&layer);
}

static void test_sockets(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run/x"}, *got;

	open_map("remap,map=/run=/srv/sockets");
	mock_req(&req, SYS_connect, 3, MOCK_PTR(&un), sizeof(un), 0);
	CU_ASSERT_EQUAL(enter(), VMMD_PASS);
	got = (struct sockaddr_un *)(uintptr_t)req.call.args[1];
	CU_ASSERT_STRING_EQUAL(got->sun_path, "/srv/sockets/x");
	CU_ASSERT_EQUAL(got->sun_family, AF_UNIX);
	CU_ASSERT_EQUAL(req.call.args[2], 2 + strlen("/srv/sockets/x") + 1);
	/* 100 bytes grow to 108, which fit without a NUL; one more does not. */
	memset(un.sun_path + 5, 'x', 95);
	un.sun_path[100] = '\0';
	mock_req(&req, SYS_bind, 3, MOCK_PTR(&un), sizeof(un), 0);
	CU_ASSERT_EQUAL(enter(), VMMD_PASS);
	CU_ASSERT_EQUAL(req.call.args[2], 110);
	un.sun_path[100] = 'x';
	un.sun_path[101] = '\0';
	mock_req(&req, SYS_bind, 3, MOCK_PTR(&un), sizeof(un), 0);
	CU_ASSERT_EQUAL(enter(), VMMD_REPLY);
	CU_ASSERT_EQUAL(req.result, -ENAMETOOLONG);
	mock_req(&req, SYS_bind, 3, 8, sizeof(un), 0);
	CU_ASSERT_EQUAL(enter(), VMMD_PASS);
	mock_close(&layer);
}

static void test_passed(void)
{
	struct open_how how = {.resolve = RESOLVE_BENEATH};

	open_map("remap,map=/etc=/srv/e");
	CU_ASSERT_TRUE(layer.advisory);
	CU_ASSERT_EQUAL(layer.want[SYS_openat], VMMD_WANT_ENTRY | VMMD_WANT_PATHS);
	CU_ASSERT_EQUAL(layer.want[SYS_rename], VMMD_WANT_ENTRY | VMMD_WANT_PATHS);
	CU_ASSERT_EQUAL(layer.want[SYS_connect], VMMD_WANT_ENTRY | VMMD_WANT_REWRITE);
	CU_ASSERT_EQUAL(layer.want[SYS_getcwd], VMMD_WANT_RESULT);
	CU_ASSERT_EQUAL(layer.want[SYS_readlink],
			VMMD_WANT_ENTRY | VMMD_WANT_PATHS | VMMD_WANT_RESULT | VMMD_WANT_REISSUE | VMMD_WANT_RARELY);
	CU_ASSERT_EQUAL(layer.want[SYS_read], 0);
	mock_req(&req, SYS_openat2, 7, MOCK_PTR("etc/x"), MOCK_PTR(&how), sizeof(how));
	req.fd_path = "/";
	CU_ASSERT_EQUAL(enter(), VMMD_PASS);
	CU_ASSERT_STRING_EQUAL((char *)(uintptr_t)req.call.args[1], "etc/x");
	how.resolve = 0;
	CU_ASSERT_EQUAL(enter(), VMMD_PASS);
	CU_ASSERT_STRING_EQUAL((char *)(uintptr_t)req.call.args[1], "/srv/e/x");
	/* Another root directory: the table is void. */
	mock_req(&req, SYS_chroot, MOCK_PTR("/etc"), 0, 0, 0);
	CU_ASSERT_EQUAL(enter(), VMMD_PASS);
	CU_ASSERT_STRING_EQUAL((char *)(uintptr_t)req.call.args[0], "/srv/e");
	mock_req(&req, SYS_open, MOCK_PTR("/etc/x"), 0, 0, 0);
	req.root = "/srv/e";
	CU_ASSERT_EQUAL(enter(), VMMD_PASS);
	CU_ASSERT_STRING_EQUAL((char *)(uintptr_t)req.call.args[0], "/etc/x");
	mock_close(&layer);
}

static void test_getcwd(void)
{
	char buf[64];

	open_map("remap,map=/a/long/name=/r+/=/srv/r");
	mock_req(&req, SYS_getcwd, MOCK_PTR(buf), sizeof(buf), 0, 0);
	strcpy(buf, "/r/x");
	CU_ASSERT_EQUAL(leave(5), VMMD_PASS);
	CU_ASSERT_STRING_EQUAL(buf, "/a/long/name/x");
	CU_ASSERT_EQUAL(req.result, 15);
	strcpy(buf, "/srv/r");
	leave(7);
	CU_ASSERT_STRING_EQUAL(buf, "/");
	CU_ASSERT_EQUAL(req.result, 2);
	strcpy(buf, "/other");
	leave(7);
	CU_ASSERT_STRING_EQUAL(buf, "/other");
	CU_ASSERT_EQUAL(req.result, 7);
	/* Does not fit, fits only by the program's name, fails for another reason. */
	req.call.args[1] = 14;
	strcpy(buf, "/r/x");
	leave(5);
	CU_ASSERT_EQUAL(req.result, -ERANGE);
	req.cwd = "/srv/r/x";
	req.call.args[1] = 5;
	leave(-ERANGE);
	CU_ASSERT_STRING_EQUAL(buf, "/x");
	CU_ASSERT_EQUAL(req.result, 3);
	leave(-ENOENT);
	CU_ASSERT_EQUAL(req.result, -ENOENT);
	strcpy(buf, "(unreachable)/r");
	leave(16);
	CU_ASSERT_EQUAL(req.result, 16);
	mock_close(&layer);
}

/* Does the layer want to see what readlinkat(dirfd, path) says? */
static bool followed(const char *cwd, int dirfd, const char *fd_path, const char *path)
{
	mock_req(&req, SYS_readlinkat, (uint64_t)dirfd, MOCK_PTR(path), 0, 0);
	req.cwd = cwd;
	req.fd_path = fd_path;
	CU_ASSERT_EQUAL(enter(), VMMD_PASS);
	return req.followed;
}

/* Only links that the kernel has made are looked at: to see a result costs more than all the rest. */
static void test_readlink_followed(void)
{
	open_map("remap,map=/etc=/srv/e+/p=/proc");
	CU_ASSERT_TRUE(followed("/w", AT_FDCWD, NULL, "/proc/self/exe"));
	CU_ASSERT_TRUE(followed("/w", AT_FDCWD, NULL, "//proc/./self/../1/exe"));
	CU_ASSERT_TRUE(followed("/w", AT_FDCWD, NULL, "/usr/../proc/1/cwd"));
	CU_ASSERT_TRUE(followed("/w", AT_FDCWD, NULL, "/p/1/cwd"));
	CU_ASSERT_STRING_EQUAL((char *)(uintptr_t)req.call.args[1], "/proc/1/cwd");
	CU_ASSERT_TRUE(followed("/proc/12", AT_FDCWD, NULL, "exe"));
	CU_ASSERT_TRUE(followed("/", AT_FDCWD, NULL, "proc/12/exe"));
	CU_ASSERT_TRUE(followed("/w", AT_FDCWD, NULL, "../proc/12/exe"));
	CU_ASSERT_TRUE(followed("/w", 7, "/proc/12/fd", "0"));
	CU_ASSERT_EQUAL(req.cwd_looked, 0);
	/* The link itself, opened with O_PATH. */
	CU_ASSERT_TRUE(followed("/w", 7, "/proc/12/exe", ""));
	CU_ASSERT_FALSE(followed("/w", 7, "/w/link", ""));
	CU_ASSERT_FALSE(followed("/w", AT_FDCWD, NULL, "/usr/lib/x"));
	CU_ASSERT_FALSE(followed("/w", AT_FDCWD, NULL, "/etc/proc/self/exe"));
	CU_ASSERT_FALSE(followed("/w", AT_FDCWD, NULL, "/process/x"));
	CU_ASSERT_FALSE(followed("/w", AT_FDCWD, NULL, "/proc"));
	CU_ASSERT_FALSE(followed("/w", AT_FDCWD, NULL, "/proc/../usr/x"));
	CU_ASSERT_FALSE(followed("/w", AT_FDCWD, NULL, "proc/x"));
	CU_ASSERT_FALSE(followed("/proc/12", 7, "/w", "exe"));
	/* Where it starts has no name, or cannot be told. */
	CU_ASSERT_FALSE(followed("/w", 7, "pipe:[3]", "proc/self/exe"));
	CU_ASSERT_FALSE(followed("/w", 8, NULL, "proc/self/exe"));
	CU_ASSERT_FALSE(followed(NULL, AT_FDCWD, NULL, "proc/self/exe"));
	CU_ASSERT_FALSE(followed("/w", AT_FDCWD, NULL, NULL));
	/* readlink(2), one look at the directory at most, and other calls do not matter. */
	mock_req(&req, SYS_readlink, MOCK_PTR("12/exe"), 0, 0, 0);
	req.cwd = "/proc";
	CU_ASSERT_EQUAL(enter(), VMMD_PASS);
	CU_ASSERT_TRUE(req.followed);
	CU_ASSERT_EQUAL(req.cwd_looked, 1);
	opened("/proc", AT_FDCWD, NULL, "12/exe");
	CU_ASSERT_FALSE(req.followed);
	/* Another root directory has its own /proc, or none. */
	mock_req(&req, SYS_chroot, MOCK_PTR("/w"), 0, 0, 0);
	enter();
	mock_req(&req, SYS_readlink, MOCK_PTR("/proc/self/exe"), 0, 0, 0);
	req.root = "/w";
	CU_ASSERT_EQUAL(enter(), VMMD_PASS);
	CU_ASSERT_FALSE(req.followed);
	mock_close(&layer);
}

static void test_readlink(void)
{
	char buf[64] = "/srv/e/x";

	open_map("remap,map=/etc=/srv/e");
	mock_req(&req, SYS_readlink, MOCK_PTR("/proc/self/cwd"), MOCK_PTR(buf), sizeof(buf), 0);
	CU_ASSERT_EQUAL(leave(8), VMMD_PASS);
	CU_ASSERT_EQUAL(req.result, 6);
	CU_ASSERT_EQUAL(memcmp(buf, "/etc/x", 6), 0);
	strcpy(buf, "/srv/e/x");
	mock_req(&req, SYS_readlinkat, 7, MOCK_PTR("fd/4"), MOCK_PTR(buf), sizeof(buf));
	leave(8);
	CU_ASSERT_EQUAL(req.result, 6);
	leave(-EINVAL);
	CU_ASSERT_EQUAL(req.result, -EINVAL);
	mock_close(&layer);
}

/* The buffer was full, so the text may have been cut: it is read again, whole. */
static void test_readlink_cut(void)
{
	char buf[64] = "/srv/e/x";

	open_map("remap,map=/etc=/srv/e");
	mock_req(&req, SYS_readlink, MOCK_PTR("/proc/self/cwd"), MOCK_PTR(buf), 6, 0);
	CU_ASSERT_EQUAL(leave(6), VMMD_REISSUE);
	CU_ASSERT_EQUAL(req.again.args[2], PATH_MAX);
	CU_ASSERT_NOT_EQUAL(req.again.args[1], MOCK_PTR(buf));
	req.call = req.again;
	strcpy((char *)(uintptr_t)req.call.args[1], "/srv/e/x");
	CU_ASSERT_EQUAL(leave(8), VMMD_PASS);
	CU_ASSERT_EQUAL(req.result, 6);
	CU_ASSERT_EQUAL(memcmp(buf, "/etc/x", 6), 0);
	CU_ASSERT_PTR_NULL(req.task_data);
	/* "/srv/e" was only the beginning of another name. */
	strcpy(buf, "/srv/e");
	mock_req(&req, SYS_readlink, MOCK_PTR("/proc/self/cwd"), MOCK_PTR(buf), 6, 0);
	CU_ASSERT_EQUAL(leave(6), VMMD_REISSUE);
	req.call = req.again;
	strcpy((char *)(uintptr_t)req.call.args[1], "/srv/extra");
	CU_ASSERT_EQUAL(leave(10), VMMD_PASS);
	CU_ASSERT_EQUAL(req.result, 6);
	CU_ASSERT_EQUAL(memcmp(buf, "/srv/e", 6), 0);
	/* Full, but of no concern. */
	strcpy(buf, "/usr/b");
	mock_req(&req, SYS_readlink, MOCK_PTR("/proc/self/cwd"), MOCK_PTR(buf), 6, 0);
	CU_ASSERT_EQUAL(leave(6), VMMD_PASS);
	CU_ASSERT_EQUAL(req.result, 6);
	mock_close(&layer);
}

static void test_options(void)
{
	char why[80];

	CU_ASSERT_EQUAL(remap_check("/a=/b", why, sizeof(why)), 0);
	CU_ASSERT_EQUAL(remap_check("/a", why, sizeof(why)), -1);
	CU_ASSERT_EQUAL(remap_check("a=/b", why, sizeof(why)), -1);
	CU_ASSERT_EQUAL(remap_check("/a=b", why, sizeof(why)), -1);
	CU_ASSERT_STRING_EQUAL(why, "a map is FROM=TO, two absolute paths");
	CU_ASSERT_EQUAL(mock_open(&layer, &remap_plugin, "remap,map=/a=/b+/a/.=/c"), -EINVAL);
	CU_ASSERT_STRING_EQUAL(layer.log, "map: /a is mapped twice");
	CU_ASSERT_EQUAL(mock_open(&layer, &remap_plugin, "remap"), -EINVAL);
}

static void test_only_below(void)
{
	open_map("remap,map=/virtual=/tmp/real+/etc/hosts=/tmp/../srv/hosts");
	CU_ASSERT_STRING_EQUAL(layer.below, " /proc /etc/hosts /srv/hosts /virtual /tmp/real");
	mock_close(&layer);
	open_map("remap,map=/=/srv");
	CU_ASSERT_STRING_EQUAL(layer.below, " /proc / /srv");
	mock_close(&layer);
	open_map("remap,map=/srv=/");
	CU_ASSERT_STRING_EQUAL(layer.below, " /proc /srv /");
	mock_close(&layer);
}

/* Is path[0..n), "" for the root, one of the layer's directories or below? */
static bool is_below(const char *path, size_t n)
{
	char dirs[sizeof(layer.below)], *dir, *rest = dirs;

	strcpy(dirs, layer.below);
	while ((dir = strsep(&rest, " ")))
		if (*dir && (!strcmp(dir, "/") || remap_below(path, n, dir, strlen(dir))))
			return true;
	return false;
}

/* What only_below() says of a path, as an engine with a table of paths reads it. */
static bool concerns(const char *base, const char *text)
{
	char path[PATH_TEXT];
	size_t n = 0, len;

	if (text[0] != '/' && strcmp(base, "/"))
		n = (size_t)sprintf(path, "%s", base);
	for (const char *p = text; *p; p += len) {
		p += strspn(p, "/");
		len = strcspn(p, "/");
		if (len == 2 && !memcmp(p, "..", 2) && is_below(path, n))
			return true;
		CU_ASSERT_EQUAL(path_step(path, &n, sizeof(path), p, len), 0);
	}
	return is_below(path, n);
}

/* A path of up to four of these names; `n` says which. */
static void make_path(unsigned n, char *out)
{
	static const char *const names[] = {"a", "b", "c", "..", "proc", "."};

	strcpy(out, n % 2 ? "/" : "");
	for (n /= 2; n; n /= 7)
		if (n % 7)
			sprintf(out + strlen(out), "%s%s", *out && strcmp(out, "/") ? "/" : "", names[n % 7 - 1]);
}

/*
 * What the layer says does not concern it does not: the call goes on as it was and is
 * not followed, for every path of so many names, from everywhere.
 */
static void test_nothing_elsewhere(void)
{
	static const char *const maps[] = {"remap,map=/a=/b", "remap,map=/a/b=/c/a", "remap,map=/a=/b/c+/a/b=/a/b",
					   "remap,map=/a=/b+/b=/a", "remap,map=/a=/b+/c=/b/a", "remap,map=/a/b/c=/"};
	static const char *const places[] = {"/", "/a", "/b", "/c", "/a/b", "/b/c", "/c/a", "/a/b/c", "/b/a/c", "/proc"};
	char text[64];
	unsigned native = 0, changed = 0;

	for (size_t m = 0; m < sizeof(maps) / sizeof(maps[0]); m++) {
		open_map(maps[m]);
		for (size_t p = 0; p < sizeof(places) / sizeof(places[0]); p++) {
			for (unsigned n = 0; n < 2 * 7 * 7 * 7 * 7; n++) {
				bool touched;

				make_path(n, text);
				mock_req(&req, SYS_readlinkat, 7, MOCK_PTR(text), MOCK_PTR(text), 0);
				req.fd_path = places[p];
				CU_ASSERT_EQUAL(enter(), VMMD_PASS);
				touched = req.followed || req.call.args[1] != MOCK_PTR(text);
				if (touched && !concerns(places[p], text)) {
					fprintf(stderr, "%s: %s from %s\n", maps[m], text, places[p]);
					CU_FAIL("a path that does not concern the layer is touched");
				}
				native += !concerns(places[p], text);
				changed += touched;
			}
		}
		mock_close(&layer);
	}
	CU_ASSERT(native > 10000 && changed > 10000);
}

UNIT_SUITE(remap, UNIT_TEST(test_absolute), UNIT_TEST(test_relative), UNIT_TEST(test_nested),
	   UNIT_TEST(test_root), UNIT_TEST(test_dirfd), UNIT_TEST(test_two_paths), UNIT_TEST(test_too_long),
	   UNIT_TEST(test_sockets), UNIT_TEST(test_passed), UNIT_TEST(test_getcwd),
	   UNIT_TEST(test_readlink_followed), UNIT_TEST(test_readlink), UNIT_TEST(test_readlink_cut),
	   UNIT_TEST(test_options),
	   UNIT_TEST(test_only_below), UNIT_TEST(test_nothing_elsewhere));
