/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_deny.c - tests of vmmd/plugins/deny. */
#define vmmd_plugin deny_vmmd_plugin
#include "vmmd/plugins/deny/confine.c"
#include "vmmd/plugins/deny/deny.c"

#include <netinet/in.h>
#include <sys/un.h>

#include "tests/unit/mock_host.h"
#include "vmmd/perform.h"

static struct vmmd_layer layer;
static struct vmmd_req req;

/* 0 if the call may run, or what it is refused with. */
static int64_t call(int64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	mock_req(&req, nr, a0, a1, a2, a3);
	return deny_plugin.entry(layer.self, &req) == VMMD_PASS ? 0 : req.result;
}

static void open_deny(const char *spec)
{
	CU_ASSERT_EQUAL_FATAL(mock_open(&layer, &deny_plugin, spec), 0);
}

static void test_set(void)
{
	open_deny("deny,syscalls=getpid+openat,errno=ENOSYS");
	CU_ASSERT_EQUAL(layer.refuse[SYS_getpid], ENOSYS);
	CU_ASSERT_EQUAL(layer.refuse[SYS_openat], ENOSYS);
	CU_ASSERT_EQUAL(layer.refuse[SYS_getppid], 0);
	/* Nothing is asked, and so nothing can be got round. */
	CU_ASSERT_EQUAL(layer.want[SYS_getpid], 0);
	CU_ASSERT_EQUAL(layer.want[SYS_getppid], 0);
	CU_ASSERT_FALSE(layer.advisory);
	mock_close(&layer);
	/* Numbers that nobody knows are asked about. */
	open_deny("deny,syscalls=@all");
	CU_ASSERT_EQUAL(layer.refuse[SYS_getpid], EPERM);
	CU_ASSERT_EQUAL(layer.want_other, VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(call(4711, 0, 0, 0, 0), -EPERM);
	CU_ASSERT_EQUAL(layer.counter[0], 1);
	CU_ASSERT_FALSE(layer.advisory);
	mock_close(&layer);
}

static void test_path(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/etc/sock"};

	open_deny("deny,path=/etc/*+/secret,errno=13");
	CU_ASSERT_EQUAL(layer.want[SYS_open], VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(layer.want[SYS_read], 0);
	CU_ASSERT_TRUE(layer.advisory);
	CU_ASSERT_EQUAL(call(SYS_open, MOCK_PTR("/etc/passwd"), 0, 0, 0), -EACCES);
	CU_ASSERT_EQUAL(call(SYS_open, MOCK_PTR("/usr/../etc/passwd"), 0, 0, 0), -EACCES);
	CU_ASSERT_EQUAL(call(SYS_open, MOCK_PTR("../etc/passwd"), 0, 0, 0), -EACCES);
	CU_ASSERT_EQUAL(call(SYS_open, MOCK_PTR("/etc"), 0, 0, 0), 0);
	CU_ASSERT_EQUAL(call(SYS_open, MOCK_PTR("etc/passwd"), 0, 0, 0), 0);
	CU_ASSERT_EQUAL(call(SYS_open, 8, 0, 0, 0), -EFAULT);
	CU_ASSERT_EQUAL(call(SYS_rename, MOCK_PTR("/a"), MOCK_PTR("/secret"), 0, 0), -EACCES);
	CU_ASSERT_EQUAL(call(SYS_rename, MOCK_PTR("/secret/"), MOCK_PTR("/a"), 0, 0), -EACCES);
	CU_ASSERT_EQUAL(call(SYS_utimensat, 7, 0, 0, 0), -EBADF);
	CU_ASSERT_EQUAL(call(SYS_connect, 3, MOCK_PTR(&un), sizeof(un), 0), -EACCES);
	un.sun_path[1] = 'x';
	CU_ASSERT_EQUAL(call(SYS_connect, 3, MOCK_PTR(&un), sizeof(un), 0), 0);
	CU_ASSERT_EQUAL(call(SYS_getpid, 0, 0, 0, 0), 0);
	mock_close(&layer);
	open_deny("deny,path=/etc/*,syscalls=unlink+getpid");
	CU_ASSERT_EQUAL(layer.want[SYS_unlink], VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(layer.want[SYS_getpid], 0);
	CU_ASSERT_EQUAL(call(SYS_unlink, MOCK_PTR("/etc/x"), 0, 0, 0), -EPERM);
	CU_ASSERT_EQUAL(call(SYS_open, MOCK_PTR("/etc/x"), 0, 0, 0), 0);
	mock_close(&layer);
}

static void test_chroot(void)
{
	open_deny("deny,path=/etc/*,syscalls=open");
	CU_ASSERT_EQUAL(layer.want[SYS_chroot], VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(call(SYS_open, MOCK_PTR("/passwd"), 0, 0, 0), 0);
	CU_ASSERT_EQUAL(call(SYS_chroot, MOCK_PTR("/etc"), 0, 0, 0), 0);
	mock_req(&req, SYS_open, MOCK_PTR("/passwd"), 0, 0, 0);
	req.root = "/etc";
	CU_ASSERT_EQUAL(deny_plugin.entry(layer.self, &req), VMMD_REPLY);
	mock_close(&layer);
}

static void test_family(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET};

	open_deny("deny,family=inet+inet6+16");
	CU_ASSERT_EQUAL(layer.want[SYS_socket], VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(layer.want[SYS_sendmsg], VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(layer.want[SYS_open], 0);
	CU_ASSERT_EQUAL(call(SYS_socket, AF_INET, 0, 0, 0), -EPERM);
	CU_ASSERT_EQUAL(call(SYS_socket, AF_INET | 1ull << 32, 0, 0, 0), -EPERM);
	CU_ASSERT_EQUAL(call(SYS_socket, AF_NETLINK, 0, 0, 0), -EPERM);
	CU_ASSERT_EQUAL(call(SYS_socket, AF_UNIX, 0, 0, 0), 0);
	CU_ASSERT_EQUAL(call(SYS_socket, (uint64_t)-1, 0, 0, 0), 0);
	CU_ASSERT_EQUAL(call(SYS_socketpair, AF_UNIX, 0, 0, 0), 0);
	CU_ASSERT_EQUAL(call(SYS_connect, 3, MOCK_PTR(&in), sizeof(in), 0), -EPERM);
	CU_ASSERT_EQUAL(call(SYS_connect, 3, 8, sizeof(in), 0), -EFAULT);
	in.sin_family = AF_UNSPEC;
	CU_ASSERT_EQUAL(call(SYS_connect, 3, MOCK_PTR(&in), sizeof(in), 0), 0);
	CU_ASSERT_EQUAL(call(SYS_bind, 3, MOCK_PTR(&in), sizeof(in), 0), -EPERM);
	in.sin_family = AF_UNIX;
	CU_ASSERT_EQUAL(call(SYS_bind, 3, MOCK_PTR(&in), sizeof(in), 0), 0);
	CU_ASSERT_EQUAL(call(SYS_sendto, 3, 0, 0, 0), 0);
	mock_close(&layer);
}

/* A family in a register can be relied on, one in memory cannot. */
static void test_family_confines(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET};

	open_deny("deny,family=inet");
	CU_ASSERT_TRUE(layer.advisory);
	mock_close(&layer);
	open_deny("deny,family=inet,syscalls=socket+socketpair,confine");
	CU_ASSERT_FALSE(layer.advisory);
	CU_ASSERT_EQUAL(layer.want[SYS_socket], VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(layer.want[SYS_connect], 0);
	CU_ASSERT_EQUAL(call(SYS_socket, AF_INET, 0, 0, 0), -EPERM);
	CU_ASSERT_EQUAL(call(SYS_connect, 3, MOCK_PTR(&in), sizeof(in), 0), 0);
	CU_ASSERT_EQUAL(req.read_args, 0);
	mock_close(&layer);
	CU_ASSERT_EQUAL(mock_open(&layer, &deny_plugin, "deny,family=inet,confine"), -EINVAL);
	CU_ASSERT_STRING_EQUAL(layer.log, "family: with confine only syscalls=socket+socketpair: "
					  "an address can be changed after the look");
}

static void test_messages(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct mmsghdr m[2] = {{.msg_len = 0}};

	open_deny("deny,family=inet");
	CU_ASSERT_EQUAL(call(SYS_sendmsg, 3, MOCK_PTR(&m[1].msg_hdr), 0, 0), 0);
	CU_ASSERT_EQUAL(call(SYS_sendmmsg, 3, MOCK_PTR(m), 2, 0), 0);
	m[1].msg_hdr.msg_name = &in;
	m[1].msg_hdr.msg_namelen = sizeof(in);
	CU_ASSERT_EQUAL(call(SYS_sendmsg, 3, MOCK_PTR(&m[1].msg_hdr), 0, 0), -EPERM);
	CU_ASSERT_EQUAL(call(SYS_sendmmsg, 3, MOCK_PTR(m), 2, 0), -EPERM);
	CU_ASSERT_EQUAL(call(SYS_sendmmsg, 3, MOCK_PTR(m), 1, 0), 0);
	CU_ASSERT_EQUAL(call(SYS_sendmsg, 3, 8, 0, 0), -EFAULT);
	mock_close(&layer);
}

static void test_options(void)
{
	CU_ASSERT_EQUAL(mock_open(&layer, &deny_plugin, "deny"), -EINVAL);
	CU_ASSERT_STRING_EQUAL(layer.log, "nothing to refuse: give syscalls, path or family");
	CU_ASSERT_EQUAL(mock_open(&layer, &deny_plugin, "deny,syscalls=getpid,path=/x"), -EINVAL);
	CU_ASSERT_STRING_EQUAL(layer.log,
			       "nothing to refuse: no call in syscalls takes a path or a socket family");
	CU_ASSERT_EQUAL(mock_open(&layer, &deny_plugin, "deny,family=foo"), -EINVAL);
	CU_ASSERT_EQUAL(mock_open(&layer, &deny_plugin, "deny,family=64"), -EINVAL);
	CU_ASSERT_EQUAL(mock_open(&layer, &deny_plugin, "deny,syscalls=getpid,errno=EFOO"), -EINVAL);
	CU_ASSERT_EQUAL(mock_open(&layer, &deny_plugin, "deny,path=etc"), -EINVAL);
}

/* ----------------------------------------------------------------- confine */

static char top[32]; /* of a tree with a secret in it */

static char *in_tree(const char *name)
{
	static char text[4][64];
	static unsigned next;
	char *out = text[next++ % 4];

	snprintf(out, sizeof(text[0]), "%s%s", top, name);
	return out;
}

static void tree_new(void)
{
	static const char *const files[] = {"/secret/key", "/open/file"};

	snprintf(top, sizeof(top), "/tmp/vmmd-deny.XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(top));
	CU_ASSERT_EQUAL(mkdir(in_tree("/secret"), 0700), 0);
	CU_ASSERT_EQUAL(mkdir(in_tree("/open"), 0700), 0);
	for (size_t i = 0; i < 2; i++)
		close(open(in_tree(files[i]), O_CREAT | O_WRONLY, 0600));
	CU_ASSERT_EQUAL(symlink("../secret/key", in_tree("/open/link")), 0);
	CU_ASSERT_EQUAL(symlink("../secret", in_tree("/open/dir")), 0);
	CU_ASSERT_EQUAL(symlink("file", in_tree("/open/fine")), 0);
	CU_ASSERT_EQUAL(symlink("../secret/new", in_tree("/open/nowhere")), 0);
}

static void tree_remove(void)
{
	static const char *const names[] = {"/secret/key", "/open/file", "/open/link", "/open/dir", "/open/fine",
					    "/open/nowhere"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CU_ASSERT_EQUAL(unlink(in_tree(names[i])), 0);
	CU_ASSERT_EQUAL(rmdir(in_tree("/secret")), 0);
	CU_ASSERT_EQUAL(rmdir(in_tree("/open")), 0);
	CU_ASSERT_EQUAL(rmdir(top), 0);
}

static void open_confined(const char *more)
{
	char spec[512];

	snprintf(spec, sizeof(spec), "deny,path=%s/secret+%s/secret/*,confine%s", top, top, more);
	open_deny(spec);
}

/*
 * The call named by nr with `path` at argument i: 0 and, in *to, what runs, or the
 * error. Whatever was read has been replaced, or the call does not run.
 */
static int64_t confined(int64_t nr, unsigned i, const char *path, const uint64_t args[6], const char **to)
{
	int64_t r;

	mock_req(&req, nr, 0, 0, 0, 0);
	memcpy(req.call.args, args, sizeof(req.call.args));
	req.call.args[i] = MOCK_PTR(path);
	r = deny_plugin.entry(layer.self, &req) == VMMD_PASS ? 0 : req.result;
	if (r)
		return r;
	CU_ASSERT_EQUAL(req.read_args & ~req.replaced, 0);
	CU_ASSERT_FALSE(req.read_other);
	*to = (const char *)(uintptr_t)req.call.args[i];
	return 0;
}

#define AT_CWD ((uint64_t)(int64_t)AT_FDCWD)

static void opens(const char *path, uint64_t flags, int64_t want, const char *to)
{
	const char *got = "";
	int64_t r = confined(SYS_openat, 1, path, (uint64_t[6]){AT_CWD, 0, flags, 0600}, &got);

	if (r != want || (to && strcmp(got, to)))
		fprintf(stderr, "open %s: %d, %s\n", path, (int)r, got);
	CU_ASSERT_EQUAL(r, want);
	CU_ASSERT(!to || !strcmp(got, to));
}

static void test_confine_open(void)
{
	char path[128];

	tree_new();
	open_confined("");
	CU_ASSERT_FALSE(layer.advisory);
	CU_ASSERT_EQUAL(layer.want[SYS_openat], VMMD_WANT_ENTRY | VMMD_WANT_MEMORY | VMMD_WANT_PATHS);
	opens(in_tree("/secret/key"), 0, -EPERM, NULL);
	opens(in_tree("/secret/none"), 0, -EPERM, NULL);
	opens(in_tree("/open/link"), 0, -EPERM, NULL);
	opens(in_tree("/open/dir/key"), 0, -EPERM, NULL);
	opens(in_tree("/open/dir/none"), O_CREAT, -EPERM, NULL);
	opens(in_tree("/open/dir/../secret/key"), 0, -EPERM, NULL);
	opens(in_tree("/open/nowhere"), O_CREAT | O_WRONLY, -EPERM, NULL);
	opens(in_tree("/open/nowhere"), 0, -ENOENT, NULL);
	opens(in_tree("/open/dir"), O_DIRECTORY, -EPERM, NULL);
	opens(in_tree("/open/dir/"), O_NOFOLLOW, -EPERM, NULL);
	opens(in_tree("/open/dir/."), O_NOFOLLOW, -EPERM, NULL);
	snprintf(path, sizeof(path), "/proc/self/root%s/secret/key", top);
	opens(path, 0, -EPERM, NULL);
	/* What may be opened has its own name then, in which nothing can be exchanged. */
	opens(in_tree("/open/file"), 0, 0, in_tree("/open/file"));
	opens(in_tree("/open//./file"), 0, 0, in_tree("/open/file"));
	opens(in_tree("/open/fine"), 0, 0, in_tree("/open/file"));
	opens(in_tree("/open/dir/../open/fine"), 0, 0, in_tree("/open/file"));
	opens(in_tree("/open/new"), O_CREAT | O_WRONLY, 0, in_tree("/open/new"));
	opens(in_tree("/open/link"), O_NOFOLLOW, 0, in_tree("/open/link"));
	opens(in_tree("/open/fine"), O_CREAT | O_EXCL, 0, in_tree("/open/fine"));
	opens("/", O_DIRECTORY, 0, "/");
	opens(in_tree("/open/.."), O_DIRECTORY, 0, top);
	opens(in_tree("/none/file"), 0, -ENOENT, NULL);
	opens(in_tree("/open/file/x"), 0, -ENOTDIR, NULL);
	opens("", 0, 0, "");
	opens((const char *)8, 0, -EFAULT, NULL);
	opens(NULL, 0, -EFAULT, NULL);
	mock_close(&layer);
	tree_remove();
}

/* What vmmd cannot follow from outside does not run, whatever the error is. */
static void test_confine_closed(void)
{
	static const char *const errors[] = {"", ",errno=ENOENT"};
	char closed[64];

	tree_new();
	snprintf(closed, sizeof(closed), "%s/open/new", top);
	for (size_t i = 0; i < 2; i++) {
		open_confined(errors[i]);
		mock_req(&req, SYS_openat, AT_CWD, MOCK_PTR(closed), O_CREAT, 0);
		req.closed = closed;
		CU_ASSERT_EQUAL(deny_plugin.entry(layer.self, &req), VMMD_REPLY);
		CU_ASSERT_EQUAL(req.result, i ? -ENOENT : -EPERM);
		CU_ASSERT_EQUAL(req.replaced, 0);
		mock_close(&layer);
	}
	tree_remove();
}

/* The program's own directories and descriptors are out of the path before it runs. */
static void test_confine_dirfd(void)
{
	const char *to = "";
	int fd;

	tree_new();
	open_confined("");
	fd = open(in_tree("/open"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	mock_req(&req, SYS_openat, (uint64_t)fd, MOCK_PTR("fine"), 0, 0);
	req.fd = fd;
	req.fd_path = in_tree("/open");
	CU_ASSERT_EQUAL(deny_plugin.entry(layer.self, &req), VMMD_PASS);
	CU_ASSERT_STRING_EQUAL((const char *)(uintptr_t)req.call.args[1], in_tree("/open/file"));
	mock_req(&req, SYS_openat, (uint64_t)fd, MOCK_PTR("../secret/key"), 0, 0);
	req.fd = fd;
	req.fd_path = in_tree("/open");
	CU_ASSERT_EQUAL(deny_plugin.entry(layer.self, &req), VMMD_REPLY);
	CU_ASSERT_EQUAL(req.result, -EPERM);
	close(fd);
	/* A descriptor itself is open already. */
	CU_ASSERT_EQUAL(confined(SYS_utimensat, 1, NULL, (uint64_t[6]){7}, &to), 0);
	CU_ASSERT_PTR_NULL(to);
	CU_ASSERT_EQUAL(confined(SYS_newfstatat, 1, NULL, (uint64_t[6]){7, 0, 0, AT_EMPTY_PATH}, &to), 0);
	CU_ASSERT_EQUAL(confined(SYS_newfstatat, 1, NULL, (uint64_t[6]){7}, &to), -EFAULT);
	mock_close(&layer);
	tree_remove();
}

static void test_confine_names(void)
{
	const char *to = "";

	tree_new();
	open_confined("");
	/* The link, not what it leads to. */
	CU_ASSERT_EQUAL(confined(SYS_unlink, 0, in_tree("/open/link"), (uint64_t[6]){0}, &to), 0);
	CU_ASSERT_STRING_EQUAL(to, in_tree("/open/link"));
	CU_ASSERT_EQUAL(confined(SYS_unlink, 0, in_tree("/open/dir/key"), (uint64_t[6]){0}, &to), -EPERM);
	CU_ASSERT_EQUAL(confined(SYS_stat, 0, in_tree("/open/link"), (uint64_t[6]){0}, &to), -EPERM);
	CU_ASSERT_EQUAL(confined(SYS_lstat, 0, in_tree("/open/link"), (uint64_t[6]){0}, &to), 0);
	/* But for a closing '/', which says that a directory is meant. */
	CU_ASSERT_EQUAL(confined(SYS_lstat, 0, in_tree("/open/dir/"), (uint64_t[6]){0}, &to), -EPERM);
	CU_ASSERT_EQUAL(confined(SYS_mkdir, 0, in_tree("/open/new/"), (uint64_t[6]){0}, &to), 0);
	CU_ASSERT_STRING_EQUAL(to, in_tree("/open/new/"));
	CU_ASSERT_EQUAL(confined(SYS_rmdir, 0, in_tree("/open/."), (uint64_t[6]){0}, &to), 0);
	CU_ASSERT_STRING_EQUAL(to, in_tree("/open/."));
	CU_ASSERT_EQUAL(confined(SYS_fchownat, 1, in_tree("/open/link"),
				 (uint64_t[6]){AT_CWD, 0, 1, 1, AT_SYMLINK_NOFOLLOW}, &to), 0);
	CU_ASSERT_EQUAL(confined(SYS_fchownat, 1, in_tree("/open/link"), (uint64_t[6]){AT_CWD, 0, 1, 1}, &to),
			-EPERM);
	mock_close(&layer);
	tree_remove();
}

static int64_t two(int64_t nr, const char *from, const char *to, uint64_t flags)
{
	bool at = nr == SYS_renameat2 || nr == SYS_linkat;

	if (at)
		mock_req(&req, nr, AT_CWD, MOCK_PTR(from), AT_CWD, MOCK_PTR(to));
	else
		mock_req(&req, nr, MOCK_PTR(from), MOCK_PTR(to), 0, 0);
	req.call.args[4] = flags;
	return deny_plugin.entry(layer.self, &req) == VMMD_PASS ? 0 : req.result;
}

static void test_confine_two(void)
{
	tree_new();
	open_confined("");
	CU_ASSERT_EQUAL(two(SYS_link, in_tree("/open/dir/key"), in_tree("/open/x"), 0), -EPERM);
	CU_ASSERT_EQUAL(two(SYS_link, in_tree("/open/file"), in_tree("/open/dir/x"), 0), -EPERM);
	CU_ASSERT_EQUAL(two(SYS_linkat, in_tree("/open/link"), in_tree("/open/x"), 0), 0);
	CU_ASSERT_EQUAL(two(SYS_linkat, in_tree("/open/link"), in_tree("/open/x"), AT_SYMLINK_FOLLOW), -EPERM);
	CU_ASSERT_EQUAL(two(SYS_rename, in_tree("/open/file"), in_tree("/open/x"), 0), 0);
	CU_ASSERT_EQUAL(req.replaced, 3);
	CU_ASSERT_EQUAL(two(SYS_rename, in_tree("/open"), in_tree("/x"), 0), 0);
	/* With the directory above, or one exchanged for it, the secret would move. */
	CU_ASSERT_EQUAL(two(SYS_rename, top, "/tmp/x", 0), -EPERM);
	CU_ASSERT_EQUAL(two(SYS_renameat2, in_tree("/open"), top, RENAME_EXCHANGE), -EPERM);
	CU_ASSERT_EQUAL(two(SYS_renameat2, in_tree("/open"), top, 0), 0);
	mock_close(&layer);
	tree_remove();
}

static void test_confine_below(void)
{
	static const struct {
		const char *pattern, *dir;
		bool below;
	} t[] = {
		{"/a/b/c", "/a", true},	    {"/a/b/c", "/a/b", true},  {"/a/b/c", "/a/b/c", false},
		{"/a/b/c", "/a/bc", false}, {"/a/b/c", "/a/b/c/d", false}, {"/a/b/*", "/a/b", true},
		{"/a/b/*", "/a/b/x", true}, {"/a/b/*", "/a/c", false}, {"/a/b*", "/a/b2", true},
		{"/a/?/c", "/a/z", true},   {"/a/?/c", "/b", false},	{"*.key", "/x", true},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		CU_ASSERT_EQUAL(confine_below(t[i].pattern, t[i].dir), t[i].below);
}

/* Each call with a path is asked for, refused, or named as one that is not looked at. */
static void test_confine_calls(void)
{
	tree_new();
	open_confined(",errno=EACCES");
	for (int nr = 0; nr < SYSENT_MAX; nr++) {
		bool wanted = layer.want[nr] & VMMD_WANT_PATHS;

		CU_ASSERT(!wanted || perform_can(nr));
		if (path_find(sysent(nr), VMMD_ARG_PATH) >= 0)
			CU_ASSERT_EQUAL(wanted + !!layer.refuse[nr] + CONFINE_HAS(confine_outside, nr), 1);
	}
	CU_ASSERT_EQUAL(layer.refuse[SYS_mount], EACCES);
	CU_ASSERT_EQUAL(layer.refuse[SYS_open_by_handle_at], EACCES);
	CU_ASSERT_EQUAL(layer.refuse[SYS_openat2], ENOSYS);
	CU_ASSERT_EQUAL(layer.want[SYS_connect], 0);
	mock_close(&layer);
	tree_remove();
}

/* The pattern must be what the kernel calls it, or it would never match. */
static void test_confine_options(void)
{
	char spec[512];

	tree_new();
	snprintf(spec, sizeof(spec), "deny,confine,path=%s/open/dir/*", top);
	CU_ASSERT_EQUAL(mock_open(&layer, &deny_plugin, spec), -EINVAL);
	snprintf(spec, sizeof(spec), "path: with confine give the real name: %s/open/dir is %s/secret", top, top);
	CU_ASSERT_STRING_EQUAL(layer.log, spec);
	snprintf(spec, sizeof(spec), "deny,confine,path=%s/open/dir/none/x", top);
	CU_ASSERT_EQUAL(mock_open(&layer, &deny_plugin, spec), -EINVAL);
	snprintf(spec, sizeof(spec), "deny,confine,path=%s/open/link", top);
	CU_ASSERT_EQUAL(mock_open(&layer, &deny_plugin, spec), -EINVAL);
	CU_ASSERT_EQUAL(mock_open(&layer, &deny_plugin, "deny,confine,path=/x,syscalls=open"), -EINVAL);
	CU_ASSERT_EQUAL(mock_open(&layer, &deny_plugin, "deny,confine,path=/x,family=inet"), -EINVAL);
	CU_ASSERT_STRING_EQUAL(layer.log, "confine with path is for all calls: give syscalls and family in a "
					  "layer of their own");
	open_deny("deny,confine,path=/none/x+*.key+/*/y");
	mock_close(&layer);
	tree_remove();
}

static void test_only_below(void)
{
	open_deny("deny,path=/etc/passwd+/srv/*.key");
	CU_ASSERT_STRING_EQUAL(layer.below, " /etc/passwd /srv");
	mock_close(&layer);
	open_deny("deny,path=*.key,family=inet");
	CU_ASSERT_STRING_EQUAL(layer.below, " /");
	mock_close(&layer);
	open_deny("deny,family=inet");
	CU_ASSERT_STRING_EQUAL(layer.below, "");
	mock_close(&layer);
	/* What confines is asked about every path. */
	open_deny("deny,path=/etc/passwd,confine");
	CU_ASSERT_STRING_EQUAL(layer.below, "");
	mock_close(&layer);
}

UNIT_SUITE(deny, UNIT_TEST(test_set), UNIT_TEST(test_path), UNIT_TEST(test_only_below), UNIT_TEST(test_chroot), UNIT_TEST(test_family),
	   UNIT_TEST(test_family_confines), UNIT_TEST(test_messages), UNIT_TEST(test_options),
	   UNIT_TEST(test_confine_open), UNIT_TEST(test_confine_closed), UNIT_TEST(test_confine_dirfd),
	   UNIT_TEST(test_confine_names), UNIT_TEST(test_confine_two), UNIT_TEST(test_confine_below),
	   UNIT_TEST(test_confine_calls), UNIT_TEST(test_confine_options));
