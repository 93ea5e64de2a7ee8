use super::shop::{Shop, at, cap, check, journey, on_event};
use crate::journey::{CapPeriod, Class, DeliveryPolicy, Reentry};

#[test]
fn of_two_profiles_both_journeys_go_on_and_of_one_key_the_earlier() {
    check(
        &[journey("j", on_event("add", "", "cart"), &["wait 1h", "send email"])],
        DeliveryPolicy::default(),
        "10:00 ~d1 add cart=c1
        10:05 ada add cart=c1
        10:05 ada add cart=c2
        10:10 ~d1 add cart=c2
        10:10 ~d1 add cart=c3
        10:20 ada~d1 login
        12:00 advance",
        "10:00 d1 j (c1): entered
        10:00 d1 j, step s0 (c1): waits until 11:00
        10:05 ada j (c1): entered
        10:05 ada j, step s0 (c1): waits until 11:05
        10:05 ada j (c2): entered
        10:05 ada j, step s0 (c2): waits until 11:05
        10:10 d1 j (c2): entered
        10:10 d1 j, step s0 (c2): waits until 11:10
        10:10 d1 j (c3): entered
        10:10 d1 j, step s0 (c3): waits until 11:10
        10:20 ada j (c1): exited: merged
        10:20 ada j (c2): exited: merged
        11:00 ada j, step s1 (c1): sent by email
        11:00 ada j (c1): completed
        11:05 ada j, step s1 (c2): sent by email
        11:05 ada j (c2): completed
        11:10 ada j, step s1 (c3): sent by email
        11:10 ada j (c3): completed",
    );
}

#[test]
fn a_merge_readdresses_what_waits_and_adds_up_what_caps_count() {
    let j = journey("j", on_event("add", "", ""), &["send email"]);
    let caps = vec![cap("", 2, CapPeriod::Day, &[Class::Marketing])];
    let mut shop = Shop::new(&[j], DeliveryPolicy { caps, ..DeliveryPolicy::default() });
    shop.tell(
        "10:00 ~d1 add
        10:01 ada add",
    );
    let before: Vec<String> = shop.lease(9, at("10:02")).iter().map(|action| action.id.clone()).collect();
    assert!(shop.tell("10:05 ada~d1 add").contains("not sent: cap"));
    let after = shop.lease(9, at("10:10"));
    let shown: Vec<_> = after.iter().map(|action| (&*action.user, &action.id)).collect();
    assert_eq!(shown, [("ada", &before[0]), ("ada", &before[1])]);
}

#[test]
fn after_a_merge_no_two_actions_share_an_id() {
    // Both profiles are in their first entry; without a key, so only its number tells them apart.
    let j = journey("j", on_event("add", "", ""), &["wait 1h", "send email"]);
    let mut shop = Shop::new(&[j], DeliveryPolicy::default());
    shop.tell(
        "09:00 ada add
        10:10 ~d1 add
        10:20 ada~d1 login
        11:30 ada add
        13:00 advance",
    );
    let mut ids: Vec<String> = shop.lease(9, at("14:00")).iter().map(|action| action.id.clone()).collect();
    assert_eq!(ids.len(), 3);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[test]
fn the_past_of_both_profiles_counts_for_reentry() {
    let j = journey("j", on_event("add", "", ""), &["send email"]).reentry(Reentry::Once);
    let mut shop = Shop::new(&[j], DeliveryPolicy::default());
    shop.tell(
        "10:00 ~d1 add
        10:10 ada view
        10:20 ada~d1 login",
    );
    assert_eq!(shop.tell("10:30 ada add"), "10:30 ada j: not entered: once only\n");
}

#[test]
fn an_action_goes_to_the_name_that_its_user_has_by_then() {
    let mut shop =
        Shop::new(&[journey("j", on_event("add", "", ""), &["send email"])], DeliveryPolicy::default());
    shop.tell(
        "10:00 ~d1 add
        10:01 ada~d1 login",
    );
    assert_eq!(&*shop.lease(1, at("11:00"))[0].user, "ada");
}

#[test]
fn a_user_who_is_erased_leaves_nothing_but_counters() {
    let j = journey("j", on_event("add", "", "cart"), &["send email", "wait 1h", "send email"])
        .exit(on_event("buy", "", "cart"));
    let caps = vec![cap("", 9, CapPeriod::Day, &[Class::Marketing])];
    let mut shop = Shop::new(&[j], DeliveryPolicy { caps, ..DeliveryPolicy::default() });
    shop.tell(
        "10:00 bob add cart=c9
        10:00 ada add cart=c1
        10:00 ada add cart=c2
        10:00 ada add cart=c3
        10:01 lease 2 10:02
        10:01 ack sent
        10:01 lease 1 11:00
        10:02 ada buy cart=c2
        10:02 ada buy cart=c4",
    );
    assert!(shop.state().contains("ada"));
    let answered = shop.journeys.outbox_stats();
    shop.tell("10:03 ada forget");
    let state = shop.state();
    assert!(!state.contains("ada") && !state.contains("c1"), "{state}");
    assert!(shop.journeys.outbox_stats().leased < answered.leased);
    // Nothing is due for the number that the profile had, and a new user may get it.
    assert_eq!(shop.tell("10:30 eve view\n12:00 advance").matches("eve").count(), 0);
    assert!(shop.lease(9, at("13:00")).iter().all(|action| &*action.user == "bob"));
}
