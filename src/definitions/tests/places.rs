use super::*;
use crate::model::Problem;
use crate::segment;
use proptest::prelude::*;

/// What is marked, for each error.
fn marked(text: &str) -> Vec<String> {
    refused(text).iter().map(|error| text[error.span().range()].to_owned()).collect()
}

#[test]
fn expressions_are_marked_exactly() {
    for (segments, line, column, mark) in [
        ("x = 'true and foo'", 3, 15, "foo"),
        ("x = \"true and foo\"", 3, 15, "foo"),
        ("x = 'ä = \"ö\" and foo'", 3, 6, "ä"),
        ("x = '''true and foo'''", 3, 17, "foo"),
        ("x = '''\ntrue and\n  foo\n'''", 5, 3, "foo"),
        ("x = \"\"\"\ntrue and\n  foo\n\"\"\"", 5, 3, "foo"),
        ("x = '''\r\ntrue and\r\n  foo\r\n'''", 5, 3, "foo"),
        ("x = \"\"\"true \\\n   and \\\r\n\n\t foo\"\"\"", 6, 3, "foo"),
        // Behind escapes, and in them.
        ("x = \"\\\"a\\\" = \\\"a\\\" and foo\"", 3, 24, "foo"),
        ("x = \"\\u0061\\U00000062\\x63\"", 3, 6, "\\u0061\\U00000062\\x63"),
        ("x = \"true and fo\\u006F\"", 3, 15, "fo\\u006F"),
        // In a keyed one, in a dotted key, in a table of its own.
        ("x = { when = 'true and foo' }", 3, 24, "foo"),
        ("x.when = 'true and foo'", 3, 20, "foo"),
        ("[segments.x]\nwhen = 'true and foo'", 4, 18, "foo"),
        ("'a.b' = 'true and foo'", 3, 19, "foo"),
        // At the end.
        ("x = 'true and'", 3, 14, ""),
        ("x = ''", 3, 6, ""),
        ("x = ''''''", 3, 8, ""),
    ] {
        let text = format!("version = 1\n[segments]\n{segments}");
        let errors = refused(&text);
        let error = errors.iter().next().unwrap();
        let found = (error.line(), error.column(), &text[error.span().range()]);
        assert_eq!(found, (line, column, mark), "{segments}");
    }
}

#[test]
fn keyed_segments_are_marked_at_what_is_wrong() {
    let text = "version = 1\n[events.a]\ncity = 'string'\n[segments]\nx = { by = 'citty', when = 'did(a)' }";
    assert_eq!(marked(text), ["'citty'"]);
    assert_eq!(lines(text), ["5:12: unknown property `citty` (did you mean `city`?)"]);
    let empty = text.replace("citty", "city").replace("did(a)", "");
    assert_eq!(refused(&empty).iter().next().map(crate::definitions::Error::column), Some(28));
}

#[test]
fn problems_are_marked_by_key_path() {
    let definitions = Definitions::from_toml_named("shop.toml", SHOP).unwrap();
    for (path, mark) in [
        (&["journeys", "cart", "step", "2", "send", "template"][..], "\"cart_push\""),
        (&["journeys", "cart", "step", "2", "send", "nothing"], "send"),
        (&["journeys", "cart", "step", "2"], "[[journeys.cart.step]]"),
        (&["journeys", "cart", "step", "99"], "step"),
        (&["journeys", "cart", "exit", "1"], "{ segment_left = \"zeta\" }"),
        (&["journeys", "cart"], "cart"),
        (&["placements", "hero", "variant", "1", "weight"], "0.5"),
        (&["attributes", "budget.*"], "\"number\""),
        (&["nothing"], ""),
        (&[], ""),
    ] {
        let error = definitions.problem(&Problem::new(path.iter().copied(), "wrong").help("do this"));
        assert_eq!(&SHOP[error.span().range()], mark, "{path:?}");
        assert_eq!(
            (error.message(), error.help(), error.file()),
            ("wrong", Some("do this"), Some("shop.toml"))
        );
    }
}

/// What is wrong with a text that a plan knows by `name`.
fn refused_condition(name: &str, text: &str) -> segment::Error {
    let mut builder = segment::Plan::builder(segment::Schema::strict());
    builder.condition(name, text);
    builder.build().unwrap_err().remove(0)
}

#[test]
fn conditions_are_found_by_dotted_names() {
    let text = "version = 1
[templates.t]
a = 'b'
[events.go]
[journeys.'a.b']
enter = { event = 'go' }
[[journeys.'a.b'.step]]
id = 'x'
branch = [{ when = 'true', to = 'end' }, { when = 'true and true', to = 'end' }]
[segments]
'journeys.a' = 'true'
";
    let definitions = Definitions::from_toml(text).unwrap();
    let error = refused_condition("journeys.a.b.step.0.branch.1.when", "true and foo");
    let found = definitions.named_error(&error);
    assert_eq!((found.line(), found.column(), found.span().end - found.span().start), (9, 61, 3));
    let path = ["journeys", "a.b", "step", "0", "branch", "1", "when"];
    assert_eq!(definitions.segment_error(&path, &error), found);
    // A segment of that name goes first; a name that is nowhere is no reason to panic.
    let found = definitions.named_error(&refused_condition("journeys.a", "foo"));
    assert_eq!(found.line(), 11);
    let found = definitions.named_error(&refused_condition("nowhere", "foo"));
    assert_eq!((found.line(), found.column()), (1, 1));
    // A place that is no text is marked as a whole.
    let found = definitions.named_error(&refused_condition("journeys.a.b", "foo"));
    assert_eq!(&text[found.span().range()], "'a.b'");
}

#[test]
fn all_errors_are_shown() {
    let text = "version = 1\n[settings]\nparts_max = -1\nschema = 7\n";
    let errors = Definitions::from_toml_named("d.toml", text).unwrap_err();
    let shown = "\
error: -1 is out of range: at least 1 and at most 65536
  --> d.toml:3:13
  3 | parts_max = -1
    |             ^^

error: a string is wanted, this is an integer
  --> d.toml:4:10
  4 | schema = 7
    |          ^";
    assert_eq!(format!("{errors:#}"), shown);
    assert_eq!(format!("{errors:?}"), format!("definitions refused\n{shown}"));
    assert_eq!((errors.count(), errors.into_iter().count()), (2, 2));
}

#[test]
fn a_flood_of_errors_is_cut() {
    let mut text = "version = 1\n[settings]\n".to_owned();
    for i in 0..5_000 {
        text.push_str(&format!("k{i} = 1\n"));
    }
    let errors = refused(&text);
    assert_eq!((errors.iter().count(), errors.count()), (crate::definitions::ERRORS_MAX, 5_000));
    assert!(errors.to_string().ends_with("\nand 4000 more"));
}

proptest! {
    /// Each character of a string, however it is written, is marked where it is written.
    #[test]
    fn every_character_of_a_string_is_found(pieces in prop::collection::vec(0..PIECES.len(), 0..12)) {
        let body: String = pieces.iter().map(|i| PIECES[*i].0).collect();
        let text = format!("x = \"\"\"\n{body}\"\"\"");
        let document = toml::de::DeTable::parse(&text).unwrap();
        let value = &document.get_ref()["x"];
        let decoded = value.get_ref().as_str().unwrap();
        let source = crate::definitions::source::Source::new(None, &text);
        let (mut raw, mut meant) = ("x = \"\"\"\n".len(), 0);
        for (written, means) in pieces.iter().map(|i| PIECES[*i]) {
            prop_assert_eq!(&decoded[meant..meant + means.len()], means);
            if !means.is_empty() {
                let inner = segment::Span { start: meant, end: meant + means.len() };
                let place = source.inside(crate::definitions::source::span(&value.span()), inner);
                prop_assert_eq!(&text[place.range()], written);
                prop_assert_eq!(place.start, raw);
            }
            (raw, meant) = (raw + written.len(), meant + means.len());
        }
    }
}

/// Pieces of a multi-line string, and what they mean.
const PIECES: [(&str, &str); 12] = [
    ("a", "a"),
    ("é", "é"),
    ("𝄞", "𝄞"),
    ("'", "'"),
    ("\n", "\n"),
    ("\r\n", "\r\n"),
    ("\\n", "\n"),
    ("\\\\", "\\"),
    ("\\\"", "\""),
    ("\\u00e9", "é"),
    ("\\U0001D11E", "𝄞"),
    ("\\x41", "A"),
];
