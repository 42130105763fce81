# SPDX-License-Identifier: GPL-2.0-or-later
# A real build under four layers.

demo: deps
	@$(MAKE) --no-print-directory -s all
	@tests/demo/demo.sh $(BIN)/vmmctl

.PHONY: demo
