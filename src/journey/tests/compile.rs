use super::shop::{compile, journey, on_event};
use crate::journey::{DeliveryPolicy, Trigger};

fn problems_of(steps: &[&str]) -> Vec<String> {
    compile(&[journey("j", on_event("add", "", ""), steps)], &DeliveryPolicy::default()).1
}

#[test]
fn what_cannot_work_is_refused_with_its_place() {
    for (steps, problems) in [
        (&["wait 1h", "send push"][..], &[][..]),
        (&[], &["journeys.j: a journey needs a step (add `[[journeys.j.step]]`)"]),
        (
            &["goto las", "last: send push"],
            &[
                "journeys.j.step.0.goto: unknown step `las` (did you mean `last`?)",
                "journeys.j.step.1.id: nothing leads to the step `last` (the step before it jumps away; name it in a \
                 `branch` or `goto`)",
            ],
        ),
        (
            &["branch did(add) -> end; did(buy) -> nowhere", "wait 1h"],
            &["journeys.j.step.0.branch.1.to: unknown step `nowhere`"],
        ),
        (
            &["end: wait 1h"],
            &["journeys.j.step.0.id: `end` is where every journey ends, so no step can be called so"],
        ),
        (&["a: wait 1h", "a: wait 2h"], &["journeys.j.step.1.id: two steps are called `a`"]),
        (
            &["a: send push", "goto a"],
            &[
                "journeys.j.step.0.id: a loop through the step `a` without a wait (put a `wait` into the loop)",
            ],
        ),
        (
            &["a: wait 0s", "b: branch did(buy) -> a", "goto b"],
            &[
                "journeys.j.step.0.id: a loop through the step `a` without a wait (put a `wait` into the loop)",
                "journeys.j.step.1.id: a loop through the step `b` without a wait (put a `wait` into the loop)",
            ],
        ),
        (&["a: wait 1ms", "goto a"], &[]),
        // One way round has a wait, the other has none.
        (
            &["a: branch did(buy) -> c", "wait 1h", "c: goto a"],
            &[
                "journeys.j.step.0.id: a loop through the step `a` without a wait (put a `wait` into the loop)",
            ],
        ),
    ] {
        assert_eq!(problems_of(steps), problems, "{steps:?}");
    }
}

#[test]
fn a_template_that_is_not_defined_is_refused() {
    let mut j = journey("j", on_event("add", "", ""), &["send push"]);
    if let crate::journey::StepAction::Send(send) = &mut j.steps[0].action {
        send.template = "helo".into();
    }
    assert_eq!(
        compile(&[j], &DeliveryPolicy::default()).1,
        ["journeys.j.step.0.send.template: unknown template `helo` (define it as [templates.helo])"]
    );
}

#[test]
fn a_segment_that_is_not_defined_is_refused() {
    let j = journey("j", Trigger::SegmentEntered("vipp".into()), &["wait 1h"])
        .exit(on_event("buy", "", ""))
        .exit(Trigger::SegmentLeft("nobody".into()));
    assert_eq!(
        compile(&[j], &DeliveryPolicy::default()).1,
        [
            "journeys.j.enter.segment_entered: unknown segment `vipp` (did you mean `vip`?)",
            "journeys.j.exit.1.segment_left: unknown segment `nobody`",
        ]
    );
}

#[test]
fn errors_of_expressions_name_their_place() {
    let j = journey("j", on_event("add", "worth >", ""), &["branch did( -> end", "wait 1h"])
        .audience("1 +")
        .exit(on_event("buy", ")", ""));
    let (_, errors) = compile(&[j], &DeliveryPolicy::default());
    let mut names: Vec<&str> = errors.iter().filter_map(|error| Some(error.split_once(": ")?.0)).collect();
    names.dedup();
    let expected = [
        "journeys.j.audience",
        "journeys.j.step.0.branch.0.when",
        "journeys.j.enter.where",
        "journeys.j.exit.0.where",
    ];
    assert_eq!(names, expected);
}

#[test]
fn sizes_have_limits() {
    let steps: Vec<&str> = std::iter::repeat_n("wait 1h", 1_001).collect();
    assert_eq!(
        problems_of(&steps),
        ["journeys.j.step: it has 1001 steps, at most 1000 are allowed (part it into several journeys)"]
    );
    // A thousand steps in one circle are no deeper than the stack.
    let mut circle: Vec<&str> = std::iter::repeat_n("send push", 999).collect();
    circle.push("goto s0");
    assert_eq!(problems_of(&circle).len(), 1);
}
