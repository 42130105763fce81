# SPDX-License-Identifier: GPL-2.0-or-later
# The unit tests: every t_NAME.c here is the suite NAME.

UNIT_SRC := $(wildcard tests/unit/*.c)
UNIT_OBJ := $(UNIT_SRC:tests/%.c=$(BUILD)/tests/obj/%.o) $(BUILD)/tests/obj/unit_list.o \
	    $(BUILD)/tests/obj/scenario/fake.o $(BUILD)/tests/obj/scenario/action.o
UNIT     := $(patsubst t_%.c,%,$(notdir $(wildcard tests/unit/t_*.c)))
UNIT_FIX := $(patsubst tests/unit/fixtures/%.c,$(BUILD)/tests/fixtures/%.so,$(wildcard tests/unit/fixtures/*.c))

# The list of suites changes with the files, not only with their contents.
UNIT_LIST := $(BUILD)/tests/obj/unit_list.c
define UNIT_TEXT
#include "tests/unit/unit.h"
$(foreach u,$(UNIT),extern const struct unit_suite unit_suite_$(u);)
const struct unit_suite *const unit_suites[] = { $(foreach u,$(UNIT),&unit_suite_$(u),) NULL };
endef
$(shell mkdir -p $(BUILD)/tests/obj)
ifneq ($(strip $(file <$(UNIT_LIST))),$(strip $(UNIT_TEXT)))
$(file >$(UNIT_LIST),$(UNIT_TEXT))
endif

# Objects of tests lie apart: build/tests/unit is the program.
$(BUILD)/tests/obj/%.o: tests/%.c $(STAMP)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS_ALL) -c -o $@ $<

$(BUILD)/tests/obj/unit_list.o: $(UNIT_LIST) $(STAMP)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS_ALL) -c -o $@ $<

# Plugins may be loaded by the tests: what the daemon exports must be there for them.
$(BUILD)/tests/unit: $(UNIT_OBJ) $(VMMD_CORE) $(STAMP) | $(UNIT_FIX) $(BUILD)/tests/script.so $(filter $(PLUG)/%,$(ALL))
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(UNIT_OBJ) $(VMMD_CORE) $(VMMD_LIBS) -lcunit

$(BUILD)/tests/fixtures/%.so: tests/unit/fixtures/%.c $(STAMP)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(filter-out -fPIE,$(CFLAGS_ALL)) -fPIC -shared $(LDFLAGS) $(SAN) -o $@ $<
	@chmod go-w $@ $(@D)

check-unit: $(BUILD)/tests/unit $(UNIT_FIX) $(BUILD)/tests/script.so
	$(BUILD)/tests/unit
.PHONY: check-unit
