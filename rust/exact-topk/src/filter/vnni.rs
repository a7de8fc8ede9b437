//! The kernel for x86-64 with AVX-512 and VNNI: sixteen sums are one register, and a step is one
//! instruction.

use std::arch::x86_64::*;
use std::sync::OnceLock;

use super::Candidate;
use super::codes::{CodeBlock, Codes, GROUP, LEVELS, STEP_BYTES};
use super::scan::scan_block;
use super::tails::{self, ROWS, Sums, TailCodes, Tails};

/// Queries per call.
pub(super) const WIDEST_PANEL: usize = 8;

/// Whether the CPU is a Zen 4.
pub(super) fn is_zen_4() -> bool {
    static ZEN_4: OnceLock<bool> = OnceLock::new();
    *ZEN_4.get_or_init(|| {
        #[allow(unused_unsafe, reason = "newer compilers know it for safe")]
        // SAFETY: every x86-64 CPU has these leaves.
        let leaf = |number| unsafe { __cpuid(number) };
        let (vendor, version) = (leaf(0), leaf(1).eax);
        let name = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes);
        let family = (version >> 8 & 0xF) + (version >> 20 & 0xFF);
        // Zen 3 is of the same family.
        let is_zen_4 = family == 0x19 && is_x86_feature_detected!("avx512f");
        name.concat() == b"AuthenticAMD" && is_zen_4
    })
}

/// Scans a block.
///
/// # Safety
///
/// The CPU has AVX-512 F, VL, BW and VNNI; and the contract of [`scan_block`].
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512vnni")]
pub(super) unsafe fn scan(block: &mut CodeBlock<'_>) {
    // SAFETY: the caller's CPU has the instructions, and each arm names the number of queries. A tile has at
    // most 24 sums, which leaves registers for its rows and one query.
    unsafe {
        match block.reaches.len() {
            1 => scan_block::<Zmm, 8, 1>(block),
            2 => scan_block::<Zmm, 8, 2>(block),
            3 => scan_block::<Zmm, 6, 3>(block),
            4 => scan_block::<Zmm, 6, 4>(block),
            5 => scan_block::<Zmm, 4, 5>(block),
            6 => scan_block::<Zmm, 4, 6>(block),
            7 => scan_block::<Zmm, 3, 7>(block),
            8 => scan_block::<Zmm, 3, 8>(block),
            queries => debug_assert_eq!(queries, 0),
        }
    }
}

/// [`tails::refine`].
///
/// # Safety
///
/// The CPU has AVX-512 F, VL, BW and VNNI.
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512vnni")]
pub(super) unsafe fn refine(
    rows: &Tails<'_>,
    candidates: &mut Vec<Candidate>,
    from: usize,
    threshold: f32,
) {
    tails::refine(rows, candidates, from, threshold, |rows, codes| {
        // SAFETY: the caller's CPU has the instructions; `refine` promises the lengths.
        unsafe { sums(rows, codes) }
    });
}

/// [`tails::sums`].
///
/// # Safety
///
/// The CPU has AVX-512 F, VL, BW and VNNI; the planes of the query's codes are as long as each other, of 32 bytes or a multiple
/// of 64, and no longer than a row.
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512vnni")]
#[inline]
unsafe fn sums(rows: [&[u8]; ROWS], codes: &TailCodes) -> Sums {
    // SAFETY: all that is read is within the rows, and within planes of one length.
    unsafe {
        let load = |from: *const u8, mask| _mm512_maskz_loadu_epi8(mask, from.cast());
        let plane = |query: &[i8], at, mask| _mm512_maskz_loadu_epi8(mask, query.as_ptr().add(at));
        let levels = _mm512_broadcast_i32x4(_mm_loadu_si128(LEVELS.as_ptr().cast()));
        let (half, quarter) = (_mm512_set1_epi8(15), _mm512_set1_epi8(3));
        let level = |codes| _mm512_shuffle_epi8(levels, _mm512_and_si512(codes, half));
        let [lower, upper] = &codes.halves;
        let mask = whole(lower.len());
        let mut second = [_mm512_setzero_si512(); ROWS];
        for at in (0..lower.len()).step_by(64) {
            let (lower, upper) = (plane(lower, at, mask), plane(upper, at, mask));
            for (sum, row) in second.iter_mut().zip(rows) {
                let codes = load(row.as_ptr().add(at), mask);
                *sum = _mm512_dpbusd_epi32(*sum, level(codes), lower);
                *sum = _mm512_dpbusd_epi32(*sum, level(_mm512_srli_epi16::<4>(codes)), upper);
            }
        }
        let [first, next, third, last] = &codes.quarters;
        let mask = whole(first.len());
        let code = |codes| _mm512_and_si512(codes, quarter);
        let mut correction = [_mm512_setzero_si512(); ROWS];
        for at in (0..first.len()).step_by(64) {
            let (from, after) = (plane(first, at, mask), plane(next, at, mask));
            let (third, last) = (plane(third, at, mask), plane(last, at, mask));
            for (sum, row) in correction.iter_mut().zip(rows) {
                let codes = load(row.as_ptr().add(row.len() - first.len() + at), mask);
                *sum = _mm512_dpbusd_epi32(*sum, code(codes), from);
                *sum = _mm512_dpbusd_epi32(*sum, code(_mm512_srli_epi16::<2>(codes)), after);
                *sum = _mm512_dpbusd_epi32(*sum, code(_mm512_srli_epi16::<4>(codes)), third);
                *sum = _mm512_dpbusd_epi32(*sum, code(_mm512_srli_epi16::<6>(codes)), last);
            }
        }
        Sums {
            second: fold(second),
            correction: fold(correction),
        }
    }
}

/// The sum of each register.
///
/// # Safety
///
/// The CPU has AVX-512 F and VL.
#[target_feature(enable = "avx512f,avx512vl")]
#[inline]
unsafe fn fold(sums: [__m512i; ROWS]) -> [i32; ROWS] {
    let pair = |x, y| _mm512_add_epi32(_mm512_unpacklo_epi32(x, y), _mm512_unpackhi_epi32(x, y));
    let (x, y) = (pair(sums[0], sums[1]), pair(sums[2], sums[3]));
    // A sum of each in every 128 bits.
    let sums = _mm512_add_epi32(_mm512_unpacklo_epi64(x, y), _mm512_unpackhi_epi64(x, y));
    let upper = _mm512_extracti64x4_epi64::<1>(sums);
    let sums = _mm256_add_epi32(_mm512_castsi512_si256(sums), upper);
    let upper = _mm256_extracti128_si256::<1>(sums);
    let sums = _mm_add_epi32(_mm256_castsi256_si128(sums), upper);
    let mut folded = [0; ROWS];
    // SAFETY: there is room for four numbers.
    unsafe { _mm_storeu_si128(folded.as_mut_ptr().cast(), sums) };
    folded
}

/// The bytes of a register to read of a plane that is a multiple of registers, or half of one.
fn whole(bytes: usize) -> u64 {
    if bytes.is_multiple_of(64) {
        u64::MAX
    } else {
        u64::from(u32::MAX)
    }
}

/// Registers that [`multiply_adds`] works on.
pub(super) const COUNTERS: usize = 16;

/// `rounds` times [`STEP_BYTES`] multiply-adds on each of [`COUNTERS`] registers, for the measurement of the
/// peak; returns the sum of all.
///
/// # Safety
///
/// The CPU has AVX-512 F, VL, BW and VNNI.
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512vnni")]
pub(super) unsafe fn multiply_adds(rounds: u64) -> i64 {
    // Opaque, so that the compiler can't count for us.
    let ones = std::hint::black_box([1; STEP_BYTES]);
    // SAFETY: the caller's CPU has the instructions, and both pointers are to a whole register.
    unsafe {
        let one = Zmm::load(ones.as_ptr());
        let mut sums = [Zmm::start(0); COUNTERS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = sum.add(one, one);
            }
        }
        let mut lanes = [0i32; GROUP];
        let mut total = 0;
        for sum in sums {
            _mm512_storeu_si512(lanes.as_mut_ptr().cast(), sum.0);
            total += lanes.iter().copied().map(i64::from).sum::<i64>();
        }
        total
    }
}

/// One register of sums.
#[derive(Clone, Copy)]
pub(super) struct Zmm(__m512i);

// SAFETY (all methods): the trait's contract gives the instructions and readable memory.
impl Codes for Zmm {
    type Rows = __m512i;
    type Query = __m512i;
    type Floats = __m512;
    const FEW_SUMS: usize = 8;

    #[inline(always)]
    unsafe fn start(sum: i32) -> Self {
        unsafe { Zmm(_mm512_set1_epi32(sum)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn load_narrow(from: *const u8) -> [__m512i; 2] {
        unsafe {
            let levels = _mm512_broadcast_i32x4(_mm_loadu_si128(LEVELS.as_ptr().cast()));
            let lower_half = _mm512_set1_epi8(15);
            let codes = _mm512_loadu_si512(from.cast());
            let lower = _mm512_and_si512(codes, lower_half);
            let upper = _mm512_and_si512(_mm512_srli_epi16::<4>(codes), lower_half);
            [
                _mm512_shuffle_epi8(levels, lower),
                _mm512_shuffle_epi8(levels, upper),
            ]
        }
    }

    #[inline(always)]
    unsafe fn query(from: *const u32) -> __m512i {
        unsafe { _mm512_set1_epi32(from.read_unaligned().cast_signed()) }
    }

    #[inline(always)]
    unsafe fn add(self, rows: __m512i, query: __m512i) -> Self {
        unsafe { Zmm(_mm512_dpbusd_epi32(self.0, rows, query)) }
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        unsafe { Zmm(_mm512_add_epi32(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn store_sums(self, to: *mut i32) {
        unsafe { _mm512_storeu_si512(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn load_sums(from: *const i32) -> Self {
        unsafe { Zmm(_mm512_loadu_si512(from.cast())) }
    }

    #[inline(always)]
    unsafe fn halves(from: *const u8) -> __m512 {
        unsafe {
            let halves = _mm256_loadu_si256(from.cast());
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(halves)))
        }
    }

    #[inline(always)]
    unsafe fn equal(float: f32) -> __m512 {
        unsafe { _mm512_set1_ps(float) }
    }

    #[inline(always)]
    unsafe fn weighted(floats: __m512, weight: f32, more: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(floats, _mm512_set1_ps(weight), more) }
    }

    #[inline(always)]
    unsafe fn scaled(self, scale: __m512, factor: f32, more: __m512) -> __m512 {
        unsafe {
            let scale = _mm512_mul_ps(scale, _mm512_set1_ps(factor));
            _mm512_fmadd_ps(_mm512_cvtepi32_ps(self.0), scale, more)
        }
    }

    #[inline(always)]
    unsafe fn reaches(floats: __m512, threshold: f32) -> u16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(floats, _mm512_set1_ps(threshold)) }
    }

    #[inline(always)]
    unsafe fn note(uppers: *const f32, first_row: u32, rows: u16, to: *mut Candidate) {
        unsafe {
            let lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
            let numbers = _mm512_add_epi32(lanes, _mm512_set1_epi32(first_row.cast_signed()));
            let uppers = _mm512_maskz_compress_epi32(rows, _mm512_loadu_si512(uppers.cast()));
            let numbers = _mm512_maskz_compress_epi32(rows, numbers);
            // Pairs of a bound and a number, as candidates are laid out.
            let first = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
            let second = _mm512_add_epi32(first, _mm512_set1_epi32(8));
            let first = _mm512_permutex2var_epi32(uppers, first, numbers);
            let second = _mm512_permutex2var_epi32(uppers, second, numbers);
            _mm512_storeu_si512(to.cast(), first);
            _mm512_storeu_si512(to.add(8).cast(), second);
        }
    }

    #[inline(always)]
    unsafe fn store(floats: __m512, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, floats) }
    }

    #[inline(always)]
    unsafe fn prefetch(address: *const u8) {
        unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) }
    }

    #[inline(always)]
    unsafe fn prefetch_near(address: *const u8) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
    }
}
