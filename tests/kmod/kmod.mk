# SPDX-License-Identifier: GPL-2.0-or-later
# The kernel module: for the headers that are here, and in a machine of its own.

KMOD_TEST_SRCS  := $(wildcard tests/kmod/selftest*.c) tests/kmod/vm.c tests/kmod/bench.c
KMOD_TEST_FLAGS := -std=gnu11 -D_GNU_SOURCE -I. -O2 -g -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -MMD -MP

$(BUILD)/tests/kmod/%.o: tests/kmod/%.c $(STAMP)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(KMOD_TEST_FLAGS) -pthread -c -o $@ $<

# Static: where they run there is nothing but them.
$(BUILD)/tests/kmod/init: $(BUILD)/tests/kmod/init.o
	$(call say,LD)
	$(Q)$(CC) -static -o $@ $^

$(BUILD)/tests/kmod/selftest: $(KMOD_TEST_SRCS:%.c=$(BUILD)/%.o)
	$(call say,LD)
	$(Q)$(CC) -static -pthread -o $@ $^

KMOD_TESTS_BIN := $(BUILD)/tests/kmod/init $(BUILD)/tests/kmod/selftest
TEST_PROGRAMS  += $(KMOD_TESTS_BIN)

# What these need is asked for here and not by `make deps`: nothing else needs it.
kmod-deps:
	@tests/deps.sh tests/packages.txt tests/kmod/packages.txt

kmod-test: kmod-deps test-programs
	@$(RUN_TESTS) kmod

# Costs beside each other, in one boot: by time; and in instructions, which do not depend on what else runs.
kmod-bench: kmod-deps test-programs
	@for icount in '' 1; do \
		KMOD_ICOUNT=$$icount KMOD_STAGES=selftest KMOD_TESTS=bench BUILD=$(abspath $(BUILD)) tests/kmod/run amd64; \
		grep -a '^bench ' $(BUILD)/tests/log/kmod/amd64.results; \
	done

kmod-soak: kmod-deps test-programs
	@BUILD=$(abspath $(BUILD)) tests/kmod/soak

.PHONY: kmod-deps kmod-test kmod-bench kmod-soak
