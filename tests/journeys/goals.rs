//! Goals, and journeys that last only so long.

use crate::steps::SHOP;
use crate::story::{check, errors};

fn cart(more: &str) -> String {
    format!(
        "{SHOP}[journeys.cart]
        enter = {{ event = 'add', key = 'cart' }}
        step = [
            {{ id = 'push', send = {{ channel = 'push', template = 't' }} }},
            {{ id = 'idle', wait = '1h' }},
            {{ id = 'mail', send = {{ channel = 'email', template = 't' }} }},
        ]
        {more}"
    )
}

const BEGIN: &str = "10:00 ada cart (c1): entered
    10:00 ada cart, step push (c1): sent by push
    10:00 ada cart, step idle (c1): waits until 11:00";

const END: &str = "11:00 ada cart, step mail (c1): sent by email
    11:00 ada cart (c1): completed";

#[test]
fn a_goal_ends_the_journey_and_counts_once() {
    let goal = "goal = { event = 'buy', key = 'cart', within = '3h' }";
    let reached = "ada cart (c1): goal reached";
    let left = "ada cart (c1): exited: goal";
    let pending = "ada cart, step push (c1): not sent: goal";
    for (more, story, expected) in [
        // While it runs; what waits in the outbox is taken back.
        (goal, "10:30 ada buy cart=c1", format!("10:30 {reached}\n10:30 {left}\n10:30 {pending}")),
        // Not what the host has.
        (
            goal,
            "10:10 lease 9 20:00\n10:30 ada buy cart=c1",
            format!("10:10 push for ada from push, attempt 1\n10:30 {reached}\n10:30 {left}"),
        ),
        // However late it is told, if only it came after the entry.
        (goal, "10:50 ada buy cart=c1 @10:10", format!("10:50 {reached}\n10:50 {left}\n10:50 {pending}")),
        (goal, "10:50 ada buy cart=c1 @09:59", END.to_owned()),
        // Of another key, or of none.
        (goal, "10:30 ada buy cart=c2\n10:31 ada buy", END.to_owned()),
        // Behind the last step too, as long as it counts, and once.
        (
            goal,
            "11:10 lease 9 20:00\n12:59:59.999 ada buy cart=c1\n12:59:59.999 ada buy cart=c1",
            format!(
                "{END}\n11:10 push for ada from push, attempt 1\n11:10 email for ada from mail, attempt 1\n12:59:59.999 {reached}"
            ),
        ),
        (goal, "13:00 ada buy cart=c1", END.to_owned()),
        // Without a time, as long as it runs.
        ("goal = { event = 'buy' }", "11:10 ada buy cart=c1", END.to_owned()),
        (
            "goal = { event = 'buy' }",
            "10:10 ada buy",
            format!("10:10 {reached}\n10:10 {left}\n10:10 {pending}"),
        ),
        // Reached by what ends it too, it counts.
        (
            "exit = [{ event = 'buy' }]\ngoal = { event = 'buy' }",
            "10:10 ada buy",
            format!("10:10 {reached}\n10:10 {left}\n10:10 {pending}"),
        ),
        // Left for another reason, it may count yet.
        (
            "exit = [{ event = 'view' }]\ngoal = { event = 'buy', within = '3h' }",
            "10:10 ada view\n10:20 ada buy",
            format!(
                "10:10 ada cart (c1): exited: event
                10:10 ada cart, step push (c1): not sent: left before
                10:20 {reached}"
            ),
        ),
        // A segment can be a goal.
        (
            "goal = { segment_entered = 'buyer' }\n[segments]\nbuyer = 'did(buy in 2h)'",
            "10:10 ada buy",
            format!("10:10 {reached}\n10:10 {left}\n10:10 {pending}"),
        ),
    ] {
        check(
            &cart(more),
            &format!("10:00 ada add cart=c1\n{story}\n15:00 advance"),
            &format!("{BEGIN}\n{expected}"),
        );
    }
}

#[test]
fn a_journey_lasts_no_longer_than_it_may() {
    let twice = |expires: &str| {
        let again = "{ id = 'idle', wait = '1h' }, { id = 'more', wait = '1h' }";
        cart(&format!("expires = '{expires}'")).replace("{ id = 'idle', wait = '1h' }", again)
    };
    for (expires, expected) in [
        (
            "90m",
            "11:30 ada cart, step push (c1): not sent: over its time
            11:30 ada cart, step more (c1): exited: over its time",
        ),
        // At the same instant nothing is sent any more.
        (
            "2h",
            "12:00 ada cart, step push (c1): not sent: over its time
            12:00 ada cart, step more (c1): exited: over its time",
        ),
        (
            "121m",
            "12:00 ada cart, step mail (c1): sent by email
            12:00 ada cart (c1): completed",
        ),
    ] {
        check(
            &twice(expires),
            "10:00 ada add cart=c1
            15:00 advance",
            &format!("{BEGIN}\n11:00 ada cart, step more (c1): waits until 12:00\n{expected}"),
        );
    }
    let found = errors(&cart("expires = '1h'"));
    assert_eq!(
        found,
        [
            "17:35: it waits for 1h, and the journey lasts no longer than 1h (wait for less, or let the journey last longer (`expires`))"
        ]
    );
    // Late as it is told, it has lasted so long already.
    check(
        &(twice("90m") + "\nlate = { tolerance = '3h' }"),
        "11:40 ada add cart=c1 @10:00",
        "11:40 ada cart (c1): entered
        11:40 ada cart, step push (c1): exited: over its time",
    );
}
