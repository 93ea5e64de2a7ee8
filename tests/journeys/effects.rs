//! What journeys do besides sending: attributes, events, and calls of the host.

use crate::steps::SHOP;
use crate::story::check;

#[test]
fn what_is_set_is_seen_by_the_next_step_and_by_segments() {
    check(
        &format!(
            "{SHOP}[segments]
            gold = 'tier = \"gold\"'
            [journeys.j]
            enter = {{ event = 'add' }}
            step = [
                {{ id = 'raise', set = {{ tier = 'gold' }} }},
                {{ id = 'ask', branch = [{{ when = 'tier = \"gold\"', to = 'mail' }}] }},
                {{ id = 'stop', goto = 'end' }},
                {{ id = 'mail', send = {{ channel = 'email', template = 't' }} }},
            ]
            [journeys.welcome]
            enter = {{ segment_entered = 'gold' }}
            step = [{{ id = 'push', send = {{ channel = 'push', template = 't' }} }}]"
        ),
        "10:00 ada add
        11:00 ada add",
        "10:00 ada j: entered
        10:00 ada j, step raise: set tier
        10:00 ada welcome: entered
        10:00 ada j, step ask: branched to mail
        10:00 ada j, step mail: sent by email
        10:00 ada j: completed
        10:00 ada welcome, step push: sent by push
        10:00 ada welcome: completed
        11:00 ada j: entered
        11:00 ada j, step raise: set tier
        11:00 ada j, step ask: branched to mail
        11:00 ada j, step mail: sent by email
        11:00 ada j: completed",
    );
}

/// The first message of a user is like any other: what its steps do ends a stay that it began, and begins none twice.
#[test]
fn what_the_first_message_leads_to_is_told_once() {
    let onboard = format!(
        "{SHOP}[segments]
        newcomer = 'did(add) and tier is missing'
        [journeys.onboard]
        enter = {{ event = 'add' }}
        step = [{{ id = 'mark', set = {{ tier = 'begun' }} }}]
        [journeys.hello]
        enter = {{ segment_entered = 'newcomer' }}
        exit = [{{ segment_left = 'newcomer' }}]
        step = [{{ id = 'w', wait = '1h' }}, {{ id = 'p', send = {{ channel = 'push', template = 't' }} }}]"
    );
    check(
        &onboard,
        "10:00 ada add\n12:00 advance",
        "10:00 ada onboard: entered
        10:00 ada hello: entered
        10:00 ada onboard, step mark: set tier
        10:00 ada onboard: completed
        10:00 ada hello: exited: segment",
    );
    let twice = format!(
        "{SHOP}[segments]
        busy = 'count(add) + count(view) >= 1'
        [journeys.j]
        enter = {{ event = 'add' }}
        step = [{{ id = 'tell', emit = {{ event = 'view' }} }}]
        [journeys.nudge]
        enter = {{ segment_entered = 'busy', reentry = {{ parallel = 9 }} }}
        step = [{{ id = 'p', send = {{ channel = 'push', template = 't' }} }}]"
    );
    for before in ["", "09:00 ada buy\n"] {
        let mut story = crate::story::Story::new(&crate::story::read(&twice));
        let told = story.tell(&format!("{before}10:00 ada add\n12:00 advance"));
        assert_eq!(told.matches("sent by push").count(), 1, "{told}");
    }
}

#[test]
fn what_is_emitted_begins_ends_and_is_waited_for() {
    check(
        &format!(
            "{SHOP}[events.nudged]
            level = 'number'
            [segments]
            nudged = 'did(nudged where level = 2 in 1h)'
            [journeys.j]
            enter = {{ event = 'add' }}
            step = [
                {{ id = 'w', wait = '10m' }},
                {{ id = 'tell', emit = {{ event = 'nudged', properties = {{ level = 2 }} }} }},
            ]
            [journeys.other]
            enter = {{ event = 'view' }}
            step = [{{ id = 'w', wait_for = {{ any = [{{ event = 'nudged', where = 'level = 2' }}], timeout = '1h' }} }}]
            [journeys.left]
            enter = {{ event = 'view' }}
            exit = [{{ event = 'nudged' }}]
            step = [{{ id = 'w', wait = '1h' }}]
            [journeys.third]
            enter = {{ event = 'nudged' }}
            step = [{{ id = 'w', branch = [{{ when = 'segment(\"nudged\")', to = 'end' }}] }}, {{ id = 'x', wait = '1h' }}]"
        ),
        "10:00 ada add
        10:05 ada view
        12:00 advance",
        "10:00 ada j: entered
        10:00 ada j, step w: waits until 10:10
        10:05 ada other: entered
        10:05 ada left: entered
        10:05 ada other, step w: waits for something until 11:05
        10:05 ada left, step w: waits until 11:05
        10:10 ada j, step tell: emitted nudged
        10:10 ada j: completed
        10:10 ada left: exited: event
        10:10 ada third: entered
        10:10 ada other, step w: came, on to end
        10:10 ada other: completed
        10:10 ada third, step w: branched to end
        10:10 ada third: completed",
    );
}

#[test]
fn a_call_is_an_action_that_no_gate_stops_and_its_answer_can_be_waited_for() {
    check(
        &format!(
            "{SHOP}[delivery]
            quiet = {{ coupons = {{ from = '00:00', to = '23:59' }} }}
            [[delivery.cap]]
            scope = 'global'
            max = 1
            per = 'day'
            [journeys.j]
            enter = {{ event = 'add' }}
            step = [
                {{ id = 'push', send = {{ channel = 'push', template = 't' }} }},
                {{ id = 'coupon', call = {{ channel = 'coupons', properties = {{ percent = 10 }} }} }},
                {{ id = 'made', wait_for = {{ any = [{{ sent = 'coupon' }}], timeout = '1h', else = 'end' }} }},
                {{ id = 'mail', send = {{ channel = 'email', template = 't' }} }},
            ]"
        ),
        "10:00 ada add
        10:01 lease 9 20:00
        10:02 sent coupon",
        "10:00 ada j: entered
        10:00 ada j, step push: sent by push
        10:00 ada j, step coupon: called coupons
        10:00 ada j, step made: waits for something until 11:00
        10:01 push for ada from push, attempt 1
        10:01 coupons for ada from coupon, attempt 1
        10:02 ada j, step made: came, on to mail
        10:02 ada j, step mail: not sent: cap
        10:02 ada j: completed",
    );
}

/// A journey that calls itself comes to an end at one instant, and others go on.
#[test]
fn a_circle_of_events_is_cut_off() {
    let definitions = format!(
        "{SHOP}[journeys.a]
        enter = {{ event = 'add' }}
        step = [{{ id = 'x', emit = {{ event = 'view' }} }}]
        [journeys.b]
        enter = {{ event = 'view' }}
        step = [{{ id = 'x', emit = {{ event = 'add' }} }}]
        [journeys.c]
        enter = {{ event = 'buy' }}
        step = [{{ id = 'w', wait = '1h' }}]"
    );
    let mut story = crate::story::Story::new(&crate::story::read(&definitions));
    let told = story.tell("10:00 ada buy\n10:00 ada add\n12:00 advance");
    assert!((150..250).contains(&told.lines().count()), "{}", told.lines().count());
    assert_eq!(story.partition.loops_cut(), 1);
    // Who would have gone on says so.
    assert!(told.contains(", step x: not done: loop_guard\n"), "{told}");
    assert!(told.ends_with("11:00 ada c: completed\n"), "{told}");
}

#[test]
fn too_many_steps_at_one_instant_end_an_instance() {
    let steps: String = (0..70).map(|n| format!("{{ id = 's{n}', set = {{ tier = '{n}' }} }},\n")).collect();
    let definitions = format!("{SHOP}[journeys.j]\nenter = {{ event = 'add' }}\nstep = [{steps}]");
    let mut story = crate::story::Story::new(&crate::story::read(&definitions));
    let told = story.tell("10:00 ada add");
    assert!(told.ends_with("10:00 ada j, step s64: exited: loop_guard\n"), "{told}");
    assert_eq!(told.lines().count(), 66);
}

#[test]
fn the_host_asks_for_a_journey() {
    check(
        &format!(
            "{SHOP}[journeys.login]
            enter = {{ call = true, key = 'device', reentry = 'restart' }}
            audience = 'tier is missing'
            step = [{{ id = 'w', wait = '1m' }}, {{ id = 'push', send = {{ channel = 'push', template = 't' }} }}]"
        ),
        "10:00 ada view
        10:00 call login ada device=d1
        10:00:30 call login ada device=d1
        10:01 call login ada
        10:05 ada identify tier=gold
        10:06 call login ada device=d1",
        "10:00 ada login (d1): entered
        10:00 ada login, step w (d1): waits until 10:01
        10:00:30 ada login (d1): restarted
        10:00:30 ada login, step w (d1): waits until 10:01:30
        10:01 ada login: not entered: no key
        10:01:30 ada login, step push (d1): sent by push
        10:01:30 ada login (d1): completed
        10:06 ada login (d1): not entered: not in the audience",
    );
}

#[test]
fn values_come_from_the_event_the_user_and_the_key() {
    let definitions = format!(
        "{SHOP}[events.paid]
        amount = 'number'
        note = 'string'
        gift = 'bool'
        [attributes.last_cart]
        kind = 'string'
        [attributes.last_amount]
        kind = 'number'
        [attributes.known]
        kind = 'bool'
        [events.echo]
        amount = 'number'
        text = 'string'
        cart = 'string'
        [segments]
        rich = 'last_amount > 40 and known'
        echoed = 'did(echo where amount = 42.5 and text = \"42.5 by gold\")'
        [journeys.j]
        enter = {{ event = 'paid', key = 'note' }}
        step = [
            {{ id = 'set', set = {{ last_amount = '{{{{ event.amount }}}}', last_cart = 'cart {{{{ key }}}}', known = '{{{{ event.gift }}}}', tier = 'gold' }} }},
            {{ id = 'emit', emit = {{ event = 'echo', properties = {{ amount = '{{{{ user.last_amount }}}}', text = '{{{{ event.amount }}}} by {{{{ user.tier }}}}' }} }} }},
            {{ id = 'call', call = {{ channel = 'crm', properties = {{ amount = '{{{{ event.amount * 2 }}}}', cart = '{{{{ user.last_cart | upper }}}}', gone = '{{{{ event.nothing }}}}', plain = 7 }} }} }},
        ]"
    );
    let mut story = crate::story::Story::new(&crate::story::read(&definitions));
    let told = story.tell("10:00 ada paid amount=42.5 note=n1 gift=true");
    assert_eq!(told.lines().count(), 8, "{told}");
    let profile = story.partition.profile("ada").unwrap();
    let attribute = |name: &str| profile.attributes.get(name).cloned();
    assert_eq!(attribute("last_amount"), Some(42.5.into()));
    assert_eq!(attribute("last_cart"), Some("cart n1".into()));
    assert_eq!(attribute("known"), Some(true.into()));
    assert!(story.partition.is_member("ada", "rich") && story.partition.is_member("ada", "echoed"));
    let hour = bespoke::model::Duration::hours(1);
    let action = story.partition.outbox(1, hour, crate::story::at("10:00")).remove(0);
    let content = serde_json::to_string(&action.content).unwrap();
    assert_eq!(content, r#"{"amount":85.0,"cart":"CART N1","gone":null,"plain":7}"#);
}

/// What is missing unsets; what is of another kind, too long or cannot be rendered is not done, and the journey goes on.
#[test]
fn values_that_cannot_be_are_not_set_and_a_note_says_so() {
    let journey = |value: &str| {
        format!(
            "{SHOP}[events.paid]
            amount = 'number'
            note = 'string'
            [attributes.kept]
            kind = 'number'
            [attributes.text]
            kind = 'string'
            [journeys.j]
            enter = {{ event = 'paid' }}
            step = [{{ id = 'set', set = {{ {value} }} }}, {{ id = 'w', wait = '1h' }}]"
        )
    };
    for (value, done, kept, text) in [
        ("kept = '{{ event.amount }}'", true, Some(7.into()), Some("before".into())),
        ("kept = '{{ event.note }}'", false, Some(1.into()), Some("before".into())),
        ("kept = '{{ event.amount }} '", true, Some(7.into()), Some("before".into())),
        ("kept = '{{ event.amount }}!'", false, Some(1.into()), Some("before".into())),
        ("kept = '{{ event.other }}'", true, None, Some("before".into())),
        ("text = '{{ event.amount }}'", true, Some(1.into()), Some("7".into())),
        ("text = '{{ event.amount }}{{ event.other }}'", true, Some(1.into()), Some("7".into())),
        ("text = '{{ \"x\" * 9000 }}'", false, Some(1.into()), Some("before".into())),
        ("kept = '{{ event.amount / 0 }}'", false, Some(1.into()), Some("before".into())),
        // All or nothing.
        ("text = 'after', kept = '{{ event.note }}'", false, Some(1.into()), Some("before".into())),
    ] {
        let mut story = crate::story::Story::new(&crate::story::read(&journey(value)));
        story.tell("09:00 ada identify kept=1 text=before");
        let told = story.tell("10:00 ada paid amount=7 note=hello");
        assert_eq!(
            !told.contains("step set: not done: its template cannot be rendered"),
            done,
            "{value}: {told}"
        );
        assert!(told.contains("step w: waits"), "{value}: {told}");
        let attributes = story.partition.profile("ada").unwrap().attributes;
        assert_eq!(
            (attributes.get("kept"), attributes.get("text")),
            (kept.as_ref(), text.as_ref()),
            "{value}"
        );
    }
}
