# SPDX-License-Identifier: GPL-2.0-or-later
# The guest programs: plain programs, never sanitized; they are what vmmd runs.

GUEST_SRCS  := $(filter-out %/g_i386.c,$(wildcard tests/guest/g_*.c))
GUESTS      := $(patsubst tests/guest/%.c,$(BUILD)/tests/guest/%,$(GUEST_SRCS)) $(BUILD)/tests/guest/g_i386
GUEST_FLAGS := -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes

$(BUILD)/tests/guest/g_%: tests/guest/g_%.c $(STAMP)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(GUEST_FLAGS) -MMD -MP -MF $@.d -pthread -o $@ $< -lutil

# No C library: needs no 32-bit packages.
$(BUILD)/tests/guest/g_i386: tests/guest/g_i386.c $(STAMP)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -m32 -O1 -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -fno-pic -nostdlib -static -o $@ $<

TEST_PROGRAMS += $(GUESTS)
