//! Upper halves of floats, little-endian, as they are stored beside codes.

/// The upper half of the float that is nearest to this one among those that have no other.
pub(super) fn half_near(value: f32) -> [u8; 2] {
    let half = value.to_bits().saturating_add(0x7FFF) >> 16;
    (half as u16).to_le_bytes()
}

/// The upper half of a float that is not above this one, which is not negative.
pub(super) fn half_below(value: f32) -> [u8; 2] {
    ((value.to_bits() >> 16) as u16).to_le_bytes()
}

/// The float of an upper half.
pub(super) fn from_half(half: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(half)) << 16)
}

/// The upper half of a float that is not below this one, which is not negative.
pub(super) fn half_above(value: f32) -> [u8; 2] {
    let half = value.to_bits().saturating_add(0xFFFF) >> 16;
    (half as u16).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn halves_have_the_sign_and_no_end_where_floats_have_none() {
        assert_eq!(from_half(half_near(-0.0)).to_bits(), (-0.0f32).to_bits());
        assert_eq!(from_half(half_near(f32::INFINITY)), f32::INFINITY);
        assert_eq!(from_half(half_above(f32::INFINITY)), f32::INFINITY);
        assert_eq!(from_half(half_near(-f32::MAX)), f32::NEG_INFINITY);
        assert!(from_half(half_near(f32::NAN)).is_nan());
        assert!(from_half(half_above(f32::NAN)).is_nan());
    }

    proptest! {
        #[test]
        fn halves_are_near_above_and_below(value in -1e38f32..1e38) {
            let near = from_half(half_near(value));
            prop_assert!((near - value).abs() <= value.abs() / 256.0 + f32::from_bits(0x7FFF));
            prop_assert_eq!(half_near(near), half_near(value));
            let value = value.abs();
            prop_assert!(from_half(half_above(value)) >= value);
            prop_assert!(from_half(half_below(value)) <= value);
        }
    }
}
