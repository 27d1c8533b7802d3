// Accesses to guest memory that survive what happens underneath them.
//
// Guest memory can be unplugged (PROT_NONE), truncated or poisoned while the VMM reads it. Each instruction that
// touches it is listed in cl_fault_fixups together with the address where execution goes on when it faults; the
// SIGSEGV/SIGBUS handler in fault_handler.c looks the faulting instruction up there.
//
// Each function is one access instruction: the compiler can neither repeat nor fold it, and on x86-64 an aligned
// load is an acquire and an aligned store a release.

    .text

// struct cl_load cl_guarded_load_uN(const void *address): RAX the value, RDX 1 after a fault.
    .macro guarded_load name instruction
    .globl \name
    .type \name, @function
\name:
    xorl %edx, %edx
.Laccess_\name:
    \instruction
    ret
    .size \name, . - \name
    .endm

    guarded_load cl_guarded_load_u8, "movzbl (%rdi), %eax"
    guarded_load cl_guarded_load_u16, "movzwl (%rdi), %eax"
    guarded_load cl_guarded_load_u32, "movl (%rdi), %eax"
    guarded_load cl_guarded_load_u64, "movq (%rdi), %rax"

.Lload_fault:
    xorl %eax, %eax
    movl $1, %edx
    ret

// int cl_guarded_store_uN(void *address, uintN_t value): 0, or 1 after a fault.
    .macro guarded_store name instruction
    .globl \name
    .type \name, @function
\name:
    xorl %eax, %eax
.Laccess_\name:
    \instruction
    ret
    .size \name, . - \name
    .endm

    guarded_store cl_guarded_store_u8, "movb %sil, (%rdi)"
    guarded_store cl_guarded_store_u16, "movw %si, (%rdi)"
    guarded_store cl_guarded_store_u32, "movl %esi, (%rdi)"
    guarded_store cl_guarded_store_u64, "movq %rsi, (%rdi)"

.Lstore_fault:
    movl $1, %eax
    ret

// size_t cl_guarded_copy(void *to, const void *from, size_t count): how many bytes were not copied.
    .globl cl_guarded_copy
    .type cl_guarded_copy, @function
cl_guarded_copy:
    movq %rdx, %rcx
.Laccess_cl_guarded_copy:
    rep movsb
.Lstring_fault:
    movq %rcx, %rax
    ret
    .size cl_guarded_copy, . - cl_guarded_copy

// size_t cl_guarded_fill(void *to, uint8_t byte, size_t count): how many bytes were not written.
    .globl cl_guarded_fill
    .type cl_guarded_fill, @function
cl_guarded_fill:
    movl %esi, %eax
    movq %rdx, %rcx
.Laccess_cl_guarded_fill:
    rep stosb
    jmp .Lstring_fault
    .size cl_guarded_fill, . - cl_guarded_fill

// Pairs of 32-bit offsets, each relative to its own place: position-independent without relocations.
    .macro fixup access target
    .long \access - .
    .long \target - .
    .endm

    .section .rodata
    .balign 4
    .globl cl_fault_fixups
    .type cl_fault_fixups, @object
cl_fault_fixups:
    fixup .Laccess_cl_guarded_load_u8, .Lload_fault
    fixup .Laccess_cl_guarded_load_u16, .Lload_fault
    fixup .Laccess_cl_guarded_load_u32, .Lload_fault
    fixup .Laccess_cl_guarded_load_u64, .Lload_fault
    fixup .Laccess_cl_guarded_store_u8, .Lstore_fault
    fixup .Laccess_cl_guarded_store_u16, .Lstore_fault
    fixup .Laccess_cl_guarded_store_u32, .Lstore_fault
    fixup .Laccess_cl_guarded_store_u64, .Lstore_fault
    fixup .Laccess_cl_guarded_copy, .Lstring_fault
    fixup .Laccess_cl_guarded_fill, .Lstring_fault
    .size cl_fault_fixups, . - cl_fault_fixups
    .globl cl_fault_fixups_end
cl_fault_fixups_end:

    .section .note.GNU-stack, "", @progbits
