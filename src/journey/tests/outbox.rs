use super::shop::{Shop, at, check, journey, on_event};
use crate::journey::{Acknowledged, DeliveryPolicy, Reentry};

#[test]
fn a_lease_that_runs_out_offers_the_same_action_again() {
    let j = journey("j", on_event("add", "", "cart"), &["send email"]);
    let mut shop = check(
        &[j],
        DeliveryPolicy::default(),
        "10:00 ada add cart=c1
        10:00 bob add cart=c2
        10:00 ada add cart=c3
        10:01 lease 2 10:05
        10:02 lease 9 10:04
        10:03:59.999 lease 9 10:10
        10:04 lease 9 10:10
        10:05 lease 1 10:10
        10:05 lease 9 10:10",
        "10:00 ada j (c1): entered
        10:00 ada j, step s0 (c1): sent by email
        10:00 ada j (c1): completed
        10:00 bob j (c2): entered
        10:00 bob j, step s0 (c2): sent by email
        10:00 bob j (c2): completed
        10:00 ada j (c3): entered
        10:00 ada j, step s0 (c3): sent by email
        10:00 ada j (c3): completed
        10:01: email for ada from s0, attempt 1
        10:01: email for bob from s0, attempt 1
        10:02: email for ada from s0, attempt 1
        10:04: email for ada from s0, attempt 2
        10:05: email for ada from s0, attempt 2
        10:05: email for bob from s0, attempt 2",
    );
    let mut ids: Vec<String> = shop.leased.iter().map(|action| action.id.clone()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| id.len() == 32));
    shop.tell("10:06 ack sent");
    assert!(shop.lease(9, shop.now).is_empty());
}

#[test]
fn acknowledging_twice_or_something_unknown_is_counted_and_changes_nothing() {
    let j = journey("j", on_event("add", "", ""), &["send email"]);
    let mut shop = Shop::new(&[j], DeliveryPolicy::default());
    shop.tell("10:00 ada add");
    let id = shop.lease(1, at("11:00"))[0].id.clone();
    let say = |shop: &mut Shop, id: &str, delivery: &str, expected| {
        let before = shop.journeys.counts();
        assert_eq!(shop.acknowledge(id, delivery), expected, "{id} {delivery}");
        assert_eq!(shop.journeys.counts(), before, "{id} {delivery}");
    };
    say(&mut shop, &id, "sent", Acknowledged::Accepted);
    say(&mut shop, &id, "sent", Acknowledged::Repeated);
    say(&mut shop, &id, "delivered", Acknowledged::Accepted);
    say(&mut shop, &id, "delivered", Acknowledged::Repeated);
    for unknown in ["", "x", "+", &id[1..], &id.to_uppercase(), &"0".repeat(32), &"0".repeat(99)] {
        say(&mut shop, unknown, "failed", Acknowledged::Unknown);
    }
    let stats = shop.journeys.outbox_stats();
    assert_eq!((stats.pending, stats.leased, stats.repeated, stats.unknown), (0, 0, 2, 7));
    // Answers are kept for a week.
    shop.tell("30T10:00 advance");
    say(&mut shop, &id, "sent", Acknowledged::Repeated);
    shop.tell("30T10:00:00.001 advance");
    say(&mut shop, &id, "sent", Acknowledged::Unknown);
}

#[test]
fn an_exit_withdraws_what_waits_and_not_what_the_host_has() {
    let j = journey("j", on_event("add", "", "cart"), &["send email", "send push", "wait 1h", "send sms"])
        .exit(on_event("buy", "", "cart"));
    check(
        &[j],
        DeliveryPolicy::default(),
        "10:00 ada add cart=c1
        10:00 ada add cart=c2
        10:01 lease 1 10:06
        10:05 ada buy cart=c1
        10:06 lease 9 10:30",
        "10:00 ada j (c1): entered
        10:00 ada j, step s0 (c1): sent by email
        10:00 ada j, step s1 (c1): sent by push
        10:00 ada j, step s2 (c1): waits until 11:00
        10:00 ada j (c2): entered
        10:00 ada j, step s0 (c2): sent by email
        10:00 ada j, step s1 (c2): sent by push
        10:00 ada j, step s2 (c2): waits until 11:00
        10:01: email for ada from s0, attempt 1
        10:05 ada j (c1): exited: event
        10:05 ada j, step s1 (c1): not sent: left before
        10:06: email for ada from s0, attempt 2
        10:06: email for ada from s0, attempt 1
        10:06: push for ada from s1, attempt 1",
    );
}

#[test]
fn what_the_host_did_not_answer_in_time_is_withdrawn_whether_or_not_it_asked_since() {
    let j = journey("j", on_event("add", "", ""), &["send email", "wait 1h"]).exit(on_event("buy", "", ""));
    for asked in ["", "10:02 lease 0 10:30"] {
        let mut shop = Shop::new(std::slice::from_ref(&j), DeliveryPolicy::default());
        let told = shop.tell(&format!("10:00 ada add\n10:01 lease 1 10:02\n{asked}\n10:02 ada buy"));
        assert!(told.contains("10:02 ada j, step s0: not sent: left before"), "{asked}: {told}");
        assert_eq!(shop.lease(9, at("11:00")), []);
    }
}

#[test]
fn an_exit_withdraws_what_waits_of_a_journey_that_is_over() {
    let j = journey("j", on_event("add", "", ""), &["send email"]).exit(on_event("buy", "", ""));
    check(
        &[j],
        DeliveryPolicy::default(),
        "10:00 ada add
        10:05 ada buy
        10:06 lease 9 10:30",
        "10:00 ada j: entered
        10:00 ada j, step s0: sent by email
        10:00 ada j: completed
        10:05 ada j, step s0: not sent: left before",
    );
}

#[test]
fn a_restart_withdraws_what_waits_and_sends_under_another_id() {
    let j = journey("j", on_event("add", "", ""), &["send email", "wait 1h"]).reentry(Reentry::Restart);
    let mut shop = Shop::new(&[j], DeliveryPolicy::default());
    shop.tell("10:00 ada add");
    let first = shop.lease(9, at("10:20"))[0].id.clone();
    let told = shop.tell(
        "10:10 ada add
        10:19 ada add
        10:20 advance",
    );
    assert!(told.contains("10:19 ada j, step s0: not sent: started over before"), "{told}");
    let second = shop.lease(9, at("10:30"));
    // The first was with the host, and comes again; of the two others the one that was withdrawn does not.
    assert_eq!(second.len(), 2);
    assert_eq!(second[0].id, first);
    assert_ne!(second[1].id, first);
}

#[test]
fn an_action_is_a_line_of_the_format_and_its_id_never_changes() {
    let j = journey("cart", on_event("add", "", "cart"), &["push: send push"]);
    let mut shop = Shop::new(&[j], DeliveryPolicy::default());
    shop.tell("10:00 ada add cart=c7 worth=40");
    let action = &shop.lease(1, at("11:00"))[0];
    assert_eq!(
        serde_json::to_string(action).unwrap(),
        r#"{"at":1795428000000,"id":"ID","user":"ada","journey":"cart","step":"push","channel":"push","content":{"template":"hello","key":"c7","worth":40},"key":"c7"}"#
            .replace("ID", &action.id)
    );
    // Of `cart`, its version, `ada`, `sc7`, 1, `push`, `push`. Hosts deduplicate by it: it may not move.
    assert_eq!(action.id, "3d672b6229a34e50dd15d80e2dcf8f5f");
}

#[test]
fn answers_and_leases_are_part_of_the_state() {
    let j = journey("j", on_event("add", "", ""), &["send email"]);
    let mut shop = Shop::new(&[j], DeliveryPolicy::default());
    let mut states = vec![shop.state()];
    for story in ["10:00 ada add", "10:01 lease 1 10:05", "10:06 lease 1 10:10", "10:06 ack sent"] {
        shop.tell(story);
        states.push(shop.state());
    }
    states.sort();
    states.dedup();
    assert_eq!(states.len(), 5);
}
