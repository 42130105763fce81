# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# docs.sh - manual pages say everything that the programs offer; completion works.

pages() { all_files | grep '\.[1578]$'; }

verdict docs/pages "$(
	for p in vmmctl.1 vmmd.8 vmmd.conf.5 vmmd-plugin.7 vmmd-control.7; do
		pages | grep -q "\(^\|/\)$p\$" || echo "$p is missing"
	done
	for d in vmmd/plugins/*/; do
		d=$(basename "$d")
		[ "$d" = common ] || [ -f "vmmd/plugins/$d/vmmd-$d.7" ] || echo "vmmd-$d.7 is missing"
	done
)"
verdict docs/mandoc "$(pages | xargs mandoc -T lint -W warning 2>&1)"

# Names in a page: mdoc marks options of layers with Cm and of commands with Fl.
in_page() {
	mandoc -T ascii "$1" | col -b | grep -q -E -- "(^|[^[:alnum:]_-])$2([^[:alnum:]_-]|\$)"
}

plugins=$("$VMMCTL" plugins --json)
check docs/plugins-json jq -e 'length > 0' <<<"$plugins"
for name in $(jq -r '.[].name' <<<"$plugins"); do
	verdict "docs/layer/$name" "$(
		for option in $(jq -r ".[] | select(.name == \"$name\") | .options[].name" <<<"$plugins"); do
			in_page "vmmd/plugins/$name/vmmd-$name.7" "$option" || echo "$name: the page does not name $option"
		done
	)"
done
verdict docs/vmmctl "$(
	for command in '' run attach ps show trace answer kill plugins check explain status version; do
		[ -z "$command" ] || in_page clients/vmmctl/vmmctl.1 "$command" || echo "the page does not name $command"
		help=$("$VMMCTL" $command --help) || echo "vmmctl $command --help: status $?"
		for option in $(grep -o -E -- '--[a-z][a-z-]+' <<<"$help" | sort -u); do
			in_page clients/vmmctl/vmmctl.1 "$option" || echo "vmmctl $command: the page does not name $option"
		done
	done
)"
verdict docs/vmmd "$(
	help=$("$VMMD" --help) || echo "vmmd --help: status $?"
	for option in $(grep -o -E -- '--[a-z][a-z-]+' <<<"$help" | sort -u); do
		in_page vmmd/vmmd.8 "$option" || echo "the page does not name $option"
	done
)"

# complete LINE…: what bash offers for the last word.
complete_words() {
	PATH=$BUILD/bin:$PATH bash -c '
		. /usr/share/bash-completion/bash_completion
		. clients/vmmctl/vmmctl.bash || exit 1
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE=$* COMP_POINT=${#COMP_LINE} COMPREPLY=()
		compopt() { :; } # there is no line to be edited
		_vmmctl
		printf "%s\n" "${COMPREPLY[@]}"' bash "$@" 2>&1 | tr '\n' ' '
}
check completion/parses bash -n clients/vmmctl/vmmctl.bash
check_match completion/commands 'run .*show .*trace .*answer .*plugins .*check ' "$(complete_words vmmctl '')"
check_eq completion/command 'plugins ' "$(complete_words vmmctl pl)"
check_eq completion/layer 'rewrite remap ' "$(complete_words vmmctl run -l re | tr ' ' '\n' | sort -r | sed '/^$/d' | tr '\n' ' ')"
check_match completion/option '(^| )--json ' "$(complete_words vmmctl ps --j)"
check_match completion/engine '(^| )ptrace ' "$(complete_words vmmctl run -e pt)"
check_eq completion/attach-engine 'kmod ' "$(complete_words vmmctl attach -e k)"
check_match completion/pids "(^| )$$ " "$(complete_words vmmctl attach '')"
check_match completion/program 'tests/static/run' "$(complete_words vmmctl run -l null -- tests/static/ru)"
