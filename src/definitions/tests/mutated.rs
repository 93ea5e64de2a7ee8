use super::*;
use proptest::prelude::*;

/// What is put into a text, to hit the reader and not only the syntax.
const PIECES: [&str; 14] =
    ["'", "\"", "\"\"\"", "[", "]", "{", "}", "=", "\n", "\\", "🦀", "\r", " = 3\n", "[journeys.x]\n"];

/// One change: where (in ten-thousandths of the text), how much goes, what comes.
type Change = (usize, usize, Option<usize>);

fn mutated(changes: &[Change]) -> String {
    let mut text = SHOP.to_owned();
    for (place, gone, piece) in changes {
        let floor = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let start = floor(text.len() * place / 10_000);
        let end = floor(start + gone).max(start);
        text.replace_range(start..end, piece.map_or("", |i| PIECES[i]));
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_text_makes_it_panic(
        changes in prop::collection::vec(
            (0..10_000_usize, 0..8_usize, prop::option::of(0..PIECES.len())), 1..4)
    ) {
        judge(&mutated(&changes));
    }

    #[test]
    fn no_order_of_lines_makes_it_panic(
        changes in prop::collection::vec((0..1_000_usize, prop::option::of(0..1_000_usize)), 1..5)
    ) {
        judge(&shuffled(&changes));
    }
}

fn judge(text: &str) {
    if let Err(errors) = Definitions::from_toml(text) {
        assert!(errors.count() > 0);
        for error in &errors {
            assert!(text.get(error.span().range()).is_some());
            assert!(!error.message().is_empty() && format!("{error:#}").contains(error.message()));
        }
    }
}

/// The text with some lines left out, or a line in the place of another: nearly always well-formed.
fn shuffled(changes: &[(usize, Option<usize>)]) -> String {
    let mut lines: Vec<&str> = SHOP.lines().collect();
    for (place, other) in changes {
        let count = lines.len();
        match other {
            Some(other) => lines[place % count] = lines[other % count],
            None => drop(lines.remove(place % count)),
        }
    }
    lines.join("\n")
}

#[test]
fn texts_too_long_or_too_deep_are_refused() {
    let long = format!("version = 1\n# {}", "x".repeat(crate::definitions::TEXT_BYTES_MAX));
    assert_eq!(
        lines(&long),
        [format!("1:1: the text has {} bytes, at most 67108864 are allowed", long.len())]
    );
    for deep in ["a.".repeat(100_000) + "a = 1", "x = ".to_owned() + &"[".repeat(100_000)] {
        assert!(refused(&deep).count() > 0);
    }
}
