# SPDX-License-Identifier: GPL-2.0-or-later
# Costs beside the budgets; see README.md here.

BENCH_DIR := $(BUILD)/tests/bench
BENCH_ALL := $(BENCH_DIR)/bench $(BENCH_DIR)/subject $(BENCH_DIR)/bare_ptrace

$(BENCH_DIR)/bench: $(BENCH_DIR)/bench.o $(BENCH_DIR)/side.o $(BENCH_DIR)/table.o $(STAMP)
	$(call say,CC)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) -lm

$(BENCH_DIR)/subject: $(BENCH_DIR)/subject.o $(STAMP)
	$(call say,CC)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) -lpthread

$(BENCH_DIR)/bare_ptrace: $(BENCH_DIR)/bare_ptrace.o $(STAMP)
	$(call say,CC)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^)

bench: all $(BENCH_ALL)
	$(BENCH_DIR)/bench $(BENCH_FLAGS) $(BIN)/vmmctl

bench-quick: all $(BENCH_ALL)
	$(BENCH_DIR)/bench --quick $(BENCH_FLAGS) $(BIN)/vmmctl

.PHONY: bench bench-quick
