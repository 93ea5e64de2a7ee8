use super::shop::{check, journey, on_event};
use crate::journey::DeliveryPolicy;

#[test]
fn steps_run_in_order_each_at_its_own_instant() {
    let steps = ["wait 1h", "send push", "wait 30m", "send email"];
    let story = "10:00 ada add
        15:00 advance";
    check(
        &[journey("cart", on_event("add", "", ""), &steps)],
        DeliveryPolicy::default(),
        story,
        "10:00 ada cart: entered
        10:00 ada cart, step s0: waits until 11:00
        11:00 ada cart, step s1: sent by push
        11:00 ada cart, step s2: waits until 11:30
        11:30 ada cart, step s3: sent by email
        11:30 ada cart: completed",
    );
}

#[test]
fn a_branch_takes_the_first_arm_that_holds_and_else_falls_through() {
    let steps = [
        "wait 1h",
        "choose: branch tier = \"gold\" -> gold; did(view in 2h) -> end",
        "send push",
        "goto end",
        "gold: send email",
    ];
    let cart = journey("cart", on_event("add", "", ""), &steps);
    for (before, led_to) in [
        ("", "11:00 ada cart, step s2: sent by push"),
        (
            "09:00 ada identify tier=gold
            09:30 ada view",
            "11:00 ada cart, step choose: branched to gold
            11:00 ada cart, step gold: sent by email",
        ),
        ("09:30 ada view", "11:00 ada cart, step choose: branched to end"),
    ] {
        let story = format!("{before}\n10:00 ada add\n12:00 advance");
        let expected = format!(
            "10:00 ada cart: entered
            10:00 ada cart, step s0: waits until 11:00
            {led_to}
            11:00 ada cart: completed"
        );
        check(std::slice::from_ref(&cart), DeliveryPolicy::default(), &story, &expected);
    }
}

#[test]
fn more_than_64_steps_at_one_instant_end_it() {
    let steps: Vec<&str> = std::iter::repeat_n("send push", 65).collect();
    let enter = on_event("add", "", "");
    let run = |steps: &[&str]| {
        let mut shop =
            super::shop::Shop::new(&[journey("many", enter.clone(), steps)], DeliveryPolicy::default());
        let told = shop.tell("10:00 ada add");
        (told.matches("sent by push").count(), told.lines().last().unwrap_or_default().to_owned())
    };
    assert_eq!(run(&steps), (64, "10:00 ada many, step s64: exited: loop_guard".into()));
    assert_eq!(run(&steps[..64]), (64, "10:00 ada many: completed".into()));
    // A wait between them begins a new count.
    let mut parted = steps.clone();
    parted[40] = "wait 1ms";
    assert_eq!(run(&parted).0, 40);
}

#[test]
fn a_loop_goes_round_as_long_as_its_condition_leads_back() {
    let steps = ["again: wait 1d", "send push", "branch did(view in 1h) -> end", "goto again"];
    let shop = check(
        &[journey("remind", on_event("add", "", ""), &steps)],
        DeliveryPolicy::default(),
        "10:00 ada add
        25T09:30 ada view
        30T00:00 advance",
        "10:00 ada remind: entered
        10:00 ada remind, step again: waits until 24T10:00
        24T10:00 ada remind, step s1: sent by push
        24T10:00 ada remind, step again: waits until 25T10:00
        25T10:00 ada remind, step s1: sent by push
        25T10:00 ada remind, step s2: branched to end
        25T10:00 ada remind: completed",
    );
    let mut shop = shop;
    let actions = shop.lease(9, shop.now);
    assert_eq!(actions.len(), 2);
    assert_ne!(actions[0].id, actions[1].id, "a second round is another action");
}

#[test]
fn a_late_entry_into_a_short_loop_is_not_too_many_steps() {
    // 59 rounds lie behind the clock already.
    let steps = ["again: wait 1m", "branch did(buy) -> end", "goto again"];
    let mut shop = super::shop::Shop::new(
        &[journey("poll", on_event("add", "", ""), &steps)],
        DeliveryPolicy::default(),
    );
    let told = shop.tell("10:00 ada add @09:00:30");
    assert_eq!(told.lines().last(), Some("10:00 ada poll, step again: waits until 10:00:30"));
}
