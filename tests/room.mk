# SPDX-License-Identifier: GPL-2.0-or-later
#
# The tests. Each suite prints a line a test; tests/run sums up.

TEST_PROGRAMS :=
include $(wildcard tests/*/*.mk)
TEST_PROGRAMS += $(BUILD)/tests/unit $(UNIT_FIX) $(BUILD)/tests/scenario $(BUILD)/tests/script.so

RUN_TESTS = BUILD=$(abspath $(BUILD)) CC="$(CC)" tests/run

test-programs: all $(TEST_PROGRAMS)

# What the tests use is installed first; only then can the flags of the libraries be asked for.
# tests/check builds each configuration for itself: with two jobs if make was not told how many.
JOBS := $(or $(patsubst -j%,%,$(filter -j%,$(MAKEFLAGS))),2)
RUN_CHECK = BUILD=$(abspath $(BUILD)) CC="$(CC)" JOBS=$(JOBS) tests/check

check: kmod-deps
	@$(RUN_CHECK)

check-gcc check-asan check-clang: check-%: deps
	@$(RUN_CHECK) $*

check-guest check-system check-static: check-%: test-programs
	@$(RUN_TESTS) $*

.PHONY: check check-gcc check-asan check-clang check-guest check-system check-static test-programs
