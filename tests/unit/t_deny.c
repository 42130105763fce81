/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_deny.c - tests of vmmd/plugins/deny. */
#define vmmd_plugin deny_vmmd_plugin
#include "vmmd/plugins/deny/deny.c"

#include <netinet/in.h>
#include <sys/un.h>

#include "tests/unit/mock_host.h"

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
	CU_ASSERT_EQUAL(layer.want[SYS_getpid], VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(layer.want[SYS_getppid], 0);
	CU_ASSERT_EQUAL(call(SYS_getpid, 0, 0, 0, 0), -ENOSYS);
	CU_ASSERT_EQUAL(call(SYS_getppid, 0, 0, 0, 0), 0);
	CU_ASSERT_EQUAL(layer.counter[0], 1);
	mock_close(&layer);
	open_deny("deny,syscalls=@all");
	CU_ASSERT_EQUAL(layer.want_other, VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(call(4711, 0, 0, 0, 0), -EPERM);
	mock_close(&layer);
}

static void test_path(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/etc/sock"};

	open_deny("deny,path=/etc/*+/secret,errno=13");
	CU_ASSERT_EQUAL(layer.want[SYS_open], VMMD_WANT_ENTRY);
	CU_ASSERT_EQUAL(layer.want[SYS_read], 0);
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

UNIT_SUITE(deny, UNIT_TEST(test_set), UNIT_TEST(test_path), UNIT_TEST(test_chroot), UNIT_TEST(test_family),
	   UNIT_TEST(test_messages), UNIT_TEST(test_options));
