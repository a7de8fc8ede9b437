//! What may stand between the tokens of a phrase.

/// Returns the text between two tokens of a phrase in normal form, packed into a little-endian word, or
/// `None` when it is no gap of a phrase.
///
/// A run of white space and hyphens becomes one space, so `ice cream`, `ice-cream` and `ice\ncream` are the
/// same phrase; typographic apostrophes become `'`; everything else stays, so `U.S.` and `u s` differ. A gap
/// is at most 8 bytes in normal form, with at most one line feed and no NUL.
#[inline]
pub fn normal_gap(gap: &str) -> Option<u64> {
    match gap.as_bytes() {
        [] => Some(0),
        [b' ' | b'-'] => Some(u64::from(b' ')),
        _ => normal_gap_of_any(gap),
    }
}

fn normal_gap_of_any(gap: &str) -> Option<u64> {
    let mut normal = [0u8; 8];
    let mut length = 0;
    let mut line_feeds = 0;
    let mut after_space = false;
    for character in gap.chars() {
        if character == '\0' {
            return None;
        }
        line_feeds += u32::from(character == '\n');
        let space = character.is_whitespace() || matches!(character, '-' | '\u{2010}' | '\u{2011}');
        if space && after_space {
            continue;
        }
        after_space = space;
        let kept = match character {
            _ if space => ' ',
            '’' | '‘' => '\'',
            other => other,
        };
        let slot = normal.get_mut(length..length + kept.len_utf8())?;
        kept.encode_utf8(slot);
        length += kept.len_utf8();
    }
    (line_feeds <= 1).then_some(u64::from_le_bytes(normal))
}

/// Returns the bytes of a packed gap and how many of them count.
pub fn gap_bytes(packed: u64) -> ([u8; 8], usize) {
    (
        packed.to_le_bytes(),
        8 - packed.leading_zeros() as usize / 8,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(text: &str) -> Option<String> {
        let (bytes, length) = gap_bytes(normal_gap(text)?);
        Some(String::from_utf8(bytes[..length].to_vec()).unwrap())
    }

    #[test]
    fn spaces_and_hyphens_are_one_space() {
        for same in [" ", "-", "  ", " \n ", "\u{2010}", "\u{A0}", " - "] {
            assert_eq!(gap(same).as_deref(), Some(" "), "{same:?}");
        }
        assert_eq!(gap("").as_deref(), Some(""));
        assert_eq!(gap(", ").as_deref(), Some(", "));
        assert_eq!(gap(" ’").as_deref(), Some(" '"));
    }

    #[test]
    fn long_gaps_paragraphs_and_nul_are_none() {
        for none in ["123456789", "\n\n", " \n \n", "\0"] {
            assert_eq!(gap(none), None, "{none:?}");
        }
        assert_eq!(gap("........").as_deref(), Some("........"));
    }
}
