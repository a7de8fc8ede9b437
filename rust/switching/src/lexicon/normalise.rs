//! The normal form under which tokens are compared; part of the format's version.

use caseless::Caseless as _;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::tokenize::tokens;

/// Appends the normal form of a token: soft hyphens dropped, typographic apostrophes made `'`, then
/// Unicode compatibility composition and full case folding (NFKC, fold, NFKC, as for NFKC_Casefold), then
/// without reading signs ([`without_reading_signs`]) and with one `i` for the four of Turkish (`i İ ı I`), which
/// capitals without their dot don't tell apart. Where that is more than one token (`½`, `㌔`, the ligature `ヿ`)
/// or none (a tatweel alone) the signs stay, or composition is canonical (NFC), so that a normal form is always
/// one token and its own normal form.
///
/// ASCII takes a short cut and so do most Latin, Greek and Cyrillic letters.
pub(super) fn normalise_into(token: &str, normal: &mut String) {
    let start = normal.len();
    for character in token.chars() {
        match simple_fold(character) {
            Some(folded) => normal.push(folded),
            None => {
                normal.truncate(start);
                normal.push_str(&normalise_any(token));
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

/// Text, canonically composed, without the signs that help to read a word and that most texts leave out: Arabic
/// short vowels and tatweel, and the stress marks over vowels of Cyrillic.
pub fn without_reading_signs(text: &str) -> String {
    without_signs(text, false)
}

/// The characters of a spelling, by which two are the same but for case: canonically composed, in small
/// letters, plain apostrophes, any white space as a space, no soft hyphens.
///
/// `dotless` says that the small letter of `I` is `ı`, as in Turkish.
pub fn caseless(spelling: &str, dotless: bool) -> impl Iterator<Item = char> + '_ {
    let small = move |character: char| match character {
        '’' | '‘' | 'ʼ' => '\''.to_lowercase(),
        'I' if dotless => 'ı'.to_lowercase(),
        'İ' => 'i'.to_lowercase(),
        'ς' => 'σ'.to_lowercase(),
        other if other.is_whitespace() => ' '.to_lowercase(),
        other => other.to_lowercase(),
    };
    let characters = spelling.nfc().filter(|&character| character != '\u{AD}');
    characters.flat_map(small)
}

/// Whether the small letter of `I` is `ı` in a language.
pub fn is_dotless(language: &str) -> bool {
    matches!(language.split('-').next(), Some("tr" | "az"))
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
        // Ѐ and Ѝ are letters with a stress mark.
        'Ѐ' | 'Ѝ' | 'ѐ' | 'ѝ' => None,
        // Greek and Cyrillic capitals and small letters without marks, and й ё of Cyrillic
        'Α'..='Ρ' | 'Σ'..='Ω' | 'А'..='Я' => char::from_u32(u32::from(character) + 0x20),
        'α'..='ρ' | 'σ'..='ω' | 'а'..='џ' => Some(character),
        'Ё'..='Џ' => char::from_u32(u32::from(character) + 0x50),
        '\u{4E00}'..='\u{9FA5}' | 'ぁ'..='ゔ' | 'ァ'..='ヺ' => Some(character),
        _ => None,
    }
}

fn normalise_any(token: &str) -> String {
    let characters = token.chars().filter(|&character| character != '\u{AD}');
    let plain = characters.map(|character| match character {
        '’' | '‘' | 'ʼ' => '\'',
        other => other,
    });
    let folded = || plain.clone().nfd().default_case_fold();
    let compatible: String = folded().nfkc().default_case_fold().nfkc().collect();
    one_token(compatible).unwrap_or_else(|| {
        let canonical: String = folded().nfc().default_case_fold().nfc().collect();
        one_token(canonical.clone()).unwrap_or(canonical)
    })
}

/// Text without signs if it is one token, else with them if it is so.
fn one_token(text: String) -> Option<String> {
    let is_one = |text: &String| {
        let first = tokens(text).next();
        first.is_some_and(|token| (token.start, token.end) == (0, text.len()))
    };
    if text.chars().any(is_sign) {
        let without = without_signs(&text, true);
        if is_one(&without) {
            return Some(without);
        }
    }
    Some(text).filter(is_one)
}

/// Whether [`without_signs`] may drop or change a character.
fn is_sign(character: char) -> bool {
    is_arabic_sign(character)
        || matches!(
            character,
            '\u{300}' | '\u{301}' | '\u{307}' | 'ı' | 'Ѐ' | 'Ѝ' | 'ѐ' | 'ѝ'
        )
}

/// Tatweel, short vowels, nunation, shadda, sukun and superscript alef.
fn is_arabic_sign(character: char) -> bool {
    matches!(character, '\u{640}' | '\u{64B}'..='\u{652}' | '\u{670}')
}

fn without_signs(text: &str, one_i: bool) -> String {
    let mut base = '\0';
    let decomposed = text.nfd().filter_map(|character| {
        if !is_combining_mark(character) {
            base = character;
        }
        match character {
            _ if is_arabic_sign(character) => None,
            '\u{300}' | '\u{301}' if is_cyrillic_vowel(base) => None,
            '\u{307}' if one_i && base == 'i' => None,
            'ı' if one_i => Some('i'),
            other => Some(other),
        }
    });
    decomposed.nfc().collect()
}

fn is_cyrillic_vowel(character: char) -> bool {
    "аеиоуыэюяєіѣәөүұАЕИОУЫЭЮЯЄІѢӘӨҮҰ".contains(character)
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
            ("Ѐ", "е"),
            ("за́мок", "замок"),
            ("ё\u{301}лка", "ёлка"),
            ("ЌЕ", "ќе"),
            ("كَتَبَ", "كتب"),
            ("كــتاب", "كتاب"),
            ("ا\u{64E}\u{653}", "آ"),
            ("ـ", "ـ"),
            ("\u{FE71}", "\u{640}\u{64B}"),
            ("ﾊﾞ", "バ"),
            ("ﾞ", "ﾞ"),
            ("İSTANBUL", "istanbul"),
            ("Isparta", "isparta"),
            ("ısı", "isi"),
            ("ﬁn", "fin"),
            ("İ", "i"),
            ("I\u{323}\u{307}", "ị"),
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
                let general = normalise_any(&character.to_string());
                assert_eq!(general, folded.to_string(), "{character:?}");
            }
        }
    }

    #[test]
    fn spellings_are_compared_without_case() {
        let same = |left: &str, right: &str, dotless: bool| {
            caseless(left, dotless).eq(caseless(right, dotless))
        };
        for (left, right) in [
            ("MAẞE", "Maße"),
            ("C\u{327}’a", "ç'A"),
            ("ΟΔΟΣ", "οδος"),
            ("İl", "il"),
            ("hard\ndisk", "Hard disk"),
        ] {
            assert!(same(left, right, false), "{left} {right}");
        }
        assert!(!same("MASSE", "maße", false));
        assert!(same("KIL", "kil", false) && !same("KIL", "kil", true) && same("KIL", "kıl", true));
    }

    #[test]
    fn reading_signs_go_and_all_else_stays() {
        for (text, plain) in [
            ("За́мок, Москва́!", "Замок, Москва!"),
            ("كِتابـٌ", "كتاب"),
            ("Ѓорѓи ќе café İı", "Ѓорѓи ќе café İı"),
        ] {
            assert_eq!(without_reading_signs(text), plain);
        }
    }

    proptest! {
        #[test]
        fn the_short_cut_is_the_general_form(token in "[a-zA-Zà-ÿÀ-Þ'’Α-ΩА-Яа-яё語]{0,12}") {
            prop_assert_eq!(normalise(&token), normalise_any(&token));
        }

        #[test]
        fn a_normal_form_is_one_token_and_its_own_normal_form(
            text in "\\w{1,12}|[\\w\u{300}-\u{308}\u{640}\u{64B}-\u{655}\u{670}ıİѝеا½ﾊ-ﾟ]{1,6}"
        ) {
            for token in tokens(&text) {
                let normal = normalise(&text[token.start..token.end]);
                let whole = tokens(&normal).map(|token| (token.start, token.end)).collect::<Vec<_>>();
                prop_assert_eq!(whole, [(0, normal.len())]);
                prop_assert_eq!(normalise(&normal), normal);
            }
        }
    }
}
