/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tramp.S - from a hooked function to ours.
 *
 * NAME is called in place of the hooked function's fentry call: (%rsp) is where
 * to go on in it, 8(%rsp) its return address. The handler gets the function's
 * first two arguments and the former address, and returns
 *   rax 0: return into the hooked function, with its arguments intact
 *   else:  drop the frame; the hooked function has "returned" rdx
 * NAME_ip is for a hook that rewrites the instruction pointer instead: the
 * address to go on is in memory.
 *
 * There is no indirect branch, so nothing for IBT to find fault with.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/ibt.h>
#include <asm/nospec-branch.h>
#include <asm/unwind_hints.h>

.macro VMMD_TRAMP name handler on
SYM_FUNC_START(\name\()_ip)
	ENDBR
	pushq	\on(%rip)
	UNWIND_HINT_FUNC
	jmp	\name
SYM_FUNC_END(\name\()_ip)

SYM_FUNC_START(\name)
	ENDBR
	pushq	%rbp
	movq	%rsp, %rbp
#ifdef CALL_DEPTH_ACCOUNT
	CALL_DEPTH_ACCOUNT
#endif
	movq	8(%rbp), %rdx
	pushq	%rdi
	pushq	%rsi
	call	\handler
	popq	%rsi
	popq	%rdi
	popq	%rbp
	testq	%rax, %rax
	jnz	.Linstead\@
	RET
.Linstead\@:
	addq	$8, %rsp
	UNWIND_HINT_FUNC
	movq	%rdx, %rax
	RET
SYM_FUNC_END(\name)
.endm

	.text
VMMD_TRAMP vmmd_tramp_entry, vmmd_hook_entry, vmmd_on_entry
VMMD_TRAMP vmmd_tramp_signal, vmmd_hook_signal, vmmd_on_signal
VMMD_TRAMP vmmd_tramp_ptrace, vmmd_hook_ptrace, vmmd_on_ptrace
VMMD_TRAMP vmmd_tramp_ending, vmmd_hook_ending, vmmd_on_ending

/* bool vmmd_get_signal(ksig, ip): the hooked function itself, from behind its hook. */
SYM_FUNC_START(vmmd_get_signal)
	ENDBR
	pushq	%rsi
	UNWIND_HINT_FUNC
	RET
SYM_FUNC_END(vmmd_get_signal)

	.section .note.GNU-stack,"",@progbits
