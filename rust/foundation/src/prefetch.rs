//! Asking memory for what will be read soon.

/// Bytes that memory is read by: a cache line.
pub const LINE: usize = 64;

/// Brings the cache line of `values[at]` near; does nothing where `at` is out of range or the CPU has no
/// stable instruction for it.
#[inline(always)]
pub fn prefetch<T>(values: &[T], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(value) = values.get(at) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 CPU has the instruction; the address is that of a live value.
        unsafe { _mm_prefetch(std::ptr::from_ref(value).cast(), _MM_HINT_T0) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, at);
}
