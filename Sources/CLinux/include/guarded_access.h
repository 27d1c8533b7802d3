#pragma once

#include <stddef.h>
#include <stdint.h>

/// A value read from guest memory, or the word that the read faulted.
struct cl_load {
    uint64_t value;
    /// 0, or 1 when the access faulted; the value is 0 then.
    uint64_t faulted;
};

// Each reads its bytes exactly once, whatever the compiler does around it; an aligned one is an acquire.
struct cl_load cl_guarded_load_u8(const void *address);
struct cl_load cl_guarded_load_u16(const void *address);
struct cl_load cl_guarded_load_u32(const void *address);
struct cl_load cl_guarded_load_u64(const void *address);

// Each writes its bytes at once; an aligned one is a release. 0, or 1 when the access faulted.
int cl_guarded_store_u8(void *address, uint8_t value);
int cl_guarded_store_u16(void *address, uint16_t value);
int cl_guarded_store_u32(void *address, uint32_t value);
int cl_guarded_store_u64(void *address, uint64_t value);

/// Copies between guest memory and the VMM's, forwards. Returns how many bytes at the end were not copied because
/// of a fault on either side.
size_t cl_guarded_copy(void *to, const void *from, size_t count);

/// Fills guest memory with one byte. Returns how many bytes at the end were not written because of a fault.
size_t cl_guarded_fill(void *to, uint8_t byte, size_t count);

/// Orders everything before it against everything after it (a store against a later load too).
static inline void cl_full_barrier(void) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/// Installs the SIGSEGV and SIGBUS handlers that the guarded accesses need. Signals from elsewhere go to the
/// handlers that were there before. Idempotent. Returns 0 or a negated errno.
int cl_install_fault_handlers(void);
