//! # redefinitions: other definitions from an instant on

use super::*;
use bespoke::definitions::Definitions as Checked;

fn keyed(name: &str, by: Option<&str>, when: Expr) -> Segment {
    Segment { name: name.to_owned(), by: by.map(str::to_owned), when }
}

/// Changes as minutes and words, of definitions each from a minute on.
fn told(defined: Vec<(i64, Vec<Segment>)>, messages: &[(i64, Json)]) -> Vec<String> {
    let mut inputs: Vec<(i64, Input)> = messages
        .iter()
        .map(|(minute, properties)| {
            (*minute, Input::Message(line(T0 + minute * MINUTE, "view", properties.clone())))
        })
        .collect();
    let mut all =
        defined.into_iter().map(|(minute, segments)| (minute, Definitions { segments, ..definitions() }));
    let (_, first) = all.next().expect("definitions to begin with");
    inputs.extend(
        all.map(|(minute, definitions)| (minute, Input::Redefine(T0 + minute * MINUTE, definitions))),
    );
    inputs.sort_by_key(|(minute, _)| *minute);
    let inputs = inputs.into_iter().map(|(_, input)| input).collect();
    let scenario = Scenario { definitions: first, inputs, until: T0 + 2 * DAY, grid: MINUTE, style: None };
    let one = |change: &Change| {
        let verb = if change.entered { "entered" } else { "left" };
        let key = match &change.key {
            Some(Key::Text(key)) => format!("[{key}]"),
            _ => String::new(),
        };
        format!("{} {verb} {}{key}", (change.at - T0) / MINUTE, change.segment)
    };
    changes(&scenario).iter().map(one).collect()
}

#[test]
fn what_begins_and_ends_with_the_definitions() {
    let did = |window| aggregate(Agg::Did, events("view").during(window));
    let hour = || did(Window::In(HOUR));
    let paris = [(0, json!({ "city": "Paris", "sku": "s1" }))];
    type Row<'a> = (&'a str, Vec<Segment>, i64, Vec<Segment>, &'a [&'a str]);
    let rows: &[Row] = &[
        (
            "the same goes on",
            vec![keyed("a", None, hour())],
            5,
            vec![keyed("a", None, hour())],
            &["0 entered a", "60 left a"],
        ),
        (
            "gone first, then new ones, in order of definition",
            vec![keyed("a", None, hour()), keyed("b", None, hour())],
            5,
            vec![keyed("d", None, hour()), keyed("b", None, hour()), keyed("c", None, hour())],
            &[
                "0 entered a",
                "0 entered b",
                "5 left a",
                "5 entered d",
                "5 entered c",
                "60 left d",
                "60 left b",
                "60 left c",
            ],
        ),
        (
            "what is due at that instant is seen by the new ones alone",
            vec![keyed("a", None, hour())],
            60,
            vec![keyed("a", None, did(Window::In(2 * HOUR)))],
            &["0 entered a", "120 left a"],
        ),
        (
            "what is due before it happens before it",
            vec![keyed("a", None, hour())],
            61,
            vec![keyed("a", None, did(Window::In(2 * HOUR)))],
            &["0 entered a", "60 left a", "61 entered a", "120 left a"],
        ),
        (
            "another property parts events anew",
            vec![keyed("a", Some("city"), hour())],
            5,
            vec![keyed("a", Some("sku"), hour())],
            &["0 entered a[Paris]", "5 left a[Paris]", "5 entered a[s1]", "60 left a[s1]"],
        ),
    ];
    for (what, before, minute, after, expected) in rows {
        let defined = vec![(0, before.clone()), (*minute, after.clone())];
        assert_eq!(told(defined, &paris), *expected, "{what}");
    }
}

#[test]
fn generated_definitions_are_accepted_and_change_something() {
    let (mut redefined, mut changed) = (0, 0);
    for seed in 0..60 {
        let scenario = generate::redefined(seed);
        for definitions in scenario.all_definitions() {
            let text = scenario.text(definitions);
            assert!(Checked::from_toml(&text).is_ok(), "seed {seed}\n{text}");
        }
        let at: Vec<Millis> =
            scenario.inputs.iter().filter(|i| matches!(i, Input::Redefine(..))).map(Input::at).collect();
        redefined += at.len();
        changed += changes(&scenario).iter().filter(|change| at.contains(&change.at)).count();
    }
    assert!(redefined > 100 && changed > 100, "{redefined} redefinitions, {changed} changes by them");
}
