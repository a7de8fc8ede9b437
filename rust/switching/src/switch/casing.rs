//! The case of a target follows that of its source.

/// How a piece of text is cased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Casing {
    /// No capital at its start, or a script without case: the target stays as the lexicon has it.
    AsWritten,
    /// A capital first: the target's first letter is made one.
    Title,
    /// Two capitals or more and no small letter: every letter of the target is made a capital.
    Upper,
}

/// Returns the casing of a source.
#[inline]
pub fn casing_of(source: &str) -> Casing {
    // Nearly all tokens are ASCII and start with a small letter.
    if source
        .as_bytes()
        .first()
        .is_some_and(u8::is_ascii_lowercase)
    {
        return Casing::AsWritten;
    }
    let mut cased = source
        .chars()
        .filter(|character| character.is_uppercase() || character.is_lowercase());
    match cased.next() {
        Some(first) if first.is_uppercase() => {}
        _ => return Casing::AsWritten,
    }
    match cased.next() {
        Some(second) if second.is_uppercase() && cased.all(char::is_uppercase) => Casing::Upper,
        _ => Casing::Title,
    }
}

/// Appends `target` in the casing of its source; never lowers a letter.
///
/// In Turkish and Azerbaijani the capital of `i` is `İ`. Georgian has no capitals in running text.
#[inline]
pub fn push_cased(target: &str, casing: Casing, dotted: bool, output: &mut String) {
    match casing {
        Casing::AsWritten => output.push_str(target),
        Casing::Upper => target
            .chars()
            .for_each(|character| push_upper(character, dotted, output)),
        Casing::Title => {
            let mut characters = target.chars();
            if let Some(first) = characters.next() {
                push_title(first, dotted, output);
            }
            output.push_str(characters.as_str());
        }
    }
}

fn is_georgian(character: char) -> bool {
    matches!(character, '\u{10D0}'..='\u{10FF}')
}

fn push_upper(character: char, dotted: bool, output: &mut String) {
    match character {
        'i' if dotted => output.push('İ'),
        _ if is_georgian(character) => output.push(character),
        _ => output.extend(character.to_uppercase()),
    }
}

/// The capital of the first letter; where it is several letters (`ß`, ligatures) only the first is one.
fn push_title(character: char, dotted: bool, output: &mut String) {
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.len()) {
        (Some(first), 1..) => {
            output.push(first);
            output.extend(upper.flat_map(char::to_lowercase));
        }
        _ => push_upper(character, dotted, output),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casings() {
        for (source, casing) in [
            ("word", Casing::AsWritten),
            ("Word", Casing::Title),
            ("WORD", Casing::Upper),
            ("I", Casing::Title),
            ("McDonald", Casing::Title),
            ("iPhone", Casing::AsWritten),
            ("New York", Casing::Title),
            ("NEW YORK", Casing::Upper),
            ("It's", Casing::Title),
            ("Дом", Casing::Title),
            ("ДОМ", Casing::Upper),
            ("éA", Casing::AsWritten),
            ("北京", Casing::AsWritten),
            ("", Casing::AsWritten),
        ] {
            assert_eq!(casing_of(source), casing, "{source}");
        }
    }

    #[test]
    fn targets_are_raised_never_lowered() {
        let cased = |target, casing, dotted| {
            let mut output = String::new();
            push_cased(target, casing, dotted, &mut output);
            output
        };
        assert_eq!(cased("élan vital", Casing::Title, false), "Élan vital");
        assert_eq!(cased("straße", Casing::Upper, false), "STRASSE");
        assert_eq!(cased("ßx", Casing::Title, false), "Ssx");
        assert_eq!(cased("istanbul", Casing::Title, true), "İstanbul");
        assert_eq!(cased("iki", Casing::Upper, true), "İKİ");
        assert_eq!(cased("NATO", Casing::AsWritten, false), "NATO");
        assert_eq!(cased("სახლი", Casing::Upper, false), "სახლი");
        assert_eq!(cased("סוף", Casing::Upper, false), "סוף");
    }
}
