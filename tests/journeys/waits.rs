//! `wait_for`: what meets it, what does not, and where it goes on.

use crate::steps::SHOP;
use crate::story::{check, errors};

/// A journey that sends, and waits for something before it sends again.
fn waits(wait: &str) -> String {
    format!(
        "{SHOP}[segments]
        buyer = 'did(buy in 2h)'
        [journeys.j]
        enter = {{ event = 'add', key = 'cart' }}
        [[journeys.j.step]]
        id = 'push'
        send = {{ channel = 'push', template = 't' }}
        [[journeys.j.step]]
        id = 'react'
        wait_for = {{ {wait} }}
        [[journeys.j.step]]
        id = 'mail'
        send = {{ channel = 'email', template = 't' }}"
    )
}

#[test]
fn what_meets_a_wait_and_where_it_goes_on() {
    let any = "timeout = '4h', then = 'end', else = 'mail', any = ";
    for (wait, story, expected) in [
        // Nothing comes.
        ("[{ opened = 'push' }, { event = 'view' }]", "", "14:00 did not come, on to mail"),
        // An event, of any key where the condition names none.
        ("[{ event = 'view' }]", "11:00 ada view", "11:00 came, on to end"),
        ("[{ event = 'buy' }]", "11:00 ada buy cart=other", "11:00 came, on to end"),
        // Of the same key.
        ("[{ event = 'buy', key = 'cart' }]", "11:00 ada buy cart=c1", "11:00 came, on to end"),
        ("[{ event = 'buy', key = 'cart' }]", "11:00 ada buy cart=c2", "14:00 did not come, on to mail"),
        ("[{ event = 'buy', key = 'cart' }]", "11:00 ada buy", "14:00 did not come, on to mail"),
        // Only what the condition says.
        ("[{ event = 'buy', where = 'cart = \"x\"' }]", "11:00 ada buy", "14:00 did not come, on to mail"),
        // Somebody else's.
        ("[{ event = 'view' }]", "11:00 bob view", "14:00 did not come, on to mail"),
        // What came before the wait, and what is told late of it.
        ("[{ event = 'view' }]", "11:00 ada view @09:59", "14:00 did not come, on to mail"),
        ("[{ event = 'view' }]", "11:00 ada view @10:30", "11:00 came, on to end"),
        // At the very instant at which it ends it is too late.
        ("[{ event = 'view' }]", "14:00 ada view", "14:00 did not come, on to mail"),
        ("[{ event = 'view' }]", "13:59:59.999 ada view", "13:59:59.999 came, on to end"),
        // What the host says of the message.
        ("[{ opened = 'push' }]", "11:00 opened push", "11:00 came, on to end"),
        ("[{ opened = 'push' }]", "11:00 delivered push", "14:00 did not come, on to mail"),
        // Segments.
        ("[{ segment_entered = 'buyer' }]", "11:00 ada buy", "11:00 came, on to end"),
    ] {
        let definitions = waits(&format!("{any}{wait}"));
        let mut expected = format!(
            "10:00 ada j (c1): entered
            10:00 ada j, step push (c1): sent by push
            10:00 ada j, step react (c1): waits for something until 14:00
            10:00 push for ada from push, attempt 1
            {}",
            expected.replacen(' ', " ada j, step react (c1): ", 1)
        );
        expected += match expected.ends_with("end") {
            true => "\n",
            false => "\n14:00 ada j, step mail (c1): sent by email\n",
        };
        let end = expected.lines().last().unwrap().trim().split(' ').next().unwrap().to_owned();
        expected += &format!("{end} ada j (c1): completed\n");
        let story = format!("10:00 ada add cart=c1\n10:00 lease 9 20:00\n{story}\n15:00 advance");
        check(&definitions, &story, &expected);
    }
}

#[test]
fn waits_for_a_failure() {
    check(
        &waits("timeout = '4h', then = 'end', any = [{ clicked = 'push' }, { failed = 'push' }]"),
        "10:00 ada add cart=c1\n10:00 lease 9 20:00\n11:00 failed push",
        "10:00 ada j (c1): entered
        10:00 ada j, step push (c1): sent by push
        10:00 ada j, step react (c1): waits for something until 14:00
        10:00 push for ada from push, attempt 1
        11:00 ada j, step push (c1): not delivered: failed
        11:00 ada j, step react (c1): came, on to end
        11:00 ada j (c1): completed",
    );
}

#[test]
fn all_have_to_come_and_each_stays_once_it_came() {
    let all = waits(
        "timeout = '4h', then = 'end', else = 'mail', all = [{ opened = 'push' }, { event = 'view' }, { segment_entered = 'buyer' }]",
    );
    let begin = "10:00 ada j (c1): entered
        10:00 ada j, step push (c1): sent by push
        10:00 ada j, step react (c1): waits for something until 14:00
        10:00 push for ada from push, attempt 1";
    check(
        &all,
        "10:00 ada add cart=c1
        10:00 lease 9 20:00
        10:10 ada buy
        11:00 opened push
        13:00 ada view
        15:00 advance",
        &format!(
            "{begin}
            13:00 ada j, step react (c1): came, on to end
            13:00 ada j (c1): completed"
        ),
    );
    check(
        &all,
        "10:00 ada add cart=c1
        10:00 lease 9 20:00
        11:00 opened push
        13:00 ada view
        15:00 advance",
        &format!(
            "{begin}
            14:00 ada j, step react (c1): did not come, on to mail
            14:00 ada j, step mail (c1): sent by email
            14:00 ada j (c1): completed"
        ),
    );
}

#[test]
fn what_is_so_already_is_not_waited_for() {
    // A segment that the user is in, or not; and an answer that came while the journey was at another step.
    for (wait, story, expected) in [
        ("any = [{ segment_entered = 'buyer' }]", "09:00 ada buy", "10:00"),
        ("any = [{ segment_left = 'buyer' }]", "", "10:00"),
        ("any = [{ segment_left = 'buyer' }]", "09:00 ada buy", "11:00"),
    ] {
        let definitions = waits(&format!("{wait}, timeout = '4h', then = 'end'"));
        let mut waits = "10:00 ada j, step react (c1): waits for something until 14:00";
        if expected == "10:00" {
            waits = "";
        }
        check(
            &definitions,
            &format!("{story}\n10:00 ada add cart=c1\n15:00 advance"),
            &format!(
                "10:00 ada j (c1): entered
                10:00 ada j, step push (c1): sent by push
                {waits}
                {expected} ada j, step react (c1): came, on to end
                {expected} ada j (c1): completed"
            ),
        );
    }
    let slept = waits("any = [{ opened = 'push' }], timeout = '4h', then = 'end'").replace(
        "[[journeys.j.step]]\n        id = 'react'",
        "[[journeys.j.step]]\nid = 'sleep'\nwait = '1h'\n[[journeys.j.step]]\nid = 'react'",
    );
    check(
        &slept,
        "10:00 ada add cart=c1
        10:00 lease 9 20:00
        10:30 opened push
        15:00 advance",
        "10:00 ada j (c1): entered
        10:00 ada j, step push (c1): sent by push
        10:00 ada j, step sleep (c1): waits until 11:00
        10:00 push for ada from push, attempt 1
        11:00 ada j, step react (c1): came, on to end
        11:00 ada j (c1): completed",
    );
}

/// A cart that is touched again starts over, with its wait; another cart goes its own way.
#[test]
fn an_entry_and_a_wait_on_the_same_key() {
    check(
        &format!(
            "{SHOP}[journeys.cart]
            enter = {{ event = 'add', key = 'cart', reentry = 'restart' }}
            step = [
                {{ id = 'idle', wait_for = {{ any = [{{ event = 'buy', key = 'cart' }}], timeout = '1h', then = 'end' }} }},
                {{ id = 'push', send = {{ channel = 'push', template = 't' }} }},
            ]"
        ),
        "10:00 ada add cart=c1
        10:30 ada add cart=c1
        10:40 ada add cart=c2
        10:50 ada buy cart=c2
        12:00 advance",
        "10:00 ada cart (c1): entered
        10:00 ada cart, step idle (c1): waits for something until 11:00
        10:30 ada cart (c1): restarted
        10:30 ada cart, step idle (c1): waits for something until 11:30
        10:40 ada cart (c2): entered
        10:40 ada cart, step idle (c2): waits for something until 11:40
        10:50 ada cart, step idle (c2): came, on to end
        10:50 ada cart (c2): completed
        11:30 ada cart, step idle (c1): did not come, on to push
        11:30 ada cart, step push (c1): sent by push
        11:30 ada cart (c1): completed",
    );
}

#[test]
fn what_cannot_be_waited_for_is_refused() {
    for (wait, expected) in [
        (
            "any = [{ opened = 'mail' }], timeout = '4h'",
            "the step `mail` comes behind this one, so nothing can be known of it",
        ),
        ("any = [{ opened = 'react' }], timeout = '4h'", "the step `react` sends nothing"),
        ("any = [{ opened = 'posh' }], timeout = '4h'", "unknown step `posh` (did you mean `push`?)"),
        (
            "any = [{ opened = 'push' }], timeout = '8d'",
            "answers are remembered for 7d, and this waits longer",
        ),
        ("any = [{ event = 'view', where = 'x = 1' }], timeout = '4h'", "unknown property `x`"),
        ("any = [{ event = 'view' }], timeout = '4h', then = 'male'", "unknown step `male`"),
        // A segment that holds is no wait.
        (
            "any = [{ segment_entered = 'buyer' }], timeout = '4h', then = 'push'",
            "a loop through the step `push` without a wait",
        ),
    ] {
        let found = errors(&waits(wait));
        assert!(found.len() == 1 && found[0].contains(expected), "{wait}: {found:#?}");
    }
    assert_eq!(errors(&waits("any = [{ event = 'view' }], timeout = '4h', then = 'push'")), [""; 0]);
}
