# SPDX-License-Identifier: GPL-2.0-or-later
# The kernel module: for the headers that are here, and in a machine of its own.

KMOD_TEST_SRCS  := $(wildcard tests/kmod/selftest*.c) tests/kmod/vm.c
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

# The others run in the host's file system; these beside those of tests/bench.
$(BUILD)/tests/kmod/attachee: $(BUILD)/tests/kmod/attachee.o
	$(call say,LD)
	$(Q)$(CC) -pthread -o $@ $^

KMOD_BENCH_BIN := $(addprefix $(BUILD)/tests/kmod/,bench bare_kmod each_subject)
$(BUILD)/tests/kmod/bench: $(BUILD)/tests/kmod/bench.o $(addprefix $(BUILD)/tests/bench/,side.o cg.o table.o)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(JANSSON_LIBS) -lm

$(BUILD)/tests/kmod/bare_kmod: $(BUILD)/tests/kmod/bench_bare.o $(BUILD)/tests/bench/bare.o
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^

$(BUILD)/tests/kmod/each_subject: $(BUILD)/tests/kmod/bench_subject.o
	$(call say,LD)
	$(Q)$(CC) -o $@ $^

KMOD_TESTS_BIN := $(addprefix $(BUILD)/tests/kmod/,init selftest attachee)
TEST_PROGRAMS  += $(KMOD_TESTS_BIN)

# What these need is asked for here and not by `make deps`: nothing else needs it.
kmod-deps:
	@tests/deps.sh tests/packages.txt tests/kmod/packages.txt

kmod-test: kmod-deps test-programs
	@$(RUN_TESTS) kmod

# Costs beside the budgets, by time; and in instructions, which do not depend on what else runs.
kmod-bench: kmod-deps all $(KMOD_TESTS_BIN) $(KMOD_BENCH_BIN) $(BENCH_ALL)
	@BUILD=$(abspath $(BUILD)) tests/kmod/bench_run

kmod-soak: kmod-deps test-programs
	@BUILD=$(abspath $(BUILD)) tests/kmod/soak

.PHONY: kmod-deps kmod-test kmod-bench kmod-soak
