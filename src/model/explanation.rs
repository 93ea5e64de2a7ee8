use serde::Serialize;
use std::fmt;

/// Why something is as it is: whether it holds, in words, and what that rests on.
///
/// The one shape in which every room answers "why?": why a variant is shown, why a user is in a segment, why a
/// message was not sent. It is made when it is asked for, so that nothing on the way of an input pays for words.
///
/// ```
/// # fn show(why: &bespoke::model::Explanation) {
/// println!("{why}");                            // the whole tree, a line each
/// for part in why.because.iter().filter(|part| !part.holds) {
///     println!("not so: {}", part.words);
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// Whether what the words say came about: shown, a member, sent.
    pub holds: bool,
    /// One line without a full stop.
    pub words: String,
    /// What it rests on, in the order of definition.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<Explanation>,
}

impl Explanation {
    pub(crate) fn new(holds: bool, words: impl Into<String>) -> Explanation {
        Explanation { holds, words: words.into(), because: Vec::new() }
    }

    pub(crate) fn because(mut self, parts: impl IntoIterator<Item = Explanation>) -> Explanation {
        self.because.extend(parts);
        self
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let mark = if self.holds { '✓' } else { '✗' };
        write!(f, "{:indent$}{mark} {}", "", self.words, indent = 2 * depth)?;
        self.because.iter().try_for_each(|part| {
            f.write_str("\n")?;
            part.write(f, depth + 1)
        })
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_in_words_and_as_data() {
        let why = Explanation::new(true, "sneakerhead").because([
            Explanation::new(true, "3 views of 3"),
            Explanation::new(false, "is missing: opted_out"),
        ]);
        assert_eq!(why.to_string(), "✓ sneakerhead\n  ✓ 3 views of 3\n  ✗ is missing: opted_out");
        assert_eq!(
            serde_json::to_string(&why.because[0]).unwrap(),
            r#"{"holds":true,"words":"3 views of 3"}"#
        );
    }
}
