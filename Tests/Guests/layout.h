// What assembly and C have to agree about.
#pragma once

// A cpu structure: its fields, two stacks for traps and system calls, and the stack.
#define CPU_SIZE 16384
#define CPU_MOST 4
#define CPU_VECTOR 0
#define CPU_ERROR 8
#define CPU_CR2 16
#define CPU_RIP 24
#define CPU_RECOVERY_RIP 32
#define CPU_RECOVERY_RSP 40
#define CPU_NUMBER 48
#define CPU_TRAP_STACK 4096
#define CPU_SYSTEM_STACK 8192

#define KERNEL_CODE 0x08
#define KERNEL_DATA 0x10
#define USER_DATA 0x18
#define USER_CODE 0x20
#define TASK 0x30

#define TRAMPOLINE 0x1000
#define TRAMPOLINE_ROOT 0x1800
#define TRAMPOLINE_STACK 0x1808
#define TRAMPOLINE_BODY 0x1810
#define TRAMPOLINE_GDT 0x1818
