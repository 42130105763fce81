# SPDX-License-Identifier: GPL-2.0-or-later
# The scenarios: the core on an engine without processes.

SCN_OBJ   := $(patsubst %,$(BUILD)/tests/obj/scenario/%.o,scenario script core action fake fake_perform)
# Calls for a task are told and not made: there is no task.
SCN_CORE  := $(filter-out $(BUILD)/vmmd/perform%.o,$(VMMD_CORE))
SCN_FILES := $(sort $(wildcard tests/scenario/*.scn))

$(BUILD)/tests/scenario: $(SCN_OBJ) $(SCN_CORE) $(STAMP)
	$(call say,CC)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(SCN_OBJ) $(SCN_CORE) $(VMMD_LIBS)

# Nothing that others could write is loaded by the daemon, whatever the umask says.
$(BUILD)/tests/script.so: tests/scenario/layer.c tests/scenario/deeds.c tests/scenario/layer.h $(STAMP)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(filter-out -fPIE,$(CFLAGS_ALL)) -fPIC -shared $(LDFLAGS) $(SAN) -o $@ $(filter %.c,$^)
	@chmod go-w $@ $(@D)

check-scenario: $(BUILD)/tests/scenario $(BUILD)/tests/script.so
	$(BUILD)/tests/scenario $(SCN_FILES)
.PHONY: check-scenario

# The same scenarios with processes, on the module: see real.c. Run in the test machine.
REAL_OBJ := $(patsubst %,$(BUILD)/tests/obj/scenario/%.o,scenario script core action real real_play real_push fake_perform)
$(BUILD)/tests/scenario_real: $(REAL_OBJ) $(BUILD)/tests/kmod/vm.o $(SCN_CORE) $(STAMP)
	$(call say,CC)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(REAL_OBJ) $(BUILD)/tests/kmod/vm.o $(SCN_CORE) $(VMMD_LIBS)

$(BUILD)/tests/puppet: tests/scenario/puppet.c tests/scenario/puppet.h tests/scenario/fake.h $(STAMP)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -std=gnu11 -I. -Ivmmd/sdk -O1 -g -Wall -Wextra -Werror -fno-stack-protector -fcf-protection=none -static -o $@ $<

TEST_PROGRAMS += $(BUILD)/tests/scenario_real $(BUILD)/tests/puppet
