//! Which codes name one language.

/// Codes that BCP 47 withdrew, and Norwegian, of which the written standard is Bokmål, with what they are now.
const ALIASES: [(&str, &str); 6] = [
    ("iw", "he"),
    ("in", "id"),
    ("ji", "yi"),
    ("jw", "jv"),
    ("mo", "ro"),
    ("no", "nb"),
];

/// Whether two codes are of one language, in whatever script or region: `en` and `en-US`, `iw` and `he`.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    primary(one).eq_ignore_ascii_case(primary(other))
}

fn primary(code: &str) -> &str {
    let language = code.split(['-', '_']).next().unwrap_or(code);
    let now = ALIASES
        .iter()
        .find(|(old, _)| old.eq_ignore_ascii_case(language));
    now.map_or(language, |(_, now)| now)
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn codes_of_one_language() {
        for (one, other) in [
            ("en", "en"),
            ("en", "en-US"),
            ("pt_BR", "pt-PT"),
            ("zh-Hant", "ZH"),
            ("iw", "he"),
            ("nb-NO", "no"),
        ] {
            assert!(is_same(one, other), "{one} {other}");
        }
        for (one, other) in [("en", "de"), ("en", ""), ("fil", "fi"), ("nb", "nn")] {
            assert!(!is_same(one, other), "{one} {other}");
        }
    }
}
