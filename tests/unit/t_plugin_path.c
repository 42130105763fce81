/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_plugin_path.c - tests of vmmd/plugins/common; the other tests of layers link what is included here. */
#include "vmmd/plugins/common/errname.c"
#include "vmmd/plugins/common/path.c"

#include "tests/unit/mock_host.h"

static void test_clean(void)
{
	static const struct {
		const char *in, *out;
	} t[] = {
		{"/", "/"},	     {"//", "/"},	  {"/.", "/"},	     {"/..", "/"},
		{"/../..", "/"},     {"/a", "/a"},	  {"/a/", "/a"},     {"//a//b///", "/a/b"},
		{"/a/./b/.", "/a/b"}, {"/a/../b", "/b"},   {"/a/b/..", "/a"}, {"/a/b/../../..", "/"},
		{"/...", "/..."},    {"/a/..b", "/a/..b"}, {"/.a/b.", "/.a/b."},
	};
	char out[PATH_MAX], small[4];

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CU_ASSERT_EQUAL(path_clean(t[i].in, out, sizeof(out)), 0);
		CU_ASSERT_STRING_EQUAL(out, t[i].out);
	}
	CU_ASSERT_EQUAL(path_clean("a", out, sizeof(out)), -EINVAL);
	CU_ASSERT_EQUAL(path_clean("", out, sizeof(out)), -EINVAL);
	CU_ASSERT_EQUAL(path_clean("/ab", small, sizeof(small)), 0);
	CU_ASSERT_EQUAL(path_clean("/abc", small, sizeof(small)), -ENAMETOOLONG);
	CU_ASSERT_EQUAL(path_clean("/", small, 1), -ENAMETOOLONG);
}

static void test_under(void)
{
	CU_ASSERT(path_under("/a", "/a"));
	CU_ASSERT(path_under("/a/b", "/a"));
	CU_ASSERT(!path_under("/ab", "/a"));
	CU_ASSERT(!path_under("/", "/a"));
	CU_ASSERT(path_under("/x", "/"));
	CU_ASSERT(path_under("/", "/"));
	CU_ASSERT(path_under("/x", ""));
}

static void test_globs(void)
{
	static const char *const list[] = {"/etc/*", "*.key"};
	struct vmmd_value globs = {.given = true, .list = list, .count = 2};
	char why[120];

	CU_ASSERT(path_match(&globs, "/etc/passwd"));
	CU_ASSERT(path_match(&globs, "/etc/ssl/certs/x"));
	CU_ASSERT(path_match(&globs, "/etc/.hidden"));
	CU_ASSERT(!path_match(&globs, "/etc"));
	CU_ASSERT(path_match(&globs, "/home/u/.ssh/a.key"));
	CU_ASSERT(!path_match(&globs, "/home/u/a.key2"));
	CU_ASSERT_EQUAL(path_check_glob("/etc/*", why, sizeof(why)), 0);
	CU_ASSERT_EQUAL(path_check_glob("/", why, sizeof(why)), 0);
	CU_ASSERT_EQUAL(path_check_glob("*", why, sizeof(why)), 0);
	CU_ASSERT_EQUAL(path_check_glob("etc", why, sizeof(why)), -1);
	CU_ASSERT_STRING_EQUAL(why, "a path pattern begins with '/' or '*'");
	CU_ASSERT_EQUAL(path_check_glob("", why, sizeof(why)), -1);
	CU_ASSERT_EQUAL(path_check_glob("/a//b", why, sizeof(why)), -1);
	CU_ASSERT_EQUAL(path_check_glob("/a/../b", why, sizeof(why)), -1);
	CU_ASSERT_EQUAL(path_check_glob("/a/", why, sizeof(why)), -1);
	CU_ASSERT_EQUAL(path_check_glob("/a/..", why, sizeof(why)), -1);
	CU_ASSERT_EQUAL(path_check_glob("/.", why, sizeof(why)), -1);
}

static void test_glob_dir(void)
{
	static const struct {
		const char *glob, *dir;
	} t[] = {
		{"/etc/passwd", "/etc/passwd"}, {"/etc/sh*", "/etc"}, {"/etc/*", "/etc"}, {"/home/*/.ssh", "/home"},
		{"/a/b[cd]", "/a"},		{"/a/b?c/d", "/a"},   {"/a/\\*b", "/a"}, {"/a/b/[x]", "/a/b"},
		{"/*", "/"},			{"/e*", "/"},	      {"*", "/"},	 {"*.key", "/"},
		{"/", "/"},			{"*/a/b", "/"},
	};
	char glob[5000], dir[PATH_MAX];

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		path_glob_dir(t[i].glob, dir);
		CU_ASSERT_STRING_EQUAL(dir, t[i].dir);
	}
	/* A directory that is too long to be one. */
	memset(glob, 'x', sizeof(glob));
	glob[0] = '/';
	glob[4096] = '\0';
	path_glob_dir(glob, dir);
	CU_ASSERT_STRING_EQUAL(dir, "/");
	glob[4095] = '\0';
	path_glob_dir(glob, dir);
	CU_ASSERT_STRING_EQUAL(dir, glob);
}

static void test_quote(void)
{
	char out[64], small[6];

	path_quote("/a b\n\x1b\"\\\xc3", out, sizeof(out));
	CU_ASSERT_STRING_EQUAL(out, "/a b\\x0a\\x1b\\x22\\x5c\\xc3");
	path_quote("abcdef", small, sizeof(small));
	CU_ASSERT_STRING_EQUAL(small, "ab");
}

static void test_errname(void)
{
	static const char *const bad[] = {"", "EFOO", "0", "9999", "1x", "-1", "eperm", "41"};
	char why[80];

	CU_ASSERT_EQUAL(errname_parse("EPERM"), EPERM);
	CU_ASSERT_EQUAL(errname_parse("EHWPOISON"), EHWPOISON);
	CU_ASSERT_EQUAL(errname_parse("13"), EACCES);
	CU_ASSERT_EQUAL(errname_parse("EWOULDBLOCK"), EAGAIN);
	CU_ASSERT_EQUAL(errname_parse("ENOTSUP"), ENOTSUP);
	CU_ASSERT_EQUAL(errname_parse("EOPNOTSUPP"), EOPNOTSUPP);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_EQUAL(errname_parse(bad[i]), 0);
		CU_ASSERT_EQUAL(errname_check(bad[i], why, sizeof(why)), -1);
	}
}

static struct vmmd_req req;
static char out[PATH_TEXT];

/* openat(dirfd, path) of a task in `cwd` below `root`, with descriptor 7 at fd_path. */
static int open_arg(const char *root, const char *cwd, int dirfd, const char *fd_path, const char *path)
{
	struct path_roots roots = {.looked = false};

	mock_req(&req, SYS_openat, (uint64_t)dirfd, MOCK_PTR(path), 0, 0);
	req.root = root;
	req.cwd = cwd;
	req.fd_path = fd_path;
	return path_arg(&roots, &mock_host, &req, &req.call, 1, out);
}

static void test_arg(void)
{
	CU_ASSERT_EQUAL(open_arg("/", "/work", AT_FDCWD, NULL, "/etc//x/../y/"), 1);
	CU_ASSERT_STRING_EQUAL(out, "/etc/y");
	CU_ASSERT_EQUAL(req.cwd_looked, 0);
	CU_ASSERT_EQUAL(open_arg("/", "/work", AT_FDCWD, NULL, "../etc/y"), 1);
	CU_ASSERT_STRING_EQUAL(out, "/etc/y");
	CU_ASSERT_EQUAL(open_arg("/", "/", AT_FDCWD, NULL, "etc/y"), 1);
	CU_ASSERT_STRING_EQUAL(out, "/etc/y");
	CU_ASSERT_EQUAL(open_arg("/", "/", AT_FDCWD, NULL, "../.."), 1);
	CU_ASSERT_STRING_EQUAL(out, "/");
	CU_ASSERT_EQUAL(open_arg("/", "/work", 7, "/etc", "y"), 1);
	CU_ASSERT_STRING_EQUAL(out, "/etc/y");
	CU_ASSERT_EQUAL(open_arg("/", "/work", 8, "/etc", "y"), -EBADF);
	CU_ASSERT_EQUAL(open_arg("/", "/work", 8, "/etc", "/y"), 1);
	CU_ASSERT_EQUAL(open_arg("/", "/work", 7, "pipe:[1]", "y"), -ENOTDIR);
	/* A name for nothing, a descriptor itself, and memory that is not there. */
	CU_ASSERT_EQUAL(open_arg("/", "/work", AT_FDCWD, NULL, ""), 0);
	CU_ASSERT_EQUAL(open_arg("/", "/work", 7, "/etc/y", ""), 1);
	CU_ASSERT_STRING_EQUAL(out, "/etc/y");
	CU_ASSERT_EQUAL(open_arg("/", "/work", 7, "/etc/y", NULL), 1);
	CU_ASSERT_EQUAL(open_arg("/", "/work", 7, "socket:[1]", NULL), 0);
	CU_ASSERT_EQUAL(open_arg("/", "/work", AT_FDCWD, NULL, NULL), 0);
	CU_ASSERT_EQUAL(open_arg("/", "/work", 7, "/etc/y", (const char *)8), -EFAULT);
}

static void test_arg_empty(void)
{
	struct path_roots roots = {.looked = false};

	mock_req(&req, SYS_newfstatat, (uint64_t)AT_FDCWD, MOCK_PTR(""), 0, 0);
	CU_ASSERT_EQUAL(path_arg(&roots, &mock_host, &req, &req.call, 1, out), 0);
	req.call.args[3] = AT_EMPTY_PATH;
	CU_ASSERT_EQUAL(path_arg(&roots, &mock_host, &req, &req.call, 1, out), 1);
	CU_ASSERT_STRING_EQUAL(out, "/work");
}

static void test_arg_long(void)
{
	static char path[PATH_MAX + 10];

	memset(path, '/', sizeof(path) - 1);
	CU_ASSERT_EQUAL(open_arg("/", "/work", AT_FDCWD, NULL, path), -ENAMETOOLONG);
	path[PATH_MAX - 1] = '\0';
	CU_ASSERT_EQUAL(open_arg("/", "/work", AT_FDCWD, NULL, path), 1);
	CU_ASSERT_STRING_EQUAL(out, "/");
}

static void test_arg_chroot(void)
{
	CU_ASSERT_EQUAL(open_arg("/jail", "/jail/home", AT_FDCWD, NULL, "/etc/../../x"), 1);
	CU_ASSERT_STRING_EQUAL(out, "/jail/x");
	CU_ASSERT_EQUAL(open_arg("/jail", "/jail/home", AT_FDCWD, NULL, "../../x"), 1);
	CU_ASSERT_STRING_EQUAL(out, "/jail/x");
	CU_ASSERT_EQUAL(open_arg("/jail", "/jail", AT_FDCWD, NULL, ".."), 1);
	CU_ASSERT_STRING_EQUAL(out, "/jail");
	/* A directory outside of the root is no prisoner of it. */
	CU_ASSERT_EQUAL(open_arg("/jail", "/jailor/home", AT_FDCWD, NULL, "../../x"), 1);
	CU_ASSERT_STRING_EQUAL(out, "/x");
}

static void test_roots(void)
{
	struct path_roots roots = {.looked = false};
	char root[PATH_MAX];

	mock_req(&req, SYS_open, 0, 0, 0, 0);
	CU_ASSERT_EQUAL(path_roots_get(&roots, &mock_host, &req, root, sizeof(root)), 0);
	CU_ASSERT_EQUAL(path_roots_get(&roots, &mock_host, &req, root, sizeof(root)), 0);
	CU_ASSERT_STRING_EQUAL(root, "");
	CU_ASSERT_EQUAL(req.root_looked, 1);
	path_roots_note(&roots, SYS_chroot);
	req.root = "/jail";
	CU_ASSERT_EQUAL(path_roots_get(&roots, &mock_host, &req, root, sizeof(root)), 0);
	CU_ASSERT_STRING_EQUAL(root, "/jail");
	req.root = NULL;
	CU_ASSERT_EQUAL(path_roots_get(&roots, &mock_host, &req, root, sizeof(root)), -ENOENT);
}

static void test_arg_openat2(void)
{
	struct open_how how = {.resolve = RESOLVE_IN_ROOT};
	struct path_roots roots = {.looked = false};

	mock_req(&req, SYS_openat2, 7, MOCK_PTR("/../passwd"), MOCK_PTR(&how), sizeof(how));
	req.fd_path = "/etc";
	CU_ASSERT_EQUAL(path_arg(&roots, &mock_host, &req, &req.call, 1, out), 1);
	CU_ASSERT_STRING_EQUAL(out, "/etc/passwd");
	how.resolve = 0;
	CU_ASSERT_EQUAL(path_arg(&roots, &mock_host, &req, &req.call, 1, out), 1);
	CU_ASSERT_STRING_EQUAL(out, "/passwd");
	req.call.args[2] = 0;
	CU_ASSERT_EQUAL(path_arg(&roots, &mock_host, &req, &req.call, 1, out), -EFAULT);
}

static void test_sockaddr(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct path_roots roots = {.looked = false};
	char text[109];

	mock_req(&req, SYS_connect, 3, MOCK_PTR(&un), 0, 0);
	strcpy(un.sun_path, "run/x");
	CU_ASSERT_EQUAL(path_arg_unix(&roots, &mock_host, &req, MOCK_PTR(&un), sizeof(un), out), 1);
	CU_ASSERT_STRING_EQUAL(out, "/work/run/x");
	/* The size ends the path; a full one has no NUL. */
	CU_ASSERT_EQUAL(path_sockaddr(&mock_host, &req, MOCK_PTR(&un), 2 + 3, text), 1);
	CU_ASSERT_STRING_EQUAL(text, "run");
	memset(un.sun_path, 'x', sizeof(un.sun_path));
	CU_ASSERT_EQUAL(path_sockaddr(&mock_host, &req, MOCK_PTR(&un), sizeof(un), text), 1);
	CU_ASSERT_EQUAL(strlen(text), 108);
	/* Abstract, unnamed, of another family, too long, not there. */
	un.sun_path[0] = '\0';
	CU_ASSERT_EQUAL(path_sockaddr(&mock_host, &req, MOCK_PTR(&un), sizeof(un), text), 0);
	un.sun_path[0] = '/';
	CU_ASSERT_EQUAL(path_sockaddr(&mock_host, &req, MOCK_PTR(&un), 2, text), 0);
	CU_ASSERT_EQUAL(path_sockaddr(&mock_host, &req, MOCK_PTR(&un), sizeof(un) + 1, text), 0);
	CU_ASSERT_EQUAL(path_sockaddr(&mock_host, &req, MOCK_PTR(&un), (uint64_t)-1, text), 0);
	CU_ASSERT_EQUAL(path_sockaddr(&mock_host, &req, 8, sizeof(un), text), -EFAULT);
	CU_ASSERT_EQUAL(path_sockaddr(&mock_host, &req, 0, sizeof(un), text), 0);
	un.sun_family = AF_INET;
	CU_ASSERT_EQUAL(path_sockaddr(&mock_host, &req, MOCK_PTR(&un), sizeof(un), text), 0);
}

UNIT_SUITE(plugin_path, UNIT_TEST(test_clean), UNIT_TEST(test_under), UNIT_TEST(test_globs), UNIT_TEST(test_glob_dir),
	   UNIT_TEST(test_quote), UNIT_TEST(test_errname), UNIT_TEST(test_arg),
	   UNIT_TEST(test_arg_empty), UNIT_TEST(test_arg_long),
	   UNIT_TEST(test_arg_chroot), UNIT_TEST(test_roots), UNIT_TEST(test_arg_openat2),
	   UNIT_TEST(test_sockaddr));
