//! What a value of a row is stored as. Scores are always those of the exactly converted values.

use foundation::prefetch::{LINE, prefetch};

/// The element type of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// IEEE 754 single precision.
    Float32,
    /// IEEE 754 half precision: 11 significant bits, to 65,504.
    Float16,
    /// The upper half of a float32: 8 significant bits, and its range.
    BFloat16,
}

impl Element {
    /// All element types.
    pub const ALL: [Element; 3] = [Element::Float32, Element::Float16, Element::BFloat16];

    /// The name that numpy and others know it by.
    pub fn name(self) -> &'static str {
        match self {
            Element::Float32 => "float32",
            Element::Float16 => "float16",
            Element::BFloat16 => "bfloat16",
        }
    }

    /// Bytes per value.
    pub fn size(self) -> usize {
        match self {
            Element::Float32 => 4,
            Element::Float16 | Element::BFloat16 => 2,
        }
    }
}

/// Values of one of the element types.
#[derive(Clone, Copy, Debug)]
pub(super) enum Values<'a> {
    Float32(&'a [f32]),
    Float16(&'a [u16]),
    BFloat16(&'a [u16]),
}

impl<'a> Values<'a> {
    pub(super) fn element(self) -> Element {
        match self {
            Values::Float32(_) => Element::Float32,
            Values::Float16(_) => Element::Float16,
            Values::BFloat16(_) => Element::BFloat16,
        }
    }

    pub(super) fn len(self) -> usize {
        match self {
            Values::Float32(values) => values.len(),
            Values::Float16(bits) | Values::BFloat16(bits) => bits.len(),
        }
    }

    /// The values from `start` to `end`, which are in range.
    pub(super) fn slice(self, start: usize, end: usize) -> Values<'a> {
        match self {
            Values::Float32(values) => Values::Float32(&values[start..end]),
            Values::Float16(bits) => Values::Float16(&bits[start..end]),
            Values::BFloat16(bits) => Values::BFloat16(&bits[start..end]),
        }
    }

    /// Where they begin.
    pub(super) fn as_ptr(self) -> *const u8 {
        match self {
            Values::Float32(values) => values.as_ptr().cast(),
            Values::Float16(bits) | Values::BFloat16(bits) => bits.as_ptr().cast(),
        }
    }

    /// Asks memory for all of them.
    pub(super) fn prefetch(self) {
        match self {
            Values::Float32(values) => prefetch_all(values),
            Values::Float16(bits) | Values::BFloat16(bits) => prefetch_all(bits),
        }
    }

    /// Converts the first values, as many as `out` takes.
    pub(super) fn decode(self, out: &mut [f32]) {
        match self {
            Values::Float32(values) => out.copy_from_slice(&values[..out.len()]),
            Values::Float16(bits) => decode::<Float16>(bits, out),
            Values::BFloat16(bits) => decode::<BFloat16>(bits, out),
        }
    }
}

fn prefetch_all<T>(values: &[T]) {
    for line in (0..values.len()).step_by(LINE / size_of::<T>()) {
        prefetch(values, line);
    }
}

fn decode<E: Encoding>(stored: &[E::Stored], out: &mut [f32]) {
    for (out, stored) in out.iter_mut().zip(stored) {
        *out = E::decode(*stored);
    }
}

/// An element type at compile time, for which loops are made.
pub(super) trait Encoding {
    /// How a value lies in memory.
    type Stored: Copy + Sync;

    /// The same value in f32, exactly.
    fn decode(stored: Self::Stored) -> f32;

    /// Whether it is neither NaN nor infinite.
    fn is_finite(stored: Self::Stored) -> bool;
}

/// [`Element::Float32`].
pub(super) struct Float32;

impl Encoding for Float32 {
    type Stored = f32;

    #[inline(always)]
    fn decode(stored: f32) -> f32 {
        stored
    }

    #[inline(always)]
    fn is_finite(stored: f32) -> bool {
        stored.is_finite()
    }
}

/// [`Element::Float16`].
pub(super) struct Float16;

impl Float16 {
    const EXPONENT: u16 = 0x7c00;
}

impl Encoding for Float16 {
    type Stored = u16;

    // No branches, so that it becomes vector code; no denormal numbers, so that a process that
    // flushes them gets the same.
    #[inline(always)]
    fn decode(stored: u16) -> f32 {
        let sign = u32::from(stored & 0x8000) << 16;
        let magnitude = u32::from(stored & 0x7fff);
        let exponent = stored & Self::EXPONENT;
        let bias: u32 = if exponent == Self::EXPONENT {
            (255 - 31) << 23
        } else {
            (127 - 15) << 23
        };
        let normal = (magnitude << 13) + bias;
        // Below the smallest normal half, the magnitude counts steps of 2^-24.
        let denormal = (magnitude as f32 * (1.0 / (1 << 24) as f32)).to_bits();
        let magnitude = if exponent == 0 { denormal } else { normal };
        f32::from_bits(sign | magnitude)
    }

    #[inline(always)]
    fn is_finite(stored: u16) -> bool {
        stored & Self::EXPONENT != Self::EXPONENT
    }
}

/// [`Element::BFloat16`].
pub(super) struct BFloat16;

impl Encoding for BFloat16 {
    type Stored = u16;

    #[inline(always)]
    fn decode(stored: u16) -> f32 {
        f32::from_bits(u32::from(stored) << 16)
    }

    #[inline(always)]
    fn is_finite(stored: u16) -> bool {
        Self::decode(stored).is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of a half, in f64.
    fn specified(bits: u16) -> f64 {
        let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
        let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 0x3ff));
        match exponent {
            0 => sign * fraction * 2f64.powi(-24),
            31 if fraction == 0.0 => sign * f64::INFINITY,
            31 => f64::NAN,
            _ => sign * (1024.0 + fraction) * 2f64.powi(exponent - 25),
        }
    }

    #[test]
    fn every_half_is_converted_exactly() {
        for bits in 0..=u16::MAX {
            let (found, expected) = (f64::from(Float16::decode(bits)), specified(bits));
            assert_eq!(found.is_nan(), expected.is_nan(), "{bits:#06x}");
            assert!(
                found.to_bits() == expected.to_bits() || expected.is_nan(),
                "{bits:#06x}"
            );
            assert_eq!(
                Float16::is_finite(bits),
                expected.is_finite(),
                "{bits:#06x}"
            );
        }
    }

    #[test]
    fn a_bfloat16_is_the_upper_half_of_a_float32() {
        for (bits, value) in [
            (0x3f80, 1.0),
            (0xc040, -3.0),
            (0x0001, 9.183_55e-41),
            (0x7f80, f32::INFINITY),
        ] {
            assert_eq!(BFloat16::decode(bits), value);
            assert_eq!(BFloat16::is_finite(bits), value.is_finite());
        }
        assert!(!BFloat16::is_finite(0x7fc0));
    }
}
