//! The delivery gate, rule by rule in its order: what each does, and what it says.

use crate::steps::SHOP;
use crate::story;
use crate::story::{Story, check, errors, read};

/// A journey that sends one message by push and goes on; with more of the definitions, of the journey and of the send.
fn one(more: &str, journey: &str, send: &str) -> String {
    format!(
        "{SHOP}{more}
        [journeys.j]
        enter = {{ event = 'add' }}
        late = {{ catch_up = '30d' }}
        {journey}
        step = [
            {{ id = 'm', send = {{ channel = 'push', template = 't'{send} }} }},
            {{ id = 'last', wait = '1h' }},
            {{ id = 'else', send = {{ channel = 'email', template = 't' }} }},
        ]"
    )
}

/// What is told of the step `m`, without the user's and the journey's name.
fn of_message(definitions: &str, story: &str) -> Vec<String> {
    let told = Story::new(&read(definitions)).tell(story);
    told.lines()
        .filter(|line| line.contains("step m:"))
        .map(|line| line.replace(" ada j, step m:", ""))
        .collect()
}

#[track_caller]
fn table(cases: &[(&str, &str, &str, &str, &[&str])]) {
    for (more, journey, send, story, expected) in cases {
        assert_eq!(
            of_message(&one(more, journey, send), story),
            *expected,
            "{more} {journey} {send} {story}"
        );
    }
}

#[test]
fn rule_2_consent_to_the_purpose_of_the_send_or_the_journey_or_its_class() {
    let purposes = "[consent]\nmarketing = { default = 'denied' }\ndeals = { default = 'granted' }";
    let (no, sent) = ("10:00 not sent: no_consent", "10:00 sent by push");
    table(&[
        (purposes, "", "", "10:00 ada add", &[no]),
        (purposes, "", "", "09:00 ada agrees marketing\n10:00 ada add", &[sent]),
        (purposes, "class = 'service'", "", "10:00 ada add", &[sent]),
        (purposes, "purpose = 'deals'", "", "10:00 ada add", &[sent]),
        (purposes, "purpose = 'deals'", ", purpose = 'marketing'", "10:00 ada add", &[no]),
        (
            purposes,
            "class = 'transactional'\npurpose = 'deals'",
            "",
            "09:00 ada refuses deals\n10:00 ada add",
            &[no],
        ),
        (purposes, "", ", purpose = 'deals'", "09:00 ada refuses deals\n10:00 ada add", &[no]),
        (
            purposes,
            "",
            ", purpose = 'deals'",
            "09:00 ada refuses deals push\n10:00 ada add",
            &["10:00 not sent: unsubscribed"],
        ),
        (purposes, "", ", purpose = 'deals'", "09:00 ada refuses deals email\n10:00 ada add", &[sent]),
    ]);
}

#[test]
fn a_purpose_that_is_withdrawn_takes_back_what_waits() {
    let purposes = "[consent]\ndeals = { default = 'granted' }";
    let told =
        of_message(&one(purposes, "", ", purpose = 'deals'"), "10:00 ada add\n10:30 ada refuses deals");
    assert_eq!(told, ["10:00 sent by push", "10:30 not sent: no_consent"]);
}

#[test]
fn rule_3_an_address_or_the_step_for_who_has_none() {
    let channels = "[channels]\npush = { address = 'tier' }";
    let consent = "[consent]\nmarketing = { default = 'denied' }\n[channels]\npush = { address = 'tier' }";
    table(&[
        (channels, "", "", "10:00 ada add", &["10:00 not sent: unreachable"]),
        (channels, "", "", "09:00 ada identify tier=token\n10:00 ada add", &["10:00 sent by push"]),
        (
            channels,
            "",
            ", unreachable = 'else'",
            "10:00 ada add",
            &["10:00 not sent: unreachable, on to else"],
        ),
        (channels, "", ", unreachable = 'end'", "10:00 ada add", &["10:00 not sent: unreachable, on to end"]),
        // Who does not agree is not sent it by another way either.
        (consent, "", ", unreachable = 'else'", "10:00 ada add", &["10:00 not sent: no_consent"]),
    ]);
    check(
        &one(channels, "", ", unreachable = 'else'"),
        "10:00 ada add",
        "10:00 ada j: entered
        10:00 ada j, step m: not sent: unreachable, on to else
        10:00 ada j, step else: sent by email
        10:00 ada j: completed",
    );
}

#[test]
fn where_sends_lead_is_checked() {
    let found = errors(&one("", "", ", unreachable = 'nowhere', capped = 'nobody'"));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].contains("unknown step `nowhere`") && found[1].contains("unknown step `nobody`"),
        "{found:?}"
    );
    let circle = one("", "", ", unreachable = 'm'");
    assert!(errors(&circle)[0].contains("a loop through the step `m` without a wait"));
}

#[test]
fn rule_4_expiry() {
    table(&[
        ("", "", ", expires = '30m'", "10:00 ada add @09:30", &["10:00 not sent: expired"]),
        ("", "", ", expires = '30m'", "10:00 ada add @09:30:00.001", &["10:00 sent by push"]),
        // Who is held out would not have been sent it.
        ("", "holdout = 100", ", expires = '30m'", "10:00 ada add @09:30", &["10:00 not sent: expired"]),
    ]);
}

#[test]
fn rule_5_who_is_held_out_goes_through_it_and_is_sent_nothing() {
    let ghost = "10:00 held out, not sent by push";
    let night = "[delivery]\nquiet = { push = { from = '09:00', to = '11:00' } }";
    table(&[
        ("", "holdout = 100", "", "10:00 ada add", &[ghost]),
        ("", "holdout = 0", "", "10:00 ada add", &["10:00 sent by push"]),
        (night, "holdout = 100", "", "10:00 ada add", &[ghost]),
    ]);
    check(
        &one("", "holdout = 100", ""),
        "10:00 ada add
        12:00 advance
        12:00 lease 9 13:00",
        "10:00 ada j: entered
        10:00 ada j, step m: held out, not sent by push
        10:00 ada j, step last: waits until 11:00
        11:00 ada j, step else: held out, not sent by email
        11:00 ada j: completed",
    );
}

#[test]
fn a_share_of_users_is_held_out_always_the_same() {
    let told = |holdout: u32| -> Vec<bool> {
        let mut story = Story::new(&read(&one("", &format!("holdout = {holdout}"), "")));
        let held = |user: usize| story.tell(&format!("10:00 u{user} add")).contains("held out");
        (0..400).map(held).collect()
    };
    let (ten, thirty) = (told(10), told(30));
    let count = |held: &[bool]| held.iter().filter(|held| **held).count();
    assert!((25..56).contains(&count(&ten)) && (90..151).contains(&count(&thirty)));
    // Who is held out stays so where more are.
    assert!(ten.iter().zip(&thirty).all(|(ten, thirty)| !ten || *thirty));
}

#[test]
fn a_ghost_takes_no_slot_of_a_cap() {
    let text = format!(
        "{SHOP}[[delivery.cap]]\nscope = 'global'\nmax = 1\nper = 'day'
        [journeys.a]\nenter = {{ event = 'add' }}\npriority = 9\nholdout = 100
        step = [{{ id = 'm', send = {{ channel = 'push', template = 't' }} }}]
        [journeys.b]\nenter = {{ event = 'add' }}
        step = [{{ id = 'm', send = {{ channel = 'push', template = 't' }} }}]"
    );
    let told = Story::new(&read(&text)).tell("10:00 ada add");
    assert!(told.contains("b, step m: sent by push"), "{told}");
}

#[test]
fn rule_6_the_same_is_not_said_twice() {
    let (sent, twice) = ("10:00 sent by push", "13:00 not sent: sent already");
    let again = "10:00 ada add\n12:00 advance\n13:00 ada add";
    table(&[
        ("", "", "", again, &[sent, "13:00 sent by push"]),
        ("", "", ", dedup = '4h'", again, &[sent, twice]),
        ("", "", ", dedup = '3h'", again, &[sent, "13:00 sent by push"]),
        ("[delivery]\ndedup = '7d'", "", "", again, &[sent, twice]),
        ("", "", ", dedup = { key = 'welcome', window = '7d' }", again, &[sent, twice]),
        // What did not arrive was not said.
        (
            "",
            "",
            ", dedup = '4h'",
            "10:00 ada add\n10:00 lease 9 11:00\n10:01 failed m\n12:00 advance\n13:00 ada add",
            &[sent, "10:01 not delivered: failed", "13:00 sent by push"],
        ),
    ]);
}

#[test]
fn what_says_the_same_is_the_content_or_the_key_whatever_journey_sends_it() {
    let text = |a: &str, b: &str| {
        format!(
            "{SHOP}[templates.cart]\ntitle = 'Your cart {{{{ event.cart }}}}'
            [journeys.a]\nenter = {{ event = 'add' }}
            step = [{{ id = 'm', send = {{ channel = 'push', template = 'cart', dedup = {a} }} }}]
            [journeys.b]\nenter = {{ event = 'buy' }}
            step = [{{ id = 'm', send = {{ channel = 'push', template = 'cart', dedup = {b} }} }}]"
        )
    };
    for (a, b, story, count) in [
        ("'7d'", "'7d'", "10:00 ada add cart=1\n11:00 ada buy cart=1", 1),
        ("'7d'", "'7d'", "10:00 ada add cart=1\n11:00 ada buy cart=2", 2),
        ("'7d'", "'7d'", "10:00 ada add cart=1\n11:00 bob buy cart=1", 2),
        ("{ key = 'k' }", "{ key = 'k' }", "10:00 ada add cart=1\n11:00 ada buy cart=2", 1),
        ("{ key = 'k' }", "{ key = 'l' }", "10:00 ada add cart=1\n11:00 ada buy cart=1", 2),
    ] {
        let told = Story::new(&read(&text(a, b))).tell(story);
        assert_eq!(told.matches("sent by push").count(), count, "{a} {b} {story}: {told}");
    }
}

#[test]
fn rule_7_quiet_hours_defer_drop_or_let_pass() {
    let night = |on: &str| {
        format!("[delivery]\nquiet = {{ push = {{ from = '22:00', to = '08:00', on = '{on}' }} }}")
    };
    let (defer, drop, bypass) = (night("defer"), night("drop"), night("bypass"));
    let story = "23:00 ada add\n24T12:00 advance";
    let sent = "23:00 sent by push";
    table(&[
        (&defer, "", "", story, &["23:00 quiet hours, deferred until 24T08:00", "24T08:00 sent by push"]),
        (&drop, "", "", story, &["23:00 not sent: dropped in quiet hours"]),
        (&bypass, "", "", story, &[sent]),
        (&defer, "class = 'transactional'", "", story, &[sent]),
        (&drop, "class = 'transactional'", "", story, &[sent]),
        (&defer, "", ", expires = '9h'", story, &["23:00 not sent: expires in quiet hours"]),
        (&drop, "", "", "21:59 ada add", &["21:59 sent by push"]),
    ]);
}

#[test]
fn what_is_quiet_when_the_host_asks_waits_for_the_morning() {
    let text = |on: &str, class: &str| {
        let more =
            format!("[delivery]\nquiet = {{ push = {{ from = '22:00', to = '08:00', on = '{on}' }} }}");
        format!("{}\n", one(&more, class, ""))
    };
    for (on, class, expected) in [
        ("defer", "", "24T08:00 push for ada from m, attempt 1"),
        ("drop", "", "24T08:00 push for ada from m, attempt 1"),
        ("bypass", "", "22:00 push for ada from m, attempt 1"),
        ("defer", "class = 'transactional'", "22:00 push for ada from m, attempt 1"),
    ] {
        let told = Story::new(&read(&text(on, class))).tell(
            "21:59 ada add
            22:00 lease 9 22:10
            24T07:59:59.999 lease 9 24T08:00
            24T08:00 lease 9 24T09:00",
        );
        let first = told.lines().find(|line| line.contains("push for"));
        assert_eq!(first, Some(expected), "{on} {class}: {told}");
    }
}

#[test]
fn who_travels_while_it_waits_is_left_in_peace_where_they_are() {
    let more = "[delivery]\nquiet = { push = { from = '22:00', to = '08:00' } }";
    let told = Story::new(&read(&one(more, "", ""))).tell(
        "12:00 ada add
        12:30 ada identify timezone=Pacific/Auckland
        13:00 lease 9 13:10
        18:59 lease 9 19:00
        19:00 lease 9 19:10",
    );
    // Midnight has come in Auckland, and eight o'clock comes at seven in the evening.
    let handed_out: Vec<&str> = told.lines().filter(|line| line.contains("push for")).collect();
    assert_eq!(handed_out, ["19:00 push for ada from m, attempt 1"]);
}

#[test]
fn rule_8_the_best_hour_within_its_window_and_outside_quiet_hours() {
    let exact = "[delivery]\nsend_time = { explore = 0.0, fallback = '19:30' }";
    let quiet =
        "[delivery]\nsend_time = { explore = 0.0 }\nquiet = { push = { from = '18:30', to = '20:15' } }";
    let best = ", at = 'best', between = '17:00-21:30'";
    let story = "10:00 ada add\n24T23:00 advance";
    table(&[
        // Nothing is known: the fallback to the minute, else the first instant that may be.
        (exact, "", best, story, &["10:00 best time, deferred until 19:30", "19:30 sent by push"]),
        (
            exact,
            "",
            ", at = 'best', between = '17:00-21:30', fallback = '18:00'",
            story,
            &["10:00 best time, deferred until 18:00", "18:00 sent by push"],
        ),
        (quiet, "", best, story, &["10:00 best time, deferred until 17:00", "17:00 sent by push"]),
        (quiet, "", ", at = 'best'", story, &["10:00 sent by push"]),
        // The window's first hours are quiet.
        (
            quiet,
            "",
            ", at = 'best', between = '18:30-21:30'",
            story,
            &["10:00 best time, deferred until 20:15", "20:15 sent by push"],
        ),
        (quiet, "", ", at = 'best', between = '19:00-20:00'", story, &["10:00 not sent: best time"]),
        // It would be pointless by then.
        (
            exact,
            "",
            ", expires = '2h', at = 'best', between = '17:00-21:30'",
            story,
            &["10:00 not sent: best time"],
        ),
        // In its window already, where no other hour is known to be better.
        (quiet, "", best, "17:20 ada add", &["17:20 sent by push"]),
        // Where the user is.
        (
            exact,
            "",
            best,
            "09:00 ada identify timezone=Europe/Paris\n10:00 ada add\n24T23:00 advance",
            &["10:00 best time, deferred until 18:30", "18:30 sent by push"],
        ),
        // Who travels gets another one.
        (
            exact,
            "",
            best,
            "10:00 ada add\n12:00 ada identify timezone=Europe/Paris\n24T23:00 advance",
            &[
                "10:00 best time, deferred until 19:30",
                "12:00 best time, deferred until 18:30",
                "18:30 sent by push",
            ],
        ),
    ]);
}

#[test]
fn the_best_hour_is_learned_from_sessions() {
    let more = "[delivery]\nsend_time = { explore = 0.0, fallback = '19:30' }";
    let mut story = Story::new(&read(&one(more, "", ", at = 'best', between = '06:00-21:30'")));
    // Ada comes at seven in the morning, five days a week.
    for day in 2..=27 {
        if ![7, 8, 14, 15, 21, 22].contains(&day) {
            story.tell(&format!("{day:02}T07:10 ada view"));
        }
    }
    let told = story.tell("29T22:00 ada add\n30T23:00 advance");
    assert!(told.contains("29T22:00 ada j, step m: best time, deferred until 30T07:00"), "{told}");
    assert!(told.contains("30T07:00 ada j, step m: sent by push"), "{told}");
    let action = &story.partition.outbox(9, bespoke::model::Duration::hours(1), story::at("30T23:00"))[0];
    assert_eq!(action.probability, Some(1.0));
    let rates = story.partition.answer_rates("ada");
    assert!(
        rates.iter().all(|(hour, rate)| hour.hour() != 7 || hour.is_weekend() || *rate > 2.0),
        "{rates:?}"
    );
}

#[test]
fn rule_9_caps_skip_wait_or_lead_to_another_step() {
    let day =
        |capped: &str| format!("[[delivery.cap]]\nscope = 'channel:push'\nmax = 1\nper = 'day'\n{capped}");
    let (skip, defer) = (day(""), day("capped = 'defer'"));
    let window = "[[delivery.cap]]\nscope = 'global'\nmax = 1\nwindow = '3h'\ncapped = 'defer'";
    let both = format!("{defer}\n[[delivery.cap]]\nscope = 'global'\nmax = 1\nwindow = '3h'");
    let story = "10:00 ada add\n11:00 advance\n11:30 ada add\n25T00:00 advance";
    let first = "10:00 sent by push";
    table(&[
        (&skip, "", "", story, &[first, "11:30 not sent: cap"]),
        (&defer, "", "", story, &[first, "11:30 cap, deferred until 24T00:00", "24T00:00 sent by push"]),
        (
            &skip,
            "",
            ", capped = 'defer'",
            story,
            &[first, "11:30 cap, deferred until 24T00:00", "24T00:00 sent by push"],
        ),
        (&defer, "", ", capped = 'skip'", story, &[first, "11:30 not sent: cap"]),
        (&skip, "", ", capped = 'else'", story, &[first, "11:30 not sent: cap, on to else"]),
        // It would be pointless by then.
        (
            &defer,
            "",
            ", expires = '12h'",
            story,
            &[first, "11:30 not sent: cap", "22:00 not sent: expired in the outbox"],
        ),
        // Every cap in the way must let it wait.
        (&both, "", "", story, &[first, "11:30 not sent: cap"]),
        (&defer, "class = 'transactional'", "", story, &[first, "11:30 sent by push"]),
    ]);
    // The step behind sends by email an hour later: of the three hours it is the one that is out last.
    let story = "10:00 ada add\n10:59 advance\n25T00:00 advance";
    let told = Story::new(&read(&one(window, "", ""))).tell(story);
    assert!(told.contains("11:00 ada j, step else: cap, deferred until 13:00"), "{told}");
    assert!(told.contains("13:00 ada j, step else: sent by email"), "{told}");
}

/// What was put off once goes before what came later, whatever it is called.
#[test]
fn a_cap_starves_nobody() {
    let text = format!(
        "{SHOP}[[delivery.cap]]\nscope = 'global'\nmax = 1\nper = 'day'\ncapped = 'defer'
        [journeys.later]\nenter = {{ event = 'view', reentry = {{ parallel = 9 }} }}
        late = {{ catch_up = '30d' }}
        step = [{{ id = 'm', send = {{ channel = 'push', template = 't' }} }}]
        [journeys.once]\nenter = {{ event = 'add' }}
        late = {{ catch_up = '30d' }}
        step = [{{ id = 'm', send = {{ channel = 'push', template = 't' }} }}]"
    );
    let told = Story::new(&read(&text))
        .tell("10:00 ada view\n11:00 ada add\n12:00 ada view\n13:00 ada view\n26T00:00 advance");
    let sent: Vec<&str> = told.lines().filter(|line| line.contains("sent by push")).collect();
    assert_eq!(
        sent,
        [
            "10:00 ada later, step m: sent by push",
            "24T00:00 ada once, step m: sent by push",
            "25T00:00 ada later, step m: sent by push",
            "26T00:00 ada later, step m: sent by push",
        ]
    );
}

#[test]
fn caps_count_tags_of_sends_and_journeys() {
    let text = |a: &str, b: &str| {
        format!(
            "{SHOP}[[delivery.cap]]\nscope = 'tag:deal'\nmax = 1\nper = 'day'
            [journeys.a]\nenter = {{ event = 'add' }}\n{a}
            step = [{{ id = 'm', send = {{ channel = 'push', template = 't' }} }}]
            [journeys.b]\nenter = {{ event = 'add' }}
            step = [{{ id = 'm', send = {{ channel = 'email', template = 't'{b} }} }}]"
        )
    };
    for (a, b, count) in [
        ("tags = ['deal']", ", tags = ['deal', 'x']", 1),
        ("tags = ['deal']", "", 2),
        ("", ", tags = ['x']", 2),
    ] {
        let told = Story::new(&read(&text(a, b))).tell("10:00 ada add");
        assert_eq!(told.matches(": sent by").count(), count, "{a} {b}: {told}");
    }
}

#[test]
fn rule_10_what_expires_first_goes_first_among_equals() {
    let send = |name: &str, more: &str, expires: &str| {
        format!(
            "[journeys.{name}]\nenter = {{ event = 'add' }}\n{more}
            step = [{{ id = 'm', send = {{ channel = 'push', template = 't'{expires} }} }}]\n"
        )
    };
    for (journeys, first) in [
        (send("a", "", "") + &send("b", "", ", expires = '2h'"), "b"),
        (send("a", "", ", expires = '1h'") + &send("b", "", ", expires = '2h'"), "a"),
        (send("a", "", "") + &send("b", "", ""), "a"),
        (send("a", "priority = 1", "") + &send("b", "", ", expires = '2h'"), "a"),
        (send("a", "priority = 9", "") + &send("b", "class = 'service'", ""), "b"),
    ] {
        let cap = "[[delivery.cap]]\nscope = 'global'\nmax = 1\nper = 'day'\n";
        let told = Story::new(&read(&format!("{SHOP}{cap}{journeys}"))).tell("10:00 ada add");
        assert!(told.contains(&format!("{first}, step m: sent by push")), "{told}");
        assert_eq!(told.matches("sent by push").count(), 1, "{told}");
    }
}

#[test]
fn rule_11_a_channel_takes_so_many_at_a_time() {
    let throttle = "[delivery]\nthrottle = { push = { max = 1, per = '10m', burst = 2 } }";
    check(
        &format!(
            "{SHOP}{throttle}
            [journeys.j]\nenter = {{ event = 'add' }}
            step = [{{ id = 'm', send = {{ channel = 'push', template = 't', expires = '30m' }} }}]"
        ),
        "10:00 ada add
        10:00 bob add
        10:00 eve add
        10:00 sue add
        10:00 tom add
        10:00 zoe add
        11:00 advance",
        "10:00 ada j: entered
        10:00 ada j, step m: sent by push
        10:00 ada j: completed
        10:00 bob j: entered
        10:00 bob j, step m: sent by push
        10:00 bob j: completed
        10:00 eve j: entered
        10:00 eve j, step m: throttle, deferred until 10:10
        10:00 sue j: entered
        10:00 sue j, step m: throttle, deferred until 10:20
        10:00 tom j: entered
        10:00 tom j, step m: not sent: throttle
        10:00 tom j: completed
        10:00 zoe j: entered
        10:00 zoe j, step m: not sent: throttle
        10:00 zoe j: completed
        10:10 eve j, step m: sent by push
        10:10 eve j: completed
        10:20 sue j, step m: sent by push
        10:20 sue j: completed
        10:30 ada j, step m: not sent: expired in the outbox
        10:30 bob j, step m: not sent: expired in the outbox
        10:30 eve j, step m: not sent: expired in the outbox
        10:30 sue j, step m: not sent: expired in the outbox",
    );
}

#[test]
fn the_first_rule_that_fails_gives_the_reason() {
    // All of them fail; they are put right one after the other, in the order of the rules.
    let text = |consent: &str, send: &str, holdout: u32, quiet: &str| {
        one(
            &format!(
                "[consent]\nmarketing = {{ default = '{consent}' }}\n[channels]\npush = {{ address = 'tier' }}
                [delivery]\nquiet = {{ push = {{ from = '09:00', to = '{quiet}', on = 'drop' }} }}
                throttle = {{ push = {{ max = 1, per = '1d' }} }}
                [[delivery.cap]]\nscope = 'global'\nmax = 1\nper = 'day'\ncounts = ['marketing']"
            ),
            &format!("holdout = {holdout}"),
            send,
        )
    };
    let late = ", expires = '10m'";
    for (definitions, address, reason) in [
        (text("denied", late, 100, "11:00"), "", "not sent: no_consent"),
        (text("granted", late, 100, "11:00"), "", "not sent: unreachable"),
        (text("granted", late, 100, "11:00"), "tier=x", "not sent: expired"),
        (text("granted", "", 100, "11:00"), "tier=x", "held out, not sent by push"),
        (text("granted", "", 0, "11:00"), "tier=x", "not sent: dropped in quiet hours"),
    ] {
        let told = of_message(&definitions, &format!("09:00 ada identify {address}\n10:00 ada add @09:30"));
        assert_eq!(told, [format!("10:00 {reason}")], "{definitions}");
    }
}

#[test]
fn what_expires_in_the_outbox_leaves_it_at_its_own_instant() {
    let cap = "[[delivery.cap]]\nscope = 'global'\nmax = 1\nwindow = '1d'";
    let text = format!(
        "{SHOP}{cap}
        [journeys.j]\nenter = {{ event = 'add' }}
        step = [{{ id = 'm', send = {{ channel = 'push', template = 't', expires = '1h' }} }}]"
    );
    // And gives its slot back.
    check(
        &text,
        "10:00 ada add
        11:30 ada add
        12:00 lease 9 12:10
        15:00 ada add",
        "10:00 ada j: entered
        10:00 ada j, step m: sent by push
        10:00 ada j: completed
        11:00 ada j, step m: not sent: expired in the outbox
        11:30 ada j: entered
        11:30 ada j, step m: sent by push
        11:30 ada j: completed
        12:00 push for ada from m, attempt 1
        12:30 ada j, step m: not sent: expired in the outbox
        15:00 ada j: entered
        15:00 ada j, step m: sent by push
        15:00 ada j: completed",
    );
    // Not while the host has it.
    check(
        &text,
        "10:00 ada add
        10:50 lease 9 11:20
        11:10 sent m
        13:00 ada add",
        "10:00 ada j: entered
        10:00 ada j, step m: sent by push
        10:00 ada j: completed
        10:50 push for ada from m, attempt 1
        13:00 ada j: entered
        13:00 ada j, step m: not sent: cap
        13:00 ada j: completed",
    );
}

#[test]
fn the_policy_of_the_best_hour_is_checked() {
    for (policy, problem) in [
        ("{ half_life = '1h' }", "`half_life` cannot be 1h; it is from `1d` to `36500d`"),
        ("{ segments = ['nobody'] }", "unknown segment `nobody`"),
    ] {
        let found = errors(&format!("{SHOP}[delivery]\nsend_time = {policy}"));
        assert!(found.len() == 1 && found[0].contains(problem), "{policy}: {found:?}");
    }
}
