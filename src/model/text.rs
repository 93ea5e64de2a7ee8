//! Small things about text that several rooms need: nearest names, quoting, the stable hash.

use std::fmt;

/// Longest name that is compared with others, in bytes: comparing takes time in the product of the lengths.
const COMPARED_BYTES_MAX: usize = 200;

/// The name nearest to `wanted`, where one is near enough to be a likely slip of the pen.
pub(crate) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if wanted.len() > COMPARED_BYTES_MAX {
        return None;
    }
    let folded = wanted.to_lowercase();
    let length = folded.chars().count();
    let allowed = (wanted.chars().count() / 3).clamp(1, 4);
    names
        .into_iter()
        .filter(|name| *name != wanted && name.len() <= COMPARED_BYTES_MAX)
        .map(|name| (name.to_lowercase(), name))
        // So many characters more or less are as many slips.
        .filter(|(lower, _)| lower.chars().count().abs_diff(length) <= allowed)
        .map(|(lower, name)| (strsim::osa_distance(&folded, &lower), name))
        .filter(|(distance, _)| *distance <= allowed)
        // Equal distances: the name that sorts first, so that the advice is always the same.
        .min()
        .map(|(_, name)| name)
}

/// A hash of `parts` that is the same on every machine and in every version of the crate (XXH3, 128 bit).
///
/// Each part is preceded by its length, so that `("ab", "c")` and `("a", "bc")` differ.
pub(crate) fn stable_hash(parts: &[&[u8]]) -> u128 {
    let mut hasher = xxhash_rust::xxh3::Xxh3Default::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.digest128()
}

/// Whether a text has something to fill in, in the language of templates.
pub(crate) fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|opening| text.contains(opening))
}

/// Shows at most the first forty characters of a text that came from outside, in backquotes and without
/// control characters, so that an error message stays one line of bounded length.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`")?;
        let mut characters = self.0.chars();
        for c in characters.by_ref().take(40) {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { write!(f, "{c}")? }
        }
        f.write_str(if characters.next().is_some() { "…`" } else { "`" })
    }
}

/// Longest message or advice of an error, in bytes.
const WORDS_BYTES_MAX: usize = 500;

/// Cuts what an error says to a bounded length: names in it are as long as whoever wrote them liked.
pub(crate) fn cut(mut words: String) -> String {
    if words.len() > WORDS_BYTES_MAX {
        let end = (0..=WORDS_BYTES_MAX).rev().find(|at| words.is_char_boundary(*at));
        words.truncate(end.unwrap_or(0));
        words.push('…');
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_name() {
        for (wanted, names, expected) in [
            ("purchas", vec!["purchase", "view"], Some("purchase")),
            ("veiw", vec!["purchase", "view"], Some("view")),
            ("Country", vec!["country"], Some("country")),
            ("zebra", vec!["purchase", "view"], None),
            ("a", vec![], None),
            (&*"x".repeat(60_000), vec!["x"], None),
            ("x", vec![&*"x".repeat(60_000)], None),
        ] {
            assert_eq!(nearest(wanted, names), expected, "{wanted}");
        }
    }

    #[test]
    fn stable_hash_never_changes() {
        // These numbers decide buckets and action ids in stores that exist: they may not move.
        assert_eq!(stable_hash(&[b"salt", b"u42"]), stable_hash(&[b"salt", b"u42"]));
        assert_ne!(stable_hash(&[b"ab", b"c"]), stable_hash(&[b"a", b"bc"]));
    }

    #[test]
    fn words_are_cut_between_characters() {
        assert_eq!(cut("é".repeat(250)), "é".repeat(250));
        assert_eq!(cut("a".to_owned() + &"é".repeat(250)), "a".to_owned() + &"é".repeat(249) + "…");
    }

    #[test]
    fn quoted_is_short_and_on_one_line() {
        assert_eq!(Quoted("a\nb").to_string(), "`a\\nb`");
        assert_eq!(Quoted(&"x".repeat(100)).to_string().chars().count(), 43);
    }
}
