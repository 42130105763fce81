# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the compilers and analyzers find: a file of findings for each source and
# tool, so that only what changed is looked at again. Empty: nothing found.
# tests/static/run makes them in a build directory of their own.

FOUND_SRC := $(VMMD_SRC) $(VMMCTL_SRC) $(wildcard vmmd/plugins/*/*.c vmmd/sdk/example/*.c)
FOUND_HDR := $(wildcard proto/*.h vmmd/*.h vmmd/*/*.h vmmd/sdk/vmmd/*.h vmmd/plugins/*/*.h clients/*/*.h tests/*/*.h)
# Not position independent, for then constants with pointers are not among what can be written.
FOUND_FLAGS = $(filter-out -MMD -MP -fPIE,$(CFLAGS_ALL)) -fno-pie $(CFLAGS_$(basename $(notdir $<)))
FOUND_DEPS  = -MD -MP -MF $(@:.found=.d) -MT $@

define found_compile
$(BUILD)/$(1)/%.c.found: %.c $(STAMP)
	@mkdir -p $$(@D)
	$$(Q)$(1) $$(FOUND_FLAGS) $$(FOUND_DEPS) -c -o $$(@:.c.found=.o) $$< >$$@ 2>&1 || echo 'status '$$$$? >>$$@
$(BUILD)/$(1)/%.h.found: %.h $(STAMP)
	@mkdir -p $$(@D)
	$$(Q)echo '#include "$$<"' | $(1) $$(FOUND_FLAGS) -Wno-unused $$(FOUND_DEPS) -x c -fsyntax-only - >$$@ 2>&1 || \
	  echo 'status '$$$$? >>$$@
endef
$(foreach cc,gcc clang,$(eval $(call found_compile,$(cc))))

# The compiler's findings know all that the source includes.
$(BUILD)/analyze/%.c.found: %.c $(BUILD)/clang/%.c.found tests/static/analyzer.h
	@mkdir -p $(@D)
	$(Q)clang --analyze --analyzer-output text $(FOUND_FLAGS) -include tests/static/analyzer.h -o /dev/null $< >$@ 2>&1 || \
	  echo 'status '$$? >>$@

found: $(foreach cc,gcc clang,$(FOUND_SRC:%=$(BUILD)/$(cc)/%.found) $(FOUND_HDR:%=$(BUILD)/$(cc)/%.found)) \
       $(FOUND_SRC:%=$(BUILD)/analyze/%.found)
.PHONY: found
