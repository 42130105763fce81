# SPDX-License-Identifier: GPL-2.0-or-later
# Costs beside the budgets and beside other tools; see README.md here.

BENCH_DIR := $(BUILD)/tests/bench
BENCH_ALL := $(addprefix $(BENCH_DIR)/,bench placement subject load empty_filter bare_ptrace bare_notify prepare.sh)

BENCH_bench     := bench stops calls real side matrix who table timed work run cg
BENCH_placement := placement who table work run cg
BENCH_subject   := subject timed
BENCH_load      := load
BENCH_empty_filter := empty_filter bare
BENCH_bare_ptrace  := bare_ptrace bare
BENCH_bare_notify  := bare_notify bare

define bench_program
$(BENCH_DIR)/$(1): $(addprefix $(BENCH_DIR)/,$(addsuffix .o,$(BENCH_$(1)))) $(STAMP)
	$$(call say,CC)
	$$(Q)$$(CC) $$(LDFLAGS_ALL) -o $$@ $$(filter %.o,$$^) $$(JANSSON_LIBS) -lpthread -lm
endef
$(foreach p,$(basename $(filter-out %.sh,$(notdir $(BENCH_ALL)))),$(eval $(call bench_program,$(p))))

$(BENCH_DIR)/prepare.sh: tests/bench/prepare.sh
	@mkdir -p $(@D)
	$(Q)install -m 755 $< $@

bench: all $(BENCH_ALL)
	$(BENCH_DIR)/bench $(BENCH_FLAGS) $(BIN)/vmmctl

bench-quick: all $(BENCH_ALL)
	$(BENCH_DIR)/bench --quick $(BENCH_FLAGS) $(BIN)/vmmctl

bench-placement: all $(BENCH_ALL)
	$(BENCH_DIR)/placement $(BENCH_FLAGS) $(BIN)/vmmctl

.PHONY: bench bench-quick bench-placement
