use super::shop::{Shop, cap, check, journey, ms, on_event, policy};
use crate::journey::{Cap, CapPeriod, Capped, Class, DeliveryPolicy};
use crate::model::Duration;

#[test]
fn quiet_hours_defer_to_their_end_in_the_users_zone() {
    let push = journey("j", on_event("add", "", ""), &["send push"]);
    for (zone, sent) in [
        ("UTC", "24T08:00"),
        // 00:30 in Paris.
        ("Europe/Paris", "24T07:00"),
        // 18:30 in New York: not quiet.
        ("America/New_York", "23:30"),
    ] {
        let mut shop = Shop::new(std::slice::from_ref(&push), policy(vec![]));
        let told = shop.tell(&format!(
            "10:00 ada identify timezone={zone}
            23:30 ada add
            25T00:00 advance"
        ));
        let deferred = format!("23:30 ada j, step s0: quiet hours, deferred until {sent}");
        assert_eq!(told.contains(&deferred), sent != "23:30", "{told}");
        assert!(told.contains(&format!("{sent} ada j, step s0: sent by push")), "{told}");
    }
}

#[test]
fn quiet_hours_end_by_the_clock_on_the_wall_when_clocks_change() {
    // Clocks go forward on the 29th of March in Paris: eight o'clock comes an hour earlier.
    let mut shop = Shop::new(&[journey("j", on_event("add", "", ""), &["send push"])], policy(vec![]));
    shop.now = super::shop::at("03-28T00:00");
    let told = shop.tell(
        "03-28T10:00 ada identify timezone=Europe/Paris
        03-28T22:00 ada add
        03-30T00:00 advance",
    );
    assert!(told.contains("03-29T06:00 ada j, step s0: sent by push"), "{told}");
}

#[test]
fn only_what_is_quiet_waits_and_what_comes_next_waits_from_then() {
    check(
        &[
            journey("push", on_event("add", "", ""), &["send push", "wait 1h", "send email"]),
            journey("mail", on_event("add", "", ""), &["send email"]),
            journey("code", on_event("add", "", ""), &["send push"]).class(Class::Transactional),
        ],
        policy(vec![]),
        "23:00 ada add
        24T12:00 advance",
        "23:00 ada push: entered
        23:00 ada mail: entered
        23:00 ada code: entered
        23:00 ada code, step s0: sent by push
        23:00 ada code: completed
        23:00 ada push, step s0: quiet hours, deferred until 24T08:00
        23:00 ada mail, step s0: sent by email
        23:00 ada mail: completed
        24T08:00 ada push, step s0: sent by push
        24T08:00 ada push, step s1: waits until 24T09:00
        24T09:00 ada push, step s2: sent by email
        24T09:00 ada push: completed",
    );
}

#[test]
fn expiry() {
    for (step, story, expected) in [
        // Late by just so much, and by a millisecond less.
        ("send email 30m", "10:00 ada add @09:30", "10:00 ada j, step s0: not sent: expired"),
        ("send email 30m", "10:00 ada add @09:30:00.001", "10:00 ada j, step s0: sent by email"),
        // Quiet hours would end too late: it is said at once.
        ("send push 9h", "23:00 ada add", "23:00 ada j, step s0: not sent: expires in quiet hours"),
        ("send push 541m", "23:00 ada add", "23:00 ada j, step s0: quiet hours, deferred until 24T08:00"),
    ] {
        let mut shop = Shop::new(&[journey("j", on_event("add", "", ""), &[step])], policy(vec![]));
        let told = shop.tell(story);
        assert_eq!(told.lines().nth(1), Some(expected), "{step} {story}");
    }
}

#[test]
fn expiry_is_counted_from_when_the_send_was_due_at_first() {
    // Deferred to 08:00, where another quiet time of another zone begins: nine hours and a half are too many.
    let mut shop = Shop::new(&[journey("j", on_event("add", "", ""), &["send push 10h"])], policy(vec![]));
    let told = shop.tell(
        "23:00 ada add
        24T07:00 ada identify timezone=America/New_York
        24T12:00 advance",
    );
    assert!(
        told.ends_with(
            "24T08:00 ada j, step s0: not sent: expires in quiet hours\n24T08:00 ada j: completed\n"
        )
    );
}

const MARKETING: &[Class] = &[Class::Marketing];

#[test]
fn caps_count_local_days_local_weeks_and_sliding_windows() {
    for (zone, per, inputs) in [
        // The day begins at midnight; in Paris at 23:00.
        ("UTC", CapPeriod::Day, "22:30 sent 23:59 cap 24T00:00 sent"),
        ("Europe/Paris", CapPeriod::Day, "22:30 sent 22:59 cap 23:00 sent 23:59 cap"),
        // The week begins on Monday the 23rd.
        ("UTC", CapPeriod::Week, "00:01 sent 24T10:00 cap 29T23:59 cap 30T00:00 sent"),
        // What was sent a window ago is out of it.
        ("UTC", CapPeriod::Window(ms("24h")), "10:00 sent 24T09:59:59.999 cap 24T10:00 sent 25T09:00 cap"),
    ] {
        let j = journey("j", on_event("add", "", ""), &["send email"]);
        let policy = DeliveryPolicy { caps: vec![cap("", 1, per, MARKETING)], ..DeliveryPolicy::default() };
        let mut shop = Shop::new(&[j], policy);
        shop.tell(&format!("00:00 ada identify timezone={zone}"));
        for input in inputs.split(' ').collect::<Vec<_>>().chunks(2) {
            let told = shop.tell(&format!("{} ada add", input[0]));
            let wanted = if input[1] == "sent" { "sent by email" } else { "not sent: cap" };
            assert!(told.contains(wanted), "{zone} {per:?} {input:?}: {told}");
        }
    }
}

#[test]
fn caps_count_their_channel_and_their_classes() {
    let j = |name: &str, channel: &str, class| {
        journey(name, on_event(name, "", ""), &[&format!("send {channel}")]).class(class)
    };
    let all = [
        j("a", "email", Class::Marketing),
        j("b", "sms", Class::Marketing),
        j("c", "email", Class::Service),
        j("d", "email", Class::Transactional),
    ];
    let window = CapPeriod::Window(ms("24h"));
    for (cap, inputs) in [
        (cap("", 1, window, MARKETING), "a sent b cap a cap c sent d sent"),
        (cap("email", 1, window, MARKETING), "a sent b sent a cap b sent c sent"),
        (cap("", 2, window, &[Class::Marketing, Class::Service]), "a sent c sent b cap c cap d sent"),
        // What is transactional passes, also where it is counted.
        (cap("", 1, window, &[Class::Marketing, Class::Transactional]), "d sent d sent a cap d sent"),
        (cap("", 0, window, MARKETING), "a cap d sent"),
    ] {
        let policy = DeliveryPolicy { caps: vec![cap.clone()], ..DeliveryPolicy::default() };
        let mut shop = Shop::new(&all, policy);
        for input in inputs.split(' ').collect::<Vec<_>>().chunks(2) {
            let told = shop.tell(&format!("10:00 ada {}", input[0]));
            let wanted = if input[1] == "sent" { ": sent by" } else { "not sent: cap" };
            assert!(told.contains(wanted), "{cap:?} {input:?}: {told}");
        }
    }
}

#[test]
fn a_cap_goes_to_class_then_priority_then_journey_order() {
    let j = |name: &str, priority, class| {
        journey(name, on_event("add", "", ""), &["send email"]).priority(priority).class(class)
    };
    let all = [
        j("low", 1, Class::Marketing),
        j("first", 9, Class::Marketing),
        j("second", 9, Class::Marketing),
        j("service", 0, Class::Service),
    ];
    let caps = vec![cap("", 3, CapPeriod::Day, &[Class::Marketing, Class::Service])];
    let mut shop = Shop::new(&all, DeliveryPolicy { caps, ..DeliveryPolicy::default() });
    let told = shop.tell("10:00 ada add");
    let sends: Vec<&str> = told.lines().filter(|line| line.contains("sent")).collect();
    assert_eq!(
        sends,
        [
            "10:00 ada service, step s0: sent by email",
            "10:00 ada first, step s0: sent by email",
            "10:00 ada second, step s0: sent by email",
            "10:00 ada low, step s0: not sent: cap",
        ]
    );
}

#[test]
fn what_did_not_reach_the_user_takes_no_slot() {
    let j = journey("j", on_event("add", "", ""), &["send email 3h"]).exit(on_event("buy", "", ""));
    let caps = vec![cap("", 1, CapPeriod::Day, MARKETING)];
    let policy = DeliveryPolicy { caps, ..DeliveryPolicy::default() };
    for (between, reaches) in [
        ("11:00 lease 9 12:00\n11:00 ack sent", false),
        ("11:00 lease 9 12:00\n11:00 ack failed", true),
        ("11:00 lease 9 12:00\n11:00 ack suppressed", true),
        ("11:00 lease 9 12:00\n11:00 ack unreachable", true),
        // Withdrawn by an exit; with the host already.
        ("11:00 ada buy", true),
        ("11:00 lease 9 15:30\n11:30 ada buy", false),
        // Expired before the host came for it, or while the host had it; and while the host has it still.
        ("", true),
        ("12:59 lease 9 14:00", true),
        ("12:59 lease 9 15:01", false),
    ] {
        let mut shop = Shop::new(std::slice::from_ref(&j), policy.clone());
        let told = shop.tell(&format!("10:00 ada add\n{between}\n15:00 ada add"));
        assert_eq!(told.matches(": sent by email").count(), 1 + usize::from(reaches), "{between}: {told}");
    }
}

#[test]
fn a_bounce_after_it_was_sent_gives_the_slot_back_once() {
    let j = journey("j", on_event("add", "", ""), &["send email"]);
    let caps = vec![cap("", 1, CapPeriod::Day, MARKETING)];
    let mut shop = Shop::new(&[j], DeliveryPolicy { caps, ..DeliveryPolicy::default() });
    shop.tell("10:00 ada add");
    let id = shop.lease(1, shop.now)[0].id.clone();
    shop.acknowledge(&id, "sent");
    shop.acknowledge(&id, "failed");
    shop.acknowledge(&id, "unreachable");
    let told = shop.tell("11:00 ada add");
    assert_eq!(told.matches("j, step s0: not delivered: failed").count(), 1, "{told}");
    assert!(told.contains("sent by email"), "{told}");
    let counts = shop.journeys.counts();
    let lost: u64 = counts.iter().filter(|((_, r), _)| r.starts_with("not delivered")).map(|(_, n)| n).sum();
    assert_eq!(lost, 1);
}

#[test]
fn what_waits_for_a_slot_goes_when_one_is_given_back() {
    let defers =
        Cap { capped: Capped::Defer, ..cap("", 1, CapPeriod::Window(Duration::hours(24)), MARKETING) };
    let policy = DeliveryPolicy { caps: vec![defers], ..DeliveryPolicy::default() };
    let first = journey("a", on_event("add", "", ""), &["send email"]).exit(on_event("buy", "", ""));
    let second = journey("b", on_event("view", "", ""), &["send push"]);
    for (between, goes) in [
        ("", "b, step s0: sent by push"),
        ("10:02 lease 1 11:00\n10:02 ack failed", "10:02 ada b, step s0: sent by push"),
        // What the first one would have taken is free again, whatever became of it.
        ("10:02 ada buy", "10:02 ada b, step s0: sent by push"),
        ("10:02 lease 1 11:00\n10:02 ada buy", "24T10:00 ada b, step s0: sent by push"),
    ] {
        let mut shop = Shop::new(&[first.clone(), second.clone()], policy.clone());
        let told =
            shop.tell(&format!("10:00 ada add\n10:01 ada view\n{between}\n10:03 advance\n24T12:00 advance"));
        assert!(told.contains("10:01 ada b, step s0: cap, deferred until 24T10:00"), "{told}");
        assert!(told.contains(goes), "{between}: {told}");
    }
}

#[test]
fn a_template_that_cannot_be_rendered_is_a_reason() {
    check(
        &[journey("j", on_event("add", "", ""), &["send email", "send sms"])],
        DeliveryPolicy::default(),
        "10:00 ada add broken=true",
        "10:00 ada j: entered
        10:00 ada j, step s0: not sent: its template cannot be rendered
        10:00 ada j, step s1: not sent: its template cannot be rendered
        10:00 ada j: completed",
    );
}

#[test]
fn every_reason_is_counted_by_journey() {
    let a = journey("a", on_event("add", "", ""), &["wait 1h", "send push", "send email"]);
    let mut shop = Shop::new(&[a], policy(vec![cap("email", 1, CapPeriod::Week, MARKETING)]));
    shop.tell(
        "10:00 ada add
        10:01 ada add
        22:00 ada add
        24T22:00 ada add @24T20:00
        25T00:00 advance",
    );
    let counts: Vec<String> =
        shop.journeys.counts().iter().map(|((journey, what), n)| format!("{journey}: {what} {n}")).collect();
    assert_eq!(
        counts,
        [
            "a: completed 2",
            "a: deferred: quiet hours 1",
            "a: entered 2",
            "a: not entered: in it already 1",
            "a: not entered: late 1",
            "a: not sent: cap 1",
            "a: sent by email 1",
            "a: sent by push 2",
            "a: waited 2",
        ]
    );
}
