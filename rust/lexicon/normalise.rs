//! The normal form under which tokens are compared; part of the format's version.

use caseless::Caseless as _;
use unicode_normalization::UnicodeNormalization as _;

use crate::tokenize::tokens;

/// Appends the normal form of a token: soft hyphens dropped, typographic apostrophes made `'`, then
/// Unicode compatibility composition and full case folding (NFKC, fold, NFKC, as for NFKC_Casefold). Where
/// that is more than one token (`½`, `㌔`, the ligature `ヿ`) composition is canonical (NFC), so that a normal
/// form is always one token and its own normal form.
///
/// ASCII takes a short cut and so do most Latin, Greek and Cyrillic letters.
pub(super) fn normalise_into(token: &str, normal: &mut String) {
    let start = normal.len();
    for character in token.chars() {
        match simple_fold(character) {
            Some(folded) => normal.push(folded),
            None => {
                normal.truncate(start);
                normalise_any(token, normal);
                return;
            }
        }
    }
}

/// The normal form of a token.
pub fn normalise(token: &str) -> String {
    let mut normal = String::with_capacity(token.len());
    normalise_into(token, &mut normal);
    normal
}

/// The fold of a letter that is composed, is its own NFKC and folds to one letter that is so too; none of
/// these combines with the letter before it.
#[inline]
fn simple_fold(character: char) -> Option<char> {
    match character {
        '\0'..='\x7F' => Some(character.to_ascii_lowercase()),
        '’' | '‘' => Some('\''),
        'À'..='Ö' | 'Ø'..='Þ' => char::from_u32(u32::from(character) + 0x20),
        'à'..='ö' | 'ø'..='ÿ' => Some(character),
        // Greek and Cyrillic capitals and small letters without marks, and й ё of Cyrillic
        'Α'..='Ρ' | 'Σ'..='Ω' | 'А'..='Я' => char::from_u32(u32::from(character) + 0x20),
        'α'..='ρ' | 'σ'..='ω' | 'а'..='џ' => Some(character),
        'Ѐ'..='Џ' => char::from_u32(u32::from(character) + 0x50),
        '\u{4E00}'..='\u{9FA5}' | 'ぁ'..='ゔ' | 'ァ'..='ヺ' => Some(character),
        _ => None,
    }
}

fn normalise_any(token: &str, normal: &mut String) {
    let characters = token.chars().filter(|&character| character != '\u{AD}');
    let plain = characters.map(|character| match character {
        '’' | '‘' | 'ʼ' => '\'',
        other => other,
    });
    let start = normal.len();
    let folded = plain.clone().nfd().default_case_fold();
    normal.extend(folded.nfkc().default_case_fold().nfkc());
    let compatible = normal.get(start..).unwrap_or_default();
    let mut tokens = tokens(compatible);
    let first = tokens.next().map(|token| (token.start, token.end));
    if first != Some((0, compatible.len())) {
        normal.truncate(start);
        let folded = plain.nfd().default_case_fold();
        normal.extend(folded.nfc().default_case_fold().nfc());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_that_mean_the_same_become_one() {
        for (token, normal) in [
            ("Straße", "strasse"),
            ("Ｃａｆｅ\u{301}", "café"),
            ("so\u{AD}ft", "soft"),
            ("l’Eau", "l'eau"),
            ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
            ("ЁЛКА", "ёлка"),
            ("Ѐ", "ѐ"),
            ("ﬁn", "fin"),
            ("İ", "i\u{307}"),
            ("½", "½"),
            ("ヿ", "ヿ"),
            ("Ⅻ", "xii"),
        ] {
            assert_eq!(normalise(token), normal);
        }
    }

    #[test]
    fn the_short_cut_is_the_general_form_of_every_character() {
        for character in (0..=0x10FFFF).filter_map(char::from_u32) {
            if let Some(folded) = simple_fold(character) {
                let mut general = String::new();
                normalise_any(&character.to_string(), &mut general);
                assert_eq!(general, folded.to_string(), "{character:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_short_cut_is_the_general_form(token in "[a-zA-Zà-ÿÀ-Þ'’Α-ΩА-Яа-яё語]{0,12}") {
            let mut general = String::new();
            normalise_any(&token, &mut general);
            prop_assert_eq!(normalise(&token), general);
        }

        #[test]
        fn a_normal_form_is_one_token_and_its_own_normal_form(text in "\\w{1,12}") {
            for token in tokens(&text) {
                let normal = normalise(&text[token.start..token.end]);
                let whole = tokens(&normal).map(|token| (token.start, token.end)).collect::<Vec<_>>();
                prop_assert_eq!(whole, [(0, normal.len())]);
                prop_assert_eq!(normalise(&normal), normal);
            }
        }
    }
}
