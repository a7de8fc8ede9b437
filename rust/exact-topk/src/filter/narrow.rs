//! 4-bit codes of a row, and what corrects them.

use super::codes::{LEVELS, MIDDLE_LEVEL};
use super::halves::{from_half, half_near};
use super::query::{inverse_scale, norm};

/// 4-bit codes are for values of this root mean square, which [`LEVELS`] are best for.
const NARROW_UNIT: f32 = 63.0 / 2.7326;

/// The 4-bit codes of some coordinates.
pub(super) struct NarrowCodes {
    pub(super) codes: Vec<u8>,
    pub(super) scale: f32,
    /// The norm of what the codes stand for.
    pub(super) norm: f64,
    /// How far they are from the coordinates.
    pub(super) error: f64,
}

impl NarrowCodes {
    pub(super) fn new(z: &[f32], spreads: &[f32], inverse_spreads: &[f32]) -> Self {
        let mut even: Vec<f32> = z
            .iter()
            .zip(inverse_spreads)
            .map(|(z, inverse)| z * inverse)
            .collect();
        let scale = from_half(half_near(root_mean_square(&even) / NARROW_UNIT));
        let inverse = inverse_scale(scale);
        for value in &mut even {
            *value *= inverse;
        }
        let codes: Vec<u8> = even.iter().map(|value| nearest_level(*value)).collect();
        let values = codes.iter().map(|code| level(*code) * f64::from(scale));
        let (norm, error) = norm_and_error(z, spreads, values);
        NarrowCodes {
            codes,
            scale,
            norm,
            error,
        }
    }
}

/// How far 4-bit codes are from the coordinates, in 2 bits each.
pub(super) struct Corrections {
    /// From 0 to 3, which stand for -3, -1, 1 and 3.
    pub(super) codes: Vec<u8>,
    pub(super) scale: f32,
    /// The norm of what the 4-bit codes stand for, corrected.
    pub(super) norm: f64,
    /// How far that is from the coordinates.
    pub(super) error: f64,
}

impl Corrections {
    /// Of the first `count` coordinates.
    pub(super) fn new(
        z: &[f32],
        spreads: &[f32],
        inverse_spreads: &[f32],
        narrow: &NarrowCodes,
        count: usize,
    ) -> Self {
        let values = narrow
            .codes
            .iter()
            .map(|code| level(*code) as f32 * narrow.scale);
        let off: Vec<f32> = z
            .iter()
            .zip(inverse_spreads)
            .zip(values)
            .map(|((z, inverse), value)| z * inverse - value)
            .take(count)
            .collect();
        // Values of plus and minus one half and three halves of it are the best where these are normally distributed.
        let scale = from_half(half_near(root_mean_square(&off) / 2.0));
        let inverse = inverse_scale(2.0 * scale);
        let codes: Vec<u8> = off
            .iter()
            .map(|off| (off * inverse + 2.0).clamp(0.0, 3.0) as u8)
            .collect();
        let corrections = codes.iter().map(|code| 2.0 * f64::from(*code) - 3.0);
        let corrections = corrections.chain(std::iter::repeat(0.0));
        let values = narrow.codes.iter().zip(corrections);
        let values = values.map(|(code, correction)| {
            level(*code) * f64::from(narrow.scale) + correction * f64::from(scale)
        });
        let (norm, error) = norm_and_error(z, spreads, values);
        Corrections {
            codes,
            scale,
            norm,
            error,
        }
    }
}

fn root_mean_square(values: &[f32]) -> f32 {
    (norm(values) / (values.len().max(1) as f64).sqrt()) as f32
}

/// The norm of values in units of the spreads, and how far they are from the coordinates.
fn norm_and_error(z: &[f32], spreads: &[f32], values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut norm, mut error) = (0.0, 0.0);
    for ((z, spread), value) in z.iter().zip(spreads).zip(values) {
        let value = value * f64::from(*spread);
        norm += value * value;
        error += (f64::from(*z) - value).powi(2);
    }
    (norm.sqrt(), error.sqrt())
}

/// What a code stands for.
pub(super) fn level(code: u8) -> f64 {
    f64::from(LEVELS[usize::from(code) % LEVELS.len()]) - f64::from(MIDDLE_LEVEL)
}

/// The place of the level that is nearest to a value.
pub(super) fn nearest_level(value: f32) -> u8 {
    // All are compared with, which is vector code.
    let levels = LEVELS.iter().zip(&LEVELS[1..]);
    levels
        .map(|(below, above)| {
            let middle = (f32::from(*below) + f32::from(*above)) / 2.0 - f32::from(MIDDLE_LEVEL);
            u8::from(value > middle)
        })
        .sum()
}
