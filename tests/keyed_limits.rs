//! Keyed segments where a user has more live parts than may be, and conditions that ask for the key inside `where`.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Outcome, Partition};
use bespoke::model::{Duration, Instant, Message};

fn at(minutes: i64) -> Instant {
    "2026-11-23T10:00:00Z".parse::<Instant>().unwrap() + Duration::minutes(minutes)
}

fn partition(most: usize, segments: &str) -> Partition {
    let text = format!(
        "version = 1\n[settings]\nparts_max = {most}\n[attributes]\ncountry = 'string'\n[events.view]\nsku = 'string'\n[events.booking]\nsku = 'string'\n[segments]\n{segments}"
    );
    Partition::new(&Definitions::from_toml(&text).unwrap_or_else(|errors| panic!("{errors:#}")))
}

fn words(outcome: &Outcome) -> String {
    let words: Vec<_> = outcome.changes.iter().map(|change| change.to_string().replace("ada ", "")).collect();
    words.join(", ")
}

fn view(partition: &mut Partition, event: &str, sku: &str, minute: i64) -> String {
    let message = Message::track("ada", event).with("sku", sku).at(at(minute));
    words(&partition.ingest(&message, at(minute).max(partition.clock())).unwrap())
}

/// A part that went does not come and go again with whatever looks at all parts.
#[test]
fn what_went_stays_away() {
    for condition in ["did(view in 24h) and session.number >= 1", "did(view in 24h) and country != \"FR\""] {
        let mut partition = partition(2, &format!("keyed = {{ by = 'sku', when = '{condition}' }}"));
        let told: Vec<String> =
            (0..).zip(["a", "b", "c", "d"]).map(|(n, sku)| view(&mut partition, "view", sku, n)).collect();
        assert_eq!(
            told,
            [
                "entered keyed (a)",
                "entered keyed (b)",
                "left keyed (a), entered keyed (c)",
                "left keyed (b), entered keyed (d)"
            ],
            "{condition}"
        );
        assert_eq!(view(&mut partition, "view", "d", 10), "", "{condition}");
        let identify = Message::identify("ada").with("country", "DE");
        assert_eq!(words(&partition.ingest(&identify, at(11)).unwrap()), "", "{condition}");
        assert_eq!(partition.parts_dropped(), 2);
    }
}

/// A late event of a part that would be the one idle longest changes nothing.
#[test]
fn what_comes_too_late_for_a_place_is_not_told() {
    let mut partition = partition(2, "keyed = { by = 'sku', when = 'did(view in 24h)' }");
    view(&mut partition, "view", "a", 100);
    view(&mut partition, "view", "b", 101);
    assert_eq!(view(&mut partition, "view", "late", 5), "");
    assert_eq!((partition.parts_dropped(), partition.is_member("ada", "keyed")), (0, true));
}

/// Whoever asks for the segment, or for some part, hears the same as the list says: of parts that were idle as long, the
/// key says which one stays.
#[test]
fn all_ways_to_ask_agree_at_the_limit() {
    for (order, wanted) in
        [["a", "b"], ["b", "a"]].into_iter().flat_map(|order| ["a", "b"].map(|wanted| (order, wanted)))
    {
        let condition = format!("did(view in 24h) and key = \"{wanted}\"");
        let mut partition = partition(
            1,
            &format!(
                "keyed = {{ by = 'sku', when = '{condition}' }}\nany = 'segment(\"keyed\")'\nsome = 'some sku: ({condition})'"
            ),
        );
        for sku in order {
            view(&mut partition, "view", sku, 0);
            let found = ["keyed", "any", "some"].map(|segment| partition.is_member("ada", segment));
            assert!(found.iter().all(|is_in| *is_in == found[0]), "{order:?} {wanted}: {found:?}");
        }
        assert_eq!(partition.is_member("ada", "keyed"), wanted == "b");
    }
}

/// Where one ends, one that had to go comes back, if it is still there.
#[test]
fn there_is_room_again_where_a_part_ends() {
    let segments = "keyed = { by = 'sku', when = 'did(view in 24h) and not did(booking in 1h)' }\nany = 'segment(\"keyed\")'";
    let mut partition = partition(1, segments);
    assert_eq!(view(&mut partition, "view", "a", 0), "entered keyed (a), entered any");
    assert_eq!(view(&mut partition, "booking", "b", 10), "left keyed (a), left any");
    let outcome = partition.advance(at(200));
    assert_eq!(words(&outcome), "entered keyed (a), entered any");
    assert!(outcome.changes.iter().all(|change| change.at == at(70)));
    assert_eq!(words(&partition.advance(at(2_000))), "left keyed (a), left any");
    assert_eq!(partition.next_due(), None);
}

/// `key` inside `where` is that of the part that is looked at, whichever was looked at before, and however long the history.
#[test]
fn each_part_has_its_own_key_inside_where() {
    for (condition, expected) in [
        ("did(view where category = key in 24h)", "entered keyed (b), entered any, entered keyed (a)"),
        ("count(view where category = key) >= 1", "entered keyed (b), entered any, entered keyed (a)"),
        ("count(view where amount > budget[key] in 24h) >= 1", "entered keyed (a), entered any"),
        ("sum(view.amount where amount > budget[key] in 24h) >= 1", "entered keyed (a), entered any"),
        ("max(view.amount where amount > budget[key] in 24h) >= 1", "entered keyed (a), entered any"),
        (
            "sequence(view where category = key, view) in 24h",
            "entered keyed (b), entered any, entered keyed (a)",
        ),
        (
            "now - last(view where category = key in 24h) < 24h",
            "entered keyed (b), entered any, entered keyed (a)",
        ),
    ] {
        for filler in [0, 140] {
            let text = format!(
                "version = 1\n[settings]\nschema = 'lenient'\n[events.view]\nsku = 'string'\ncategory = 'string'\namount = 'number'\n[events.seen]\nn = 'number'\n[segments]\nkeyed = {{ by = 'sku', when = '{condition}' }}\nany = 'segment(\"keyed\")'\nkeep = 'median(seen.n in 30d) > 1000'"
            );
            let mut partition =
                Partition::new(&Definitions::from_toml(&text).unwrap_or_else(|errors| panic!("{errors:#}")));
            let identify =
                |key: &str| Message::identify("ada").with("budget.a", 5).with("budget.b", 50).with(key, 1);
            partition.ingest(&identify("budget.z"), at(0)).unwrap();
            for n in 0..filler {
                partition.ingest(&Message::track("ada", "seen").with("n", n), at(0)).unwrap();
            }
            let mut told = Vec::new();
            for (minute, sku) in (1..).zip(["b", "a", "b", "a"]) {
                let message =
                    Message::track("ada", "view").with("sku", sku).with("category", sku).with("amount", 10);
                told.push(words(&partition.ingest(&message, at(minute)).unwrap()));
            }
            told.push(words(&partition.ingest(&identify("budget.c"), at(9)).unwrap()));
            told.retain(|words| !words.is_empty());
            assert_eq!(told.join(", "), expected, "{condition}, {filler} other events");
        }
    }
}

/// An explanation and `why_not` know of the same parts.
#[test]
fn explanations_know_the_limit() {
    let condition = "did(view in 24h) and key = \"a\"";
    let mut partition = partition(1, &format!("keyed = {{ by = 'sku', when = '{condition}' }}"));
    view(&mut partition, "view", "a", 0);
    assert!(partition.why_not("ada", "keyed", at(0)).unwrap().holds);
    view(&mut partition, "view", "b", 1);
    assert!(!partition.is_member("ada", "keyed"));
    assert!(!partition.why_not("ada", "keyed", at(1)).unwrap().holds);
    let told = partition.explain("ada", "keyed", at(1)).unwrap().to_string();
    assert!(!told.contains("sku = \"a\""), "{told}");
}

/// In St. John's clocks went back from 00:01 to 23:01 until 2011: what came then belongs to the day that had begun, and
/// hides nobody whose event came before.
#[test]
fn a_day_that_begins_twice_hides_no_part() {
    let text = "version = 1\n[settings]\ntimezone = 'America/St_Johns'\n[events.view]\nsku = 'string'\n[segments]\n\
                whole = 'did(view in this day)'\nany = 'some sku: (did(view in this day))'\n\
                a = 'some sku: (did(view where sku = \"a\" in this day))'\n\
                keyed = { by = 'sku', when = 'did(view in this day)' }\nasks = 'segment(\"keyed\")'\n";
    let mut partition = Partition::new(&Definitions::from_toml(text).unwrap());
    let at = |text: &str| text.parse::<Instant>().unwrap();
    let view = |sku: &str| Message::track("ada", "view").with("sku", sku);
    partition.ingest(&view("a"), at("2010-11-07T00:00:30-02:30")).unwrap();
    partition.ingest(&view("b"), at("2010-11-06T23:30:00-03:30")).unwrap();
    for now in ["2010-11-07T00:10:00-03:30", "2010-11-07T12:00:00-03:30", "2010-11-07T23:59:59-03:30"] {
        partition.advance(at(now));
        let segments: Vec<_> = partition.segments("ada").into_keys().collect();
        assert_eq!(segments, ["a", "any", "asks", "keyed", "whole"].map(Into::into), "{now}");
        for rule in ["some sku: (did(view where sku = \"a\" in this day))", "segment(\"keyed\")"] {
            let asked = partition.expression(rule).unwrap();
            assert!(partition.evaluate(&asked, "ada", at(now)).unwrap().holds, "{now}: {rule}");
        }
    }
    partition.advance(at("2010-11-08T00:00:00-03:30"));
    assert!(partition.segments("ada").is_empty());
}
