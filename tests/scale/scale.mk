# SPDX-License-Identifier: GPL-2.0-or-later
# Thousands of tasks under one session.

SCALE := $(BUILD)/tests/scale/scale
TEST_PROGRAMS += $(SCALE) $(BENCH_DIR)/subject

$(SCALE): $(BUILD)/tests/scale/scale.o $(BENCH_DIR)/side.o $(BENCH_DIR)/table.o $(BENCH_DIR)/cg.o $(STAMP)
	$(call say,CC)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(JANSSON_LIBS) -lm

check-scale: all $(SCALE) $(BENCH_DIR)/subject
	$(SCALE) $(BIN)/vmmctl $(BENCH_DIR)/subject

.PHONY: check-scale
