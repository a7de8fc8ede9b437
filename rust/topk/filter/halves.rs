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
