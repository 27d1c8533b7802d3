// Where a guest begins, in long mode with the first 4 GiB mapped to themselves and interrupts off; and what C can't
// say: traps, changes of privilege, and the way of another vCPU from real mode.

#include "layout.h"

    .intel_syntax noprefix
    .section .entry, "ax"
    .code64
    .globl start
start:
    jmp first
    .balign 8
    // Filled in by the test, at an offset of 8.
    .globl parameters
parameters:
    .fill 8, 8, 0
first:
    lea rsp, [rip + cpus + CPU_SIZE]
    call toolkit_start
    call guest_main
halt:
    hlt
    jmp halt

    .text
// void guarded_call(void (*body)(void *), void *argument): 0, or 1 when it ended in a trap, which the cpu structure
// tells about.
    .globl guarded_call
guarded_call:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov rdx, rsp
    and rdx, -CPU_SIZE
    mov [rdx + CPU_RECOVERY_RSP], rsp
    lea rax, [rip + recovered]
    mov [rdx + CPU_RECOVERY_RIP], rax
    mov rax, rdi
    mov rdi, rsi
    sub rsp, 8
    call rax
    add rsp, 8
    xor eax, eax
    jmp unwind
recovered:
    mov eax, 1
unwind:
    mov rdx, rsp
    and rdx, -CPU_SIZE
    mov qword ptr [rdx + CPU_RECOVERY_RIP], 0
    cld
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

// void enter_user(void (*body)(void)): calls it at CPL 3; it must not return. It may switch interrupts on.
    .globl enter_user
enter_user:
    mov rdx, rsp
    and rdx, -CPU_SIZE
    lea rax, [rdx + CPU_SIZE - 8]
    push USER_DATA | 3
    push rax
    push 0x3002
    push USER_CODE | 3
    push rdi
    iretq

// uint64_t privileged(uint64_t (*body)(void *), void *argument): calls it at CPL 0, from whatever level.
    .globl privileged
privileged:
    mov eax, cs
    test al, 3
    jnz 1f
    mov rax, rdi
    mov rdi, rsi
    jmp rax
1:
    // Software KVM has neither interrupt instructions nor call gates; an undefined instruction leads to CPL 0 on all.
    .globl system_call
system_call:
    ud2
    ret

// Each vector's stub pushes the error code, where the processor doesn't, and the number.
    .macro stub number
    .balign 16
    .if \number != 8 && (\number < 10 || \number > 14) && \number != 17 && \number != 21
    push 0
    .endif
    push \number
    jmp trap
    .endm
    .globl trap_stubs
    .balign 16
trap_stubs:
    .set vector, 0
    .rept 32
    stub vector
    .set vector, vector + 1
    .endr

trap:
    // vector, error, rip, cs, rflags, rsp, ss; on a stack within the cpu structure, whatever the interrupted one was.
    push rax
    push rdx
    mov rdx, rsp
    and rdx, -CPU_SIZE
    mov rax, [rsp + 16]
    mov [rdx + CPU_VECTOR], rax
    mov rax, [rsp + 24]
    mov [rdx + CPU_ERROR], rax
    mov rax, [rsp + 32]
    mov [rdx + CPU_RIP], rax
    mov rax, cr2
    mov [rdx + CPU_CR2], rax
    mov rax, [rdx + CPU_RECOVERY_RIP]
    test rax, rax
    jz unexpected
    mov [rsp + 32], rax
    mov rax, [rdx + CPU_RECOVERY_RSP]
    mov [rsp + 56], rax
    pop rdx
    pop rax
    add rsp, 16
    iretq
unexpected:
    mov edi, [rsp + 16]
    call unexpected_trap
    jmp halt

// Of undefined instructions: the one above is a call, all others are traps.
    .globl undefined_instruction
undefined_instruction:
    push 0
    push 6
    push rax
    lea rax, [rip + system_call]
    cmp [rsp + 24], rax
    pop rax
    jne trap
    add qword ptr [rsp + 16], 2
    push rcx
    push rdx
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    mov rax, rdi
    mov rdi, rsi
    sub rsp, 8
    call rax
    add rsp, 8
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rdx
    pop rcx
    add rsp, 16
    iretq

// Of the local APIC's timer: counts.
    .globl timer_interrupt
timer_interrupt:
    push rax
    inc qword ptr [rip + timer_count]
    mov eax, 0xFEE000B0
    mov dword ptr [rax], 0
    pop rax
    iretq

// Another vCPU starts here in real mode, after a copy to TRAMPOLINE, with what it needs behind it.
    .globl trampoline, trampoline_end
    .code16
trampoline:
    cli
    xor eax, eax
    mov ds, ax
    lgdt [TRAMPOLINE_GDT]
    mov eax, 0x620
    mov cr4, eax
    mov eax, [TRAMPOLINE_ROOT]
    mov cr3, eax
    mov ecx, 0xC0000080
    rdmsr
    or eax, 0x100
    wrmsr
    mov eax, 0x80050033
    mov cr0, eax
    .byte 0x66, 0xEA
    .long TRAMPOLINE + trampoline_long - trampoline
    .word KERNEL_CODE
    .code64
trampoline_long:
    mov eax, KERNEL_DATA
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov fs, eax
    mov gs, eax
    mov rsp, [TRAMPOLINE_STACK]
    mov rax, [TRAMPOLINE_BODY]
    call rax
trampoline_halt:
    hlt
    jmp trampoline_halt
trampoline_end:
