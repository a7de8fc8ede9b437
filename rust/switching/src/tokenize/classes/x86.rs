//! The look-up of byte classes with AVX2 and with AVX-512 VBMI.

use std::arch::x86_64::*;

use super::{Block, CLASSES};

/// Classifies with the widest instructions that the CPU has; false where it has none of them.
pub(super) fn classify(text: &[[u8; 64]], blocks: &mut Vec<Block>) -> bool {
    if has_vbmi() {
        // SAFETY: the CPU has the features.
        unsafe { with_vbmi(text, blocks) };
        true
    } else if is_x86_feature_detected!("avx2") {
        // SAFETY: the CPU has the feature.
        unsafe { with_avx2(text, blocks) };
        true
    } else {
        false
    }
}

fn has_vbmi() -> bool {
    is_x86_feature_detected!("avx512vbmi") && is_x86_feature_detected!("avx512bw")
}

/// The classes by each kernel that this CPU can run.
#[cfg(test)]
pub(super) fn each(text: &[[u8; 64]]) -> Vec<Vec<Block>> {
    let mut all = Vec::new();
    if has_vbmi() {
        let mut blocks = Vec::new();
        // SAFETY: the CPU has the features.
        unsafe { with_vbmi(text, &mut blocks) };
        all.push(blocks);
    }
    if is_x86_feature_detected!("avx2") {
        let mut blocks = Vec::new();
        // SAFETY: the CPU has the feature.
        unsafe { with_avx2(text, &mut blocks) };
        all.push(blocks);
    }
    all
}

/// One permutation looks 64 bytes up in the table of 128.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn with_vbmi(text: &[[u8; 64]], blocks: &mut Vec<Block>) {
    // SAFETY: the table has 128 bytes, of which each load reads one half.
    let (low, high) = unsafe {
        (
            _mm512_loadu_si512(CLASSES.as_ptr().cast()),
            _mm512_loadu_si512(CLASSES.as_ptr().add(64).cast()),
        )
    };
    blocks.reserve(text.len());
    for bytes in text {
        // SAFETY: the load reads the block's 64 bytes.
        let bytes = unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) };
        let wide = _mm512_movepi8_mask(bytes);
        let classes = _mm512_maskz_permutex2var_epi8(!wide, low, bytes, high);
        let mask =
            |class: u32| _mm512_test_epi8_mask(classes, _mm512_set1_epi8((1u8 << class) as i8));
        let masks = [
            mask(0),
            mask(1),
            mask(2),
            mask(3),
            mask(4),
            mask(5),
            mask(6),
            mask(7),
        ];
        blocks.push(Block::new(masks, wide));
    }
}

/// Eight shuffles, one for each sixteenth of the table: a byte of another sixteenth, its index being out of
/// range, takes nothing from it.
#[target_feature(enable = "avx2")]
fn with_avx2(text: &[[u8; 64]], blocks: &mut Vec<Block>) {
    let mut rows = [_mm256_setzero_si256(); 8];
    for (row, classes) in rows.iter_mut().zip(CLASSES.as_chunks::<16>().0) {
        // SAFETY: the load reads the chunk's 16 bytes.
        *row = _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(classes.as_ptr().cast()) });
    }
    blocks.reserve(text.len());
    for bytes in text {
        let mut masks = [0u64; 8];
        let mut wide = 0;
        for (half, bytes) in bytes.as_chunks::<32>().0.iter().enumerate() {
            // SAFETY: the load reads the half's 32 bytes.
            let bytes = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
            let mut classes = _mm256_setzero_si256();
            for (number, &row) in rows.iter().enumerate() {
                let index = _mm256_xor_si256(bytes, _mm256_set1_epi8((number << 4) as i8));
                let index = _mm256_adds_epu8(index, _mm256_set1_epi8(0x70));
                classes = _mm256_or_si256(classes, _mm256_shuffle_epi8(row, index));
            }
            let mask = |bits| u64::from(_mm256_movemask_epi8(bits) as u32) << (32 * half);
            wide |= mask(bytes);
            // The sign bit of each byte is its highest class; doubling brings the next one there.
            for class in (0..8).rev() {
                masks[class] |= mask(classes);
                classes = _mm256_add_epi8(classes, classes);
            }
        }
        blocks.push(Block::new(masks, wide));
    }
}
