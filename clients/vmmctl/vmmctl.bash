# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion of vmmctl(1). Words hold no blanks, so they may be split.
# shellcheck disable=SC2207

# Names of plugins: the files in the directories where vmmd looks.
_vmmctl_layers()
{
	local bin dir file IFS=:
	bin=$(type -P "${1:-vmmctl}") && bin=$(readlink -f "$bin")
	for dir in ${VMMD_PLUGIN_PATH-} "${bin%/*/*}/lib/vmmd/plugins"; do
		for file in "$dir"/*.so; do
			[[ -e $file ]] && file=${file##*/} && printf '%s\n' "${file%.so}"
		done
	done
}

# Names of the options of a command, from its help.
_vmmctl_options()
{
	"$@" --help 2>/dev/null | grep -oE -- '(^|[ ,])--?[a-z]+' | tr -d ' ,' | sort -u
}

_vmmctl()
{
	local cur prev words cword command='' i
	# Options of layers hold '=' and ':' and are one word.
	_init_completion -n =: || return

	for ((i = 1; i < cword; i++)); do
		case ${words[i]} in
		--socket) ((i++)) ;;
		-*) ;;
		*)
			command=${words[i]}
			break
			;;
		esac
	done
	if [[ -z $command ]]; then
		case $prev in
		--socket) _filedir ;;
		*)
			if [[ $cur == -* ]]; then
				COMPREPLY=($(compgen -W '--socket --help --version' -- "$cur"))
			else
				COMPREPLY=($(compgen -W 'run attach ps show trace answer kill plugins check explain status version' -- "$cur"))
			fi
			;;
		esac
		return
	fi

	# What comes behind the program's name is the program's.
	if [[ $command == run ]]; then
		local j
		for ((j = i + 1; j < cword; j++)); do
			case ${words[j]} in
			--)
				_command_offset $((j + 1))
				return
				;;
			-[clen] | --config | --layer | --engine | --name) ((j++)) ;;
			-*) ;;
			*)
				_command_offset "$j"
				return
				;;
			esac
		done
	fi

	case $command:$prev in
	run:-c | run:--config | attach:-c | attach:--config)
		_filedir '@(yaml|yml|conf)'
		return
		;;
	run:-l | run:--layer | attach:-l | attach:--layer | check:-l | check:--layer | explain:-l | explain:--layer)
		COMPREPLY=($(compgen -W "$(_vmmctl_layers "${words[0]}")" -- "$cur"))
		compopt -o nospace
		return
		;;
	run:-e | run:--engine | check:-e | check:--engine | explain:-e | explain:--engine)
		COMPREPLY=($(compgen -W 'auto kmod seccomp hybrid ptrace' -- "$cur"))
		return
		;;
	attach:-e | attach:--engine)
		COMPREPLY=($(compgen -W 'auto kmod' -- "$cur"))
		return
		;;
	run:-n | run:--name | attach:-n | attach:--name | trace:-l | trace:--layer) return ;;
	trace:--format)
		COMPREPLY=($(compgen -W 'text json' -- "$cur"))
		return
		;;
	esac

	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$(_vmmctl_options "${words[0]}" "$command")" -- "$cur"))
		return
	fi
	case $command in
	run) _command_offset "$cword" ;;
	attach) _pids ;;
	show | trace | kill)
		COMPREPLY=($(compgen -W "$("${words[0]}" ps -q 2>/dev/null)" -- "$cur"))
		;;
	answer)
		if ((cword == i + 1)); then
			COMPREPLY=($(compgen -W "$("${words[0]}" answer -q 2>/dev/null)" -- "$cur"))
		else
			COMPREPLY=($(compgen -W 'allow deny deny=' -- "$cur"))
		fi
		;;
	plugins) COMPREPLY=($(compgen -W "$(_vmmctl_layers "${words[0]}")" -- "$cur")) ;;
	check | explain) _filedir '@(yaml|yml|conf)' ;;
	esac
} &&
	complete -F _vmmctl vmmctl
