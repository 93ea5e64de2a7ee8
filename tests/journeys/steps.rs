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

#[test]
fn a_split_parts_users_and_keeps_to_it() {
    let definitions = format!(
        "{SHOP}[journeys.j]
        enter = {{ event = 'add' }}
        step = [
            {{ id = 'part', split = {{ salt = 's', arms = {{ a = 50, b = 50, never = 0 }}, to = {{ b = 'mail' }} }} }},
            {{ id = 'push', send = {{ channel = 'push', template = 't' }} }},
            {{ id = 'stop', goto = 'end' }},
            {{ id = 'mail', send = {{ channel = 'email', template = 't' }} }},
        ]"
    );
    check(
        &definitions,
        "10:00 ada add
        10:00 bob add
        11:00 ada add",
        "10:00 ada j: entered
        10:00 ada j, step part: split to a
        10:00 ada j, step push: sent by push
        10:00 ada j: completed
        10:00 bob j: entered
        10:00 bob j, step part: split to b
        10:00 bob j, step mail: sent by email
        10:00 bob j: completed
        11:00 ada j: entered
        11:00 ada j, step part: split to a
        11:00 ada j, step push: sent by push
        11:00 ada j: completed",
    );
}

#[test]
fn instances_run_side_by_side_up_to_a_number() {
    check(
        &format!(
            "{SHOP}[journeys.j]
            enter = {{ event = 'add', key = 'cart', reentry = {{ parallel = 2 }} }}
            exit = [{{ event = 'buy', key = 'cart' }}]
            step = [{{ id = 'w', wait = '1h' }}, {{ id = 'push', send = {{ channel = 'push', template = 't' }} }}]"
        ),
        "10:00 ada add cart=c1
        10:10 ada add cart=c1
        10:20 ada add cart=c1
        10:20 ada add cart=c2
        11:01 ada add cart=c1
        11:05 ada buy cart=c1
        12:00 advance",
        "10:00 ada j (c1): entered
        10:00 ada j, step w (c1): waits until 11:00
        10:10 ada j (c1): entered
        10:10 ada j, step w (c1): waits until 11:10
        10:20 ada j (c1): not entered: in it already
        10:20 ada j (c2): entered
        10:20 ada j, step w (c2): waits until 11:20
        11:00 ada j, step push (c1): sent by push
        11:00 ada j (c1): completed
        11:01 ada j (c1): entered
        11:01 ada j, step w (c1): waits until 12:01
        11:05 ada j (c1): exited: event
        11:05 ada j (c1): exited: event
        11:05 ada j, step push (c1): not sent: left before
        11:20 ada j, step push (c2): sent by push
        11:20 ada j (c2): completed",
    );
}
