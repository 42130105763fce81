/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_req_path.c - tests of vmmd/req_path.c. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "vmmd/layer.h"
#include "vmmd/req_path.h"

static struct vmmd_call calls[REQ_CALL_VIEWS];
static struct vmmd_layer layer;
static struct vmmd_req req = {.calls = calls, .asked = &layer, .fd = -1};

static void test_copies(void)
{
	uint64_t a, b;
	char buf[16];

	CU_ASSERT_EQUAL(req_path_add(&req, "/first", &a), 0);
	CU_ASSERT_EQUAL(req_path_add(&req, "", &b), 0);
	CU_ASSERT(a != b);
	/* No program has such an address: neither half of the address space. */
	CU_ASSERT(a >= 1ull << 56 && a < 0xff00000000000000u);
	CU_ASSERT_STRING_EQUAL(req_path_text(&req, a), "/first");
	CU_ASSERT_STRING_EQUAL(req_path_text(&req, b), "");
	CU_ASSERT_PTR_NULL(req_path_text(&req, a + 1));
	CU_ASSERT_PTR_NULL(req_path_text(&req, 0));
	CU_ASSERT_EQUAL(req_path_read(&req, a + 2, buf, sizeof(buf)), 5);
	CU_ASSERT_STRING_EQUAL(buf, "irst");
	CU_ASSERT_EQUAL(req_path_read(&req, a, buf, 3), 3);
	CU_ASSERT_EQUAL(req_path_read(&req, a + 7, buf, 1), -ENOENT);
	CU_ASSERT_EQUAL(req_path_read(&req, 4096, buf, 1), -ENOENT);
	CU_ASSERT_EQUAL(req_path_read(&req, UINT64_MAX, buf, 1), -ENOENT);
	CU_ASSERT_FALSE(req_path_used(&req));
	calls[REQ_CALL_NOW].args[5] = b;
	CU_ASSERT_TRUE(req_path_used(&req));
	req_path_free(&req);
	CU_ASSERT_FALSE(req_path_used(&req));
	CU_ASSERT_PTR_NULL(req_path_text(&req, a));
}

static void test_lengths(void)
{
	static char longest[PATH_MAX + 1];
	uint64_t a, b;
	char c;

	memset(longest, 'x', PATH_MAX);
	CU_ASSERT_EQUAL(req_path_add(&req, longest, &a), -ENAMETOOLONG);
	longest[PATH_MAX - 1] = '\0';
	CU_ASSERT_EQUAL(req_path_add(&req, longest, &a), 0);
	CU_ASSERT_EQUAL(req_path_add(&req, "next", &b), 0);
	/* The end of one is not the beginning of the other. */
	CU_ASSERT_EQUAL(req_path_read(&req, a + PATH_MAX - 1, &c, 1), 1);
	CU_ASSERT_EQUAL(req_path_read(&req, a + PATH_MAX, &c, 1), -ENOENT);
	req_path_free(&req);
}

static void test_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	req.fd = fd;
	req_path_drop_fd(&req);
	CU_ASSERT_EQUAL(req.fd, -1);
	CU_ASSERT_EQUAL(fcntl(fd, F_GETFD), -1);
	req_path_drop_fd(&req);
	req.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	req_path_free(&req);
	CU_ASSERT_EQUAL(req.fd, -1);
}

/* What an advisory layer makes of a copy that confines does so, too: until the request ends. */
static void test_confines(void)
{
	struct vmmd_layer advisory = {.advisory = true};
	uint64_t outer, inner;

	CU_ASSERT_FALSE(req_path_confines(&req));
	req.asked = &advisory;
	CU_ASSERT_EQUAL(req_path_add(&req, "/free", &inner), 0);
	CU_ASSERT_FALSE(req_path_confines(&req));
	req_path_free(&req);
	req.asked = &layer;
	CU_ASSERT_EQUAL(req_path_add(&req, "/outer", &outer), 0);
	req.asked = &advisory;
	CU_ASSERT_EQUAL(req_path_add(&req, "/inner", &inner), 0);
	calls[REQ_CALL_NOW].args[0] = inner;
	CU_ASSERT_TRUE(req_path_confines(&req));
	req_path_free(&req);
	CU_ASSERT_FALSE(req_path_confines(&req));
	req.asked = &layer;
}

UNIT_SUITE(req_path, UNIT_TEST(test_copies), UNIT_TEST(test_lengths), UNIT_TEST(test_descriptor), UNIT_TEST(test_confines));
