//! 4-bit codes of a row, and what corrects them.

use super::codes::{LEVELS, MIDDLE_LEVEL};
use super::halves::{from_half, half_near};
use super::query::norm;

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
        let root_mean_square = norm(&even) / (z.len().max(1) as f64).sqrt();
        let scale = from_half(half_near(root_mean_square as f32 / NARROW_UNIT));
        let inverse = if scale > 0.0 {
            (1.0 / scale).min(f32::MAX)
        } else {
            0.0
        };
        for value in &mut even {
            *value *= inverse;
        }
        let codes: Vec<u8> = even.iter().map(|value| nearest_level(*value)).collect();
        let (mut error, mut norm) = (0.0, 0.0);
        for ((z, spread), code) in z.iter().zip(spreads).zip(&codes) {
            let value = level(*code) * f64::from(scale) * f64::from(*spread);
            error += (f64::from(*z) - value).powi(2);
            norm += value * value;
        }
        NarrowCodes {
            codes,
            scale,
            norm: norm.sqrt(),
            error: error.sqrt(),
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
        let root_mean_square = norm(&off) / (off.len().max(1) as f64).sqrt();
        // Values of plus and minus one half and three halves of it are the best where these are normally distributed.
        let scale = from_half(half_near(root_mean_square as f32 / 2.0));
        let inverse = if scale > 0.0 {
            (0.5 / scale).min(f32::MAX)
        } else {
            0.0
        };
        let codes: Vec<u8> = off
            .iter()
            .map(|off| (off * inverse + 2.0).clamp(0.0, 3.0) as u8)
            .collect();
        let (mut error, mut norm) = (0.0, 0.0);
        for (place, (z, spread)) in z.iter().zip(spreads).enumerate() {
            let correction = codes
                .get(place)
                .map_or(0.0, |code| 2.0 * f64::from(*code) - 3.0);
            let value = level(narrow.codes[place]) * f64::from(narrow.scale)
                + correction * f64::from(scale);
            let value = value * f64::from(*spread);
            error += (f64::from(*z) - value).powi(2);
            norm += value * value;
        }
        Corrections {
            codes,
            scale,
            norm: norm.sqrt(),
            error: error.sqrt(),
        }
    }
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
