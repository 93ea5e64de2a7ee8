//! Versions as texts: how they order, without taking them apart into anything that would be allocated.
//!
//! A version is numbers joined by dots (`4`, `4.10`, `4.10.2`, as many as there are), then perhaps `-` and a
//! pre-release (`4.0.0-beta.2`), then perhaps `+` and a build. Numbers compare as numbers, of any length; one that is
//! not there is 0. A pre-release lies before its release; its parts compare one by one, numbers as numbers and before
//! words, words by bytes, and of two where one begins the other the shorter lies before. The build says nothing. Any
//! other text is no version and has no order.

use std::cmp::Ordering;

/// A version's numbers and pre-release, each with its dots.
struct Parts<'a> {
    numbers: &'a str,
    pre: Option<&'a str>,
}

impl Parts<'_> {
    fn of(text: &str) -> Option<Parts<'_>> {
        let is_word = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
        let (numbers, pre) = text.split_once('-').map_or((text, None), |(text, pre)| (text, Some(pre)));
        let is_sound = numbers.split('.').all(is_number)
            && [pre, build].into_iter().flatten().all(|words| words.split('.').all(is_word));
        is_sound.then_some(Parts { numbers, pre })
    }
}

fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}

/// Compares numbers by their digits; no digits are 0.
fn by_number(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn by_word(a: &str, b: &str) -> Ordering {
    match (is_number(a), is_number(b)) {
        (true, true) => by_number(a, b),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.cmp(b),
    }
}

/// Whether a text is a version. O(bytes).
pub(crate) fn is_version(text: &str) -> bool {
    Parts::of(text).is_some()
}

/// How two versions order; nothing where a text is none. O(bytes), without allocation.
pub(crate) fn order(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (Parts::of(a)?, Parts::of(b)?);
    let (mut left, mut right) = (a.numbers.split('.'), b.numbers.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => break,
            (a, b) => by_number(a.unwrap_or_default(), b.unwrap_or_default()),
        };
        if order.is_ne() {
            return Some(order);
        }
    }
    let (a, b) = match (a.pre, b.pre) {
        (None, b) => return Some(if b.is_some() { Ordering::Greater } else { Ordering::Equal }),
        (Some(_), None) => return Some(Ordering::Less),
        (Some(a), Some(b)) => (a, b),
    };
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (Some(a), Some(b)) => by_word(a, b),
            (a, b) => return Some(a.is_some().cmp(&b.is_some())),
        };
        if order.is_ne() {
            return Some(order);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_order() {
        // Each lies before the next; those in one row are the same.
        let rows: &[&[&str]] = &[
            &["0", "0.0", "000.0.0.0"],
            &["0.0.1-0"],
            &["0.0.1"],
            &["0.9", "0.09.0"],
            &["1.0.0-alpha", "1-alpha", "1.0-alpha+7"],
            &["1.0.0-alpha.1"],
            &["1.0.0-alpha.beta"],
            &["1.0.0-beta"],
            &["1.0.0-beta.2"],
            &["1.0.0-beta.11", "1.0.0-beta.011"],
            &["1.0.0-rc.1"],
            &["1.0.0-rc.1-x"],
            &["1.0.0", "1", "1.0", "1.0.0+build.5", "1+a-b"],
            &["1.0.0.1"],
            &["4.9.12"],
            &["4.10.2"],
            &["18446744073709551616.0"],
            &["99999999999999999999999999"],
        ];
        for (i, row) in rows.iter().enumerate() {
            for (j, other) in rows.iter().enumerate() {
                for a in *row {
                    for b in *other {
                        assert_eq!(order(a, b), Some(i.cmp(&j)), "{a} {b}");
                    }
                }
            }
        }
    }

    #[test]
    fn texts_that_are_no_versions() {
        for text in ["", "v1", "1.", ".1", "1..2", "1.x", "1-", "1+", "1.0 ", "-1", "1-a..b", "1-ä", "1.0_2"]
        {
            assert!(!is_version(text), "{text}");
            assert_eq!(order(text, "1"), None, "{text}");
            assert_eq!(order("1", text), None, "{text}");
        }
    }
}
