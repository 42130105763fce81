/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_log.c - tests of vmmd/log.c. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmmd/log.h"

static char text[4096];
static int fd;

static void begin(enum vmmd_log_level max)
{
	fd = memfd_create("log", MFD_CLOEXEC);
	log_setup(fd, "who", max);
}

static const char *written(void)
{
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = 0;
	log_setup(2, "vmmd", VMMD_LOG_WARNING);
	close(fd);
	return text;
}

static void test_levels(void)
{
	begin(VMMD_LOG_INFO);
	log_error("e %d", 1);
	log_warning("w %s", "2");
	log_info("i");
	log_debug("d");
	CU_ASSERT_STRING_EQUAL(written(), "who: error: e 1\nwho: warning: w 2\nwho: i\n");
}

static void test_hostile_bytes(void)
{
	begin(VMMD_LOG_INFO);
	log_info("a\nb\033[2Jc\177d\te");
	CU_ASSERT_STRING_EQUAL(written(), "who: a?b?[2Jc?d?e\n");
}

static void test_long_line(void)
{
	char big[3000];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	begin(VMMD_LOG_INFO);
	log_info("%s", big);
	log_info("next");
	CU_ASSERT_PTR_EQUAL(strchr(written(), '\n') + 1, strstr(text, "who: next\n"));
	CU_ASSERT(strlen(text) < 1100);
}

static void test_errno_is_kept(void)
{
	begin(VMMD_LOG_INFO);
	errno = EXDEV;
	log_info("x");
	CU_ASSERT_EQUAL(errno, EXDEV);
	log_setup(-1, "who", VMMD_LOG_DEBUG);
	log_info("nowhere");
	CU_ASSERT_STRING_EQUAL(written(), "who: x\n");
}

UNIT_SUITE(log, UNIT_TEST(test_levels), UNIT_TEST(test_hostile_bytes), UNIT_TEST(test_long_line),
	   UNIT_TEST(test_errno_is_kept));
