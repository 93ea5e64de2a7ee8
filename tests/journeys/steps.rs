use crate::story::{check, errors};

/// Events, and templates with nothing to fill in.
pub(crate) const SHOP: &str = r#"
[attributes]
timezone = "string"
tier = "string"
[events.add]
cart = "string"
[events.buy]
cart = "string"
[events.view]
[templates.t]
title = "Hello"
"#;

#[test]
fn waits_begin_at_the_event_and_go_on_behind_a_send() {
    check(
        &format!(
            "{SHOP}[journeys.j]
            enter = {{ event = 'add' }}
            step = [
                {{ id = 'idle', wait = '1h' }},
                {{ id = 'push', send = {{ channel = 'push', template = 't' }} }},
                {{ id = 'later', wait = '30m' }},
            ]"
        ),
        "10:20 ada add @10:00
        12:00 advance",
        "10:20 ada j: entered
        10:20 ada j, step idle: waits until 11:00
        11:00 ada j, step push: sent by push
        11:00 ada j, step later: waits until 11:30
        11:30 ada j: completed",
    );
}

#[test]
fn steps_that_lead_nowhere_are_refused() {
    let found = errors(&format!(
        "{SHOP}[journeys.j]\nenter = {{ event = 'add' }}\nstep = [{{ id = 'a', goto = 'b' }}, {{ id = 'c', wait = '1h' }}]"
    ));
    assert_eq!(
        found,
        [
            "15:28: unknown step `b` (did you mean `a`?)",
            "15:42: nothing leads to the step `c` (the step before it jumps away; name it in a `branch` or `goto`)",
        ]
    );
}
