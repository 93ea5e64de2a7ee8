use super::shop::{Shop, check, journey, ms, on_event};
use crate::journey::{DeliveryPolicy, Reentry, Trigger};

fn cart() -> crate::journey::Journey {
    journey("cart", on_event("add", "worth >= 20", "cart"), &["wait 1h", "send email"])
        .exit(on_event("buy", "", "cart"))
}

#[test]
fn an_event_enters_by_condition_and_key() {
    check(
        &[cart()],
        DeliveryPolicy::default(),
        "10:00 ada add cart=c1 worth=19
        10:01 ada add cart=c2 worth=20
        10:02 bob add cart=c2 worth=20
        10:03 ada add cart=c3 worth=20
        10:04 ada add worth=20
        10:05 ada add cart=true worth=20
        10:06 ada add cart=7 worth=20
        10:07 ada add cart=7.0 worth=20",
        "10:01 ada cart (c2): entered
        10:01 ada cart, step s0 (c2): waits until 11:01
        10:02 bob cart (c2): entered
        10:02 bob cart, step s0 (c2): waits until 11:02
        10:03 ada cart (c3): entered
        10:03 ada cart, step s0 (c3): waits until 11:03
        10:04 ada cart: not entered: no key
        10:05 ada cart: not entered: no key
        10:06 ada cart (7): entered
        10:06 ada cart, step s0 (7): waits until 11:06
        10:07 ada cart (7): not entered: in it already",
    );
}

#[test]
fn an_exit_event_ends_the_instance_of_its_key_or_all() {
    let any = cart().exit(on_event("logout", "", ""));
    check(
        &[any],
        DeliveryPolicy::default(),
        "10:00 ada add cart=c1 worth=20
        10:00 ada add cart=c2 worth=20
        10:00 ada add cart=c3 worth=20
        10:10 ada buy cart=c2
        10:11 ada buy
        10:12 bob logout
        10:13 ada logout
        12:00 advance",
        "10:00 ada cart (c1): entered
        10:00 ada cart, step s0 (c1): waits until 11:00
        10:00 ada cart (c2): entered
        10:00 ada cart, step s0 (c2): waits until 11:00
        10:00 ada cart (c3): entered
        10:00 ada cart, step s0 (c3): waits until 11:00
        10:10 ada cart (c2): exited: event
        10:13 ada cart (c1): exited: event
        10:13 ada cart (c3): exited: event",
    );
}

#[test]
fn segments_begin_and_end_journeys() {
    let active = journey("active", Trigger::SegmentEntered("active".into()), &["wait 2h", "send email"])
        .exit(Trigger::SegmentLeft("active".into()));
    let left = journey("left", Trigger::SegmentLeft("active".into()), &["send email"]);
    let keyed = journey("keyed", Trigger::SegmentEntered("waiting_cart".into()), &["wait 1h", "send email"])
        .exit(Trigger::SegmentLeft("waiting_cart".into()));
    check(
        &[active, left, keyed],
        DeliveryPolicy::default(),
        "10:00 ada view
        10:30 ada add cart=c1
        10:40 ada add cart=c2
        11:35 ada buy cart=c1
        13:00 advance",
        "10:00 ada active: entered
        10:00 ada active, step s0: waits until 12:00
        11:00 ada active: exited: segment
        11:00 ada left: entered
        11:00 ada left, step s0: sent by email
        11:00 ada left: completed
        11:30 ada keyed (c1): entered
        11:30 ada keyed, step s0 (c1): waits until 12:30
        11:35 ada keyed (c1): exited: segment
        11:40 ada keyed (c2): entered
        11:40 ada keyed, step s0 (c2): waits until 12:40
        12:40 ada keyed, step s1 (c2): sent by email
        12:40 ada keyed (c2): completed",
    );
}

#[test]
fn of_one_instant_exits_come_before_entries() {
    // One event both ends and begins; of segments, whichever comes first in the definitions.
    let event = journey("event", on_event("add", "", ""), &["wait 1h"]).exit(on_event("add", "", ""));
    let segment = journey("segment", Trigger::SegmentEntered("active".into()), &["wait 1h"])
        .exit(Trigger::SegmentEntered("vip".into()));
    check(
        &[event, segment],
        DeliveryPolicy::default(),
        "10:00 ada add
        10:10 ada add
        10:20 bob view
        10:30 bob identify tier=gold
        10:40 eve login
        10:41 ~d1 view
        10:42 eve~d1 identify tier=gold",
        "10:00 ada event: entered
        10:00 ada event, step s0: waits until 11:00
        10:10 ada event: exited: event
        10:10 ada event: entered
        10:10 ada event, step s0: waits until 11:10
        10:20 bob segment: entered
        10:20 bob segment, step s0: waits until 11:20
        10:30 bob segment: exited: segment
        10:41 d1 segment: entered
        10:41 d1 segment, step s0: waits until 11:41
        10:42 eve segment: exited: segment
        10:42 eve segment: entered
        10:42 eve segment, step s0: waits until 11:42",
    );
}

#[test]
fn the_audience_is_asked_on_entry() {
    check(
        &[journey("gold", on_event("add", "", ""), &["wait 1h"]).audience("segment(\"vip\")")],
        DeliveryPolicy::default(),
        "10:00 ada add
        10:01 ada identify tier=gold
        10:02 ada add
        10:03 ada identify tier=none
        12:00 advance",
        "10:00 ada gold: not entered: not in the audience
        10:02 ada gold: entered
        10:02 ada gold, step s0: waits until 11:02
        11:02 ada gold: completed",
    );
}

#[test]
fn reentry() {
    let in_it = "10:10 ada j: not entered: in it already";
    for (reentry, second, third, fourth) in [
        (Reentry::AfterExit, in_it, "11:30 ada j: entered", "15:00 ada j: entered"),
        (Reentry::Once, in_it, "11:30 ada j: not entered: once only", "15:00 ada j: not entered: once only"),
        (Reentry::After(ms("4h")), in_it, "11:30 ada j: not entered: too soon", "15:00 ada j: entered"),
        (Reentry::Restart, "10:10 ada j: restarted", "11:30 ada j: entered", "15:00 ada j: entered"),
    ] {
        let j = journey("j", on_event("add", "", ""), &["wait 1h"]).reentry(reentry);
        let mut shop = Shop::new(&[j], DeliveryPolicy::default());
        let mut first_of = |story: &str| shop.tell(story).lines().next().unwrap_or_default().to_owned();
        assert_eq!(first_of("10:00 ada add"), "10:00 ada j: entered");
        assert_eq!(first_of("10:10 ada add"), second, "{reentry:?}");
        // Over at 11:00, or restarted at 11:10.
        shop.tell("11:20 advance");
        let mut first_of = |story: &str| shop.tell(story).lines().next().unwrap_or_default().to_owned();
        assert_eq!(first_of("11:30 ada add"), third, "{reentry:?}");
        shop.tell("14:59 advance");
        let mut first_of = |story: &str| shop.tell(story).lines().next().unwrap_or_default().to_owned();
        assert_eq!(first_of("15:00 ada add"), fourth, "{reentry:?}");
    }
}

#[test]
fn a_restart_counts_its_waits_anew() {
    check(
        &[cart().reentry(Reentry::Restart)],
        DeliveryPolicy::default(),
        "10:00 ada add cart=c1 worth=20
        10:40 ada add cart=c1 worth=30
        10:50 ada add cart=c1 worth=30 @10:39
        12:00 advance",
        "10:00 ada cart (c1): entered
        10:00 ada cart, step s0 (c1): waits until 11:00
        10:40 ada cart (c1): restarted
        10:40 ada cart, step s0 (c1): waits until 11:40
        10:50 ada cart (c1): not entered: older than what is known
        11:40 ada cart, step s1 (c1): sent by email
        11:40 ada cart (c1): completed",
    );
}

#[test]
fn once_holds_for_ever_and_after_until_its_last_millisecond() {
    let once = journey("once", on_event("add", "", ""), &["send email"]).reentry(Reentry::Once);
    let after = journey("after", on_event("add", "", ""), &["send email"]).reentry(Reentry::After(ms("7d")));
    let mut shop = Shop::new(&[once, after], DeliveryPolicy::default());
    shop.tell("10:00 ada add");
    // Exits of others let the past of those who can enter again be dropped.
    for day in ["24", "25", "26", "27", "28"] {
        shop.tell(&format!("{day}T10:00 u{day} add"));
    }
    let told = shop.tell(
        "30T09:59:59.999 ada add
        30T10:00 ada add
        12-20T10:00 ada add",
    );
    let refusals: Vec<&str> = told.lines().filter(|line| line.contains("entered")).collect();
    assert_eq!(
        refusals,
        [
            "30T09:59:59.999 ada once: not entered: once only",
            "30T09:59:59.999 ada after: not entered: too soon",
            "30T10:00 ada once: not entered: once only",
            "30T10:00 ada after: entered",
            "12-20T10:00 ada once: not entered: once only",
            "12-20T10:00 ada after: entered",
        ]
    );
}

#[test]
fn late_events() {
    for (story, expected) in [
        // Twenty minutes late on a wait of sixty: forty are left.
        (
            "10:00 ada add cart=c1 worth=20 @09:40
            12:00 advance",
            "10:00 ada cart (c1): entered
            10:00 ada cart, step s0 (c1): waits until 10:40
            10:40 ada cart, step s1 (c1): sent by email
            10:40 ada cart (c1): completed",
        ),
        // Late by the whole wait, and by as much as is tolerated.
        (
            "10:00 ada add cart=c1 worth=20 @09:00",
            "10:00 ada cart (c1): entered
            10:00 ada cart, step s1 (c1): sent by email
            10:00 ada cart (c1): completed",
        ),
        ("10:00 ada add cart=c1 worth=20 @08:59:59.999", "10:00 ada cart (c1): not entered: late"),
        // Exits apply however late they are.
        (
            "10:00 ada add cart=c1 worth=20
            10:59 ada buy cart=c1 @02:00",
            "10:00 ada cart (c1): entered
            10:00 ada cart, step s0 (c1): waits until 11:00
            10:59 ada cart (c1): exited: event",
        ),
        // An entry that is older than the last exit is refused, one that is not enters.
        (
            "10:00 ada add cart=c1 worth=20
            10:30 ada buy cart=c1 @10:20
            10:31 ada add cart=c1 worth=20 @10:19
            10:32 ada add cart=c2 worth=20 @10:19
            10:33 ada add cart=c1 worth=20 @10:21",
            "10:00 ada cart (c1): entered
            10:00 ada cart, step s0 (c1): waits until 11:00
            10:30 ada cart (c1): exited: event
            10:31 ada cart (c1): not entered: older than what is known
            10:32 ada cart (c2): entered
            10:32 ada cart, step s0 (c2): waits until 11:19
            10:33 ada cart (c1): entered
            10:33 ada cart, step s0 (c1): waits until 11:21",
        ),
        // Also where the exit came before its entry, out of order, and ended nothing.
        (
            "10:30 ada buy cart=c1
            10:31 ada add cart=c1 worth=20 @10:19
            10:32 bob add cart=c1 worth=20 @10:19",
            "10:31 ada cart (c1): not entered: older than what is known
            10:32 bob cart (c1): entered
            10:32 bob cart, step s0 (c1): waits until 11:19",
        ),
    ] {
        check(&[cart()], DeliveryPolicy::default(), story, expected);
    }
}

#[test]
fn events_that_are_late_by_the_way_they_took_all_enter() {
    // A journey without waits is over at the instant of what began it, not at the clock.
    check(
        &[journey("receipt", on_event("buy", "", ""), &["send email"])],
        DeliveryPolicy::default(),
        "10:00:05 ada buy @10:00:00
        10:00:06 ada buy @10:00:03",
        "10:00:05 ada receipt: entered
        10:00:05 ada receipt, step s0: sent by email
        10:00:05 ada receipt: completed
        10:00:06 ada receipt: entered
        10:00:06 ada receipt, step s0: sent by email
        10:00:06 ada receipt: completed",
    );
}

#[test]
fn a_user_is_in_at_most_256_at_once() {
    let mut shop = Shop::new(&[cart()], DeliveryPolicy::default());
    let mut told = String::new();
    for cart in 0..300 {
        told += &shop.tell(&format!("10:00 ada add cart=c{cart} worth=20"));
    }
    assert_eq!(told.matches(": entered").count(), 256);
    assert_eq!(told.matches("in too many at once").count(), 44);
}

#[test]
fn an_event_that_no_journey_names_changes_nothing() {
    let mut shop = Shop::new(&[cart()], DeliveryPolicy::default());
    shop.tell("10:00 ada add cart=c1 worth=20");
    let before = shop.state();
    assert_eq!(shop.tell("10:01 ada view cart=c1\n10:02 bob other"), "");
    assert_eq!(shop.state(), before);
}
